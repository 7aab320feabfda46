"""The axes of the report's figures: equal periods of time, and the values of a dimension that are told apart.

The first and the last moment go in, and the start, the length and the number of periods come out, or words for them.
The values that were found go in; the most frequent ones by number come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

_SECOND_MS = 1000
_MINUTE_MS = 60 * _SECOND_MS
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_STEPS_MS = (
    *(_SECOND_MS * seconds for seconds in (1, 5, 10, 15, 30)),
    *(_MINUTE_MS * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(_HOUR_MS * hours for hours in (1, 2, 3, 6, 12)),
    *(_DAY_MS * days for days in (1, 2, 7, 14, 28)),
)
_UNITS = ((_DAY_MS, "day"), (_HOUR_MS, "hour"), (_MINUTE_MS, "minute"), (_SECOND_MS, "second"))
NOT_SET, OTHERS = -1, 0
"""The codes of what has no value of a dimension, and of all values that are not told apart."""


# --- Periods of time --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Periods of one length, the first of which begins at a multiple of it.

    Attributes:
        start_ms: when the first one begins, in milliseconds since the epoch.
        step_ms: how long each is.
        count: how many there are.
    """

    start_ms: int
    step_ms: int
    count: int


def time_axis(first_ms: int, last_ms: int, most: int) -> TimeAxis:
    """Choose the shortest round period of which no more than a number are needed.

    Args:
        first_ms: the first moment, in milliseconds since the epoch.
        last_ms: the last one.
        most: how many periods there may be; 2 or more, since a moment of time may divide any two events.

    Returns:
        The axis; both moments lie on it.

    >>> time_axis(61_000, 3_600_000, most=60)
    TimeAxis(start_ms=60000, step_ms=60000, count=60)
    """
    steps = iter(_STEPS_MS)
    step_ms = next(steps)
    while True:
        start_ms = first_ms // step_ms * step_ms
        count = (last_ms - start_ms) // step_ms + 1
        if count <= most:
            return TimeAxis(start_ms, step_ms, count)
        step_ms = next(steps, step_ms * 2)  # beyond four weeks: eight, sixteen, ... whatever somebody's clock said


def span(start_ms: int, step_ms: int, count: int) -> str:
    """Say from when to when periods last, in UTC.

    >>> span(0, 60_000, 3), span(0, 1000, 3)
    ('1970-01-01 00:00 to 1970-01-01 00:03 UTC', '1970-01-01 00:00:00 to 1970-01-01 00:00:03 UTC')
    """
    seconds = ":%S" if step_ms < _MINUTE_MS else ""
    return f"{moment(start_ms, seconds)} to {moment(start_ms + step_ms * count, seconds)} UTC"


def moment(moment_ms: int, seconds: str = "") -> str:
    """Write a time in UTC; what lies beyond the calendar is written as seconds since 1970.

    >>> moment(0)
    '1970-01-01 00:00'
    """
    try:
        return datetime.fromtimestamp(moment_ms / 1000, tz=timezone.utc).strftime(f"%Y-%m-%d %H:%M{seconds}")
    except (OverflowError, ValueError):
        return f"{moment_ms / 1000:,.0f} s"


def length(length_ms: int) -> str:
    """Say how long a period is, one of a whole number of seconds.

    >>> length(1000), length(120_000), length(7_200_000)
    ('1 second', '2 minutes', '2 hours')
    """
    unit_ms, name = next((unit for unit in _UNITS if length_ms >= unit[0]), _UNITS[-1])
    count = length_ms / unit_ms
    return f"{count:g} {name if count == 1 else name + 's'}"


# --- Values of a dimension --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NamedValues:
    """The values of one dimension that are told apart.

    The value at `values[0]` has the code 1, the next one 2; 0 stands for all others, -1 for records without it.

    Attributes:
        key: the dimension.
        values: the most frequent first.
        has_others: whether there are more.
        has_none: whether there are records without it.
    """

    key: str
    values: tuple[str, ...] = ()
    has_others: bool = False
    has_none: bool = False

    @property
    def kinds(self) -> int:
        """How many codes occur: a choice needs two or more."""
        return len(self.values) + self.has_others + self.has_none

    def label(self, code: int) -> str:
        """Name a code."""
        return {NOT_SET: "(not set)", OTHERS: "(all others)"}.get(code) or self.values[code - 1]


def named_values(key: str, found: list[str], most: int, *, has_none: bool) -> NamedValues:
    """Tell the most frequent values apart.

    Args:
        key: the dimension.
        found: its values, the most frequent first; what is beyond `most` is only looked at for being there.
        most: how many are told apart.
        has_none: whether there are records without it.

    Returns:
        The values.
    """
    return NamedValues(key, tuple(found[:most]), len(found) > most, has_none)
