"""Renders an application's log event as one line of JSON.

The members of an event go in, of any kind; text without a line break comes out. An event that carries metrics becomes
an EMF document.
"""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

from flowemf._encoding.document import fitting
from flowemf._encoding.text import member, plain_text
from flowemf_schemas import limits, names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowemf._events.fields import Metadata

_SHORTENED = "shortened"
_SHORTENED_CHARACTERS = 65_536
# Deeper than any sane event, and far from what the interpreter's stack holds.
_MOST_LEVELS = 50
_INFINITY = float("inf")


def metric_lines(metadata: Metadata, event: Mapping[str, Any]) -> str:
    """Render an event that carries metrics.

    Args:
        metadata: its member `_aws`, as `flowemf.fields` made it.
        event: its members, those of `flowemf.fields` among them.

    Returns:
        One line; several only where one would be too large.
    """
    part = metadata.part
    targets: dict[str, object] = {**part.dimensions, **part.values}
    message = {names.EVENT: event[names.EVENT]} if names.EVENT in event else {}  # the last thing to be cut
    others = {
        name: value
        for name, value in {**message, **event}.items()
        if value is not metadata and not (name in targets and _same(value, targets[name]))
    }
    properties = metadata.bulk.properties(others, {*targets, names.AWS})
    lines = metadata.bulk.encoded(part, metadata.timestamp_ms, properties)
    return b"".join(lines).decode("ascii")[:-1]


def plain_line(event: Mapping[str, Any]) -> str:
    """Render an event of the application's own, which stays as it is as far as JSON has a form for it."""
    try:
        text = dumps(event, allow_nan=False, default=_substitute)
    except Exception:  # NaN, keys that are no text, a cycle, a dictionary that another thread changes meanwhile
        text = dumps(_plain(event, ()))
    if "\\ud" in text:  # half a character perhaps, which a strict reader refuses
        text = dumps(_plain(event, ()))
    return text if len(text) < limits.EVENT_BYTES else _shortened(event)


def _same(value: object, target: object) -> bool:
    return type(value) is type(target) and value == target


def _shortened(event: Mapping[str, Any]) -> str:
    """Cut long texts, then leave out what still doesn't fit, the last members first; and say so."""
    plain: dict[str, Any] = _plain(event, ())
    members: dict[str, bytes] = {}
    concerned = []
    for name, value in plain.items():
        text = dumps(value)
        if len(text) > _SHORTENED_CHARACTERS:
            text = dumps(f"{value if isinstance(value, str) else text}"[:_SHORTENED_CHARACTERS] + "...")
            concerned.append(name)
        members[name] = member(name, text)
    kept = list(fitting(members, limits.EVENT_BYTES - 2 * _SHORTENED_CHARACTERS))
    concerned += [name for name in list(members)[len(kept) :] if name not in concerned]
    said = member(_SHORTENED, dumps([name[:100] for name in concerned[:100]]))
    return (b"{" + b"".join([*(members[name] for name in kept), said])[1:] + b"}").decode("ascii")


def _plain(value: Any, around: tuple[int, ...]) -> Any:
    """Make a value of what JSON has a form for."""
    if isinstance(value, float):
        return value if -_INFINITY < value < _INFINITY else repr(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        return _plain_container(value, around)
    return plain_text(value if isinstance(value, str) else _text_of(value))


def _plain_container(value: Any, around: tuple[int, ...]) -> Any:
    if id(value) in around or len(around) >= _MOST_LEVELS:
        return "..."
    inside = (*around, id(value))
    if isinstance(value, dict):
        return {plain_text(_text_of(name)): _plain(item, inside) for name, item in list(value.items())}
    return [_plain(item, inside) for item in list(value)]


def _substitute(value: object) -> object:
    return list(value) if isinstance(value, (set, frozenset)) else _text_of(value)


def _text_of(value: object) -> str:
    try:
        if isinstance(value, (bytes, bytearray)):
            return value.decode("utf-8", "replace")
        return str(value)
    except Exception:
        return f"({type(value).__name__} without a text)"
