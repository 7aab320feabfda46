"""Metrics in an application's own log events: the keywords of a log call, and the event as one line of JSON.

Metrics with their units and dimensions go in, and keywords come out, of which any JSON renderer makes a valid EMF
document; or the members of an event, of any kind, and text without a line break comes out. That of an event with
metrics is an EMF document whatever else the event brings.
"""

from __future__ import annotations

from json import dumps, loads

from flowemf._encoding.document import fitting, line_of, parts
from flowemf._encoding.shapes import dimension_sets
from flowemf._encoding.text import member, plain_text
from flowemf._encoding.values import RESERVED
from flowemf._events.custom import checked_keys, namespace_of
from flowemf_schemas import limits, names, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from flowemf._encoding.document import Measure, Part
    from flowemf._events.bulk import Bulk
    from flowemf._events.custom import Problems

# Parameters of log methods: a keyword of that name would raise in the application.
_PARAMETERS = ("self", "method_name")
_SHORTENED = "shortened"
_SHORTENED_CHARACTERS = 65_536
# Deeper than any sane event, and far from what the interpreter's stack holds.
_MOST_LEVELS = 50
_INFINITY = float("inf")


class Metadata(dict):  # type: ignore[type-arg] # dict[str, Any] would need typing when this is imported
    """The member `_aws` of a log event, which remembers what the event carries.

    Attributes:
        bulk: the way to write the event.
        part: its metrics and dimension sets.
        timestamp_ms: when it was made, in milliseconds since the epoch.
    """

    __slots__ = ("bulk", "part", "timestamp_ms")

    def __init__(self, members: Mapping[str, object], bulk: Bulk, part: Part, timestamp_ms: int) -> None:
        self.bulk = bulk
        self.part = part
        self.timestamp_ms = timestamp_ms
        super().__init__(members)

    def __reduce__(self) -> tuple[object, ...]:
        """Leave this process as the plain dictionary that it is: the monitor stays here."""
        return dict, (dict(self),)


def fields(
    bulk: Bulk, metrics: Mapping[str, Any], dimensions: Mapping[str, object] | None, namespace: object
) -> dict[str, Any]:
    """Make the keywords; see `flowemf.fields`."""
    problems: Problems = []
    known_namespace = namespace_of(bulk.settings, namespace, problems)
    own = _own_dimensions(bulk, dimensions or {}, metrics, problems)
    bulk.count(problems)
    measures = _measures(bulk, metrics)
    if known_namespace is None or not measures or bulk.sink is None:
        return dict(own)
    custom = dict(bulk.settings.custom_dimensions)
    values = {**custom, **own}
    listed = dimension_sets(tuple(custom), tuple(own), bulk.settings.rollups)
    first, *others = parts(known_namespace, [{key: values[key] for key in keys} for keys in listed], measures)
    timestamp_ms = bulk.settings.clock.wall_ms()
    for part in others:  # one document has no room for them, and no number is lost
        bulk.write(bulk.encoded(part, timestamp_ms, {}))
    members: dict[str, Any] = loads(line_of(first, timestamp_ms, b""))
    return {**members, names.AWS: Metadata(members[names.AWS], bulk, first, timestamp_ms)}


def _own_dimensions(
    bulk: Bulk, given: Mapping[str, object], metrics: Mapping[str, Any], problems: Problems
) -> dict[str, str]:
    custom = [key for key, _ in bulk.settings.custom_dimensions]
    values = list(given.values())
    room = limits.DIMENSIONS_PER_SET - len(custom)
    keys, positions = checked_keys(given, (*custom, *_PARAMETERS, *metrics), room, problems)
    clean = {key: bulk.dimension(key, values[position]) for key, position in zip(keys, positions, strict=True)}
    return bulk.series(clean)


def _measures(bulk: Bulk, metrics: Mapping[str, Any]) -> list[Measure]:
    taken = {*RESERVED, *_PARAMETERS, *(key for key, _ in bulk.settings.custom_dimensions)}
    checked = (bulk.measure(name, *_read(given), taken) for name, given in metrics.items())
    return [measure for measure in checked if measure is not None]


def _read(given: Any) -> tuple[Sequence[object], object, object]:
    """Read `12`, `[12, 13]`, `(12, "Milliseconds")` or `(12, "Milliseconds", 1)`."""
    defaults = (None, units.NONE, 60)
    value, unit, resolution = (
        (*given, *defaults[len(given) :])[:3] if isinstance(given, tuple) else (given, *defaults[1:])
    )
    return value if isinstance(value, list) else [value], unit, resolution


# --- The event as a line


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
