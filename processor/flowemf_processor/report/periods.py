"""Says times and how long they last.

Milliseconds go in; words come out.
"""

from __future__ import annotations

from datetime import datetime, timezone

_MINUTE_MS = 60_000
_UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (_MINUTE_MS, "minute"), (1000, "second"))


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
