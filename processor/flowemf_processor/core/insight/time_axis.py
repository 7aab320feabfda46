"""Divides the time that a log spans into equal periods with round numbers.

The first and the last moment go in; the start, the length and the number of periods come out.
"""

from __future__ import annotations

from dataclasses import dataclass

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
