"""Lines for a developer's terminal.

A line of EMF goes in; a short line for people comes out: the time, the event, its dimensions, its numbers and what was
bound. Any other line stays as it is.
"""

from __future__ import annotations

import json
import os
import sys
from time import localtime, strftime

from flowemf_schemas import names, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

_RED, _GREEN, _YELLOW, _FAINT, _BOLD = "31", "32", "33", "2", "1"
_COLOURS = {
    names.STATUS_SUCCESS: _GREEN,
    names.STATUS_ERROR: _RED,
    names.STATUS_CANCELLED: _YELLOW,
    **dict.fromkeys(names.ERROR_TYPES, _RED),
}
_SHORT_UNITS = {units.NONE: "", units.COUNT: "", units.MILLISECONDS: " ms"}
_BARE = (names.FLOW_NAME, names.MODEL_ID, names.STATUS, names.ERROR_TYPE)
_NOT_SHOWN = {
    names.AWS,
    names.EVENT,
    names.SCHEMA_VERSION,
    names.FLOW_ID,
    names.PARENT_FLOW_ID,
    names.TRACE_ID,
    names.ERROR_MESSAGE,
}


class LocalLines:
    """Turns lines of EMF into lines for people.

    Args:
        sink: where they go; only a terminal gets colours, and none where NO_COLOR is set (https://no-color.org).
        custom_dimensions: keys that every line has, and that nobody needs to see.
    """

    __slots__ = ("_coloured", "_hidden")

    def __init__(self, sink: str | Callable[[bytes], object], custom_dimensions: Iterable[str]) -> None:
        self._coloured = _is_terminal(sink) and not os.environ.get("NO_COLOR")
        self._hidden = _NOT_SHOWN.union(custom_dimensions)

    def __call__(self, line: bytes) -> bytes:
        """Turn one line; what is no line of EMF stays as it is."""
        try:
            members = json.loads(line)
            text = " ".join(self._words(members, members[names.AWS]))
        except (ValueError, KeyError, TypeError):
            return line
        return f"{text}\n".encode()

    def _words(self, members: dict[str, Any], metadata: dict[str, Any]) -> Iterator[str]:
        timestamp_ms = metadata[names.TIMESTAMP]
        clock = f"{strftime('%H:%M:%S', localtime(timestamp_ms // 1000))}.{timestamp_ms % 1000:03}"
        yield self._painted(clock, _FAINT)
        yield self._painted(f"{members.get(names.EVENT, '-'):<10}", _BOLD)
        shown = set(self._hidden)
        for key in _BARE:
            if key in members:
                yield self._painted(_printable(members[key]), _COLOURS.get(members[key], _BOLD))
                shown.add(key)
        for metric, unit in _metrics(metadata):
            yield f"{_printable(metric)}={_number(members[metric])}{_SHORT_UNITS.get(unit, f' {unit}')}"
            shown.add(metric)
        for key, value in members.items():
            if key not in shown:
                yield self._painted(f"{_printable(key)}={_printable(value)}", _FAINT)
        if names.ERROR_MESSAGE in members:
            yield self._painted(_printable(members[names.ERROR_MESSAGE]), _RED)

    def _painted(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._coloured else text


def _metrics(metadata: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for directive in metadata[names.CLOUDWATCH_METRICS]:
        for metric in directive[names.METRICS]:
            yield metric[names.NAME], metric[names.UNIT]


def _number(value: object) -> str:
    return f"{value:g}" if type(value) is float and abs(value) < 1e6 else _printable(value)


def _printable(value: object) -> str:
    """Write a value so that it can neither start another line nor command the terminal."""
    text = value if isinstance(value, str) else json.dumps(value)
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def _is_terminal(sink: object) -> bool:
    try:
        return sink in ("stdout", "stderr") and bool(getattr(sys, str(sink)).isatty())
    except (AttributeError, ValueError):
        return False
