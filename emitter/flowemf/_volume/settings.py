"""Checks the settings that decide how much is written: merging, sampling, series, and the size of a line.

Values and the texts of environment variables go in; checked values come out, or a `ConfigurationError`.
"""

from __future__ import annotations

from flowemf._encoding.text import json_string
from flowemf._errors import ConfigurationError
from flowemf_schemas import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST_GATHERED = 100_000
"""So many events are some ten megabytes, and writing them takes a second."""
MOST_FLUSH_SECONDS = 86_400
LEAST_SAMPLE_RATE = 1e-6
MOST_SERIES = 1_000_000
# What a pipe takes at once (PIPE_BUF, https://man7.org/linux/man-pages/man7/pipe.7.html): there is no reason for
# shorter lines, and the longest name of a flow has room in it.
LEAST_LINE_BYTES = 4096

# What a line of ours needs beside the custom dimensions and the log group: metadata, the name of a flow or a model, an
# error type and the numbers, none of them unusually long.
_ROOM_BYTES = 2048
# Somebody who writes 0.333333 means a third.
_TOLERANCE = 1e-5


def metric_buffer_size(value: object, source: str) -> int:
    """Check how many events are gathered before they are written."""
    return _whole_number(value, source, 1, MOST_GATHERED)


def max_series(value: object, source: str) -> int:
    """Check how many combinations of dimension values there may be."""
    return _whole_number(value, source, 1, MOST_SERIES)


def max_line_bytes(value: object, source: str) -> int:
    """Check the size of the longest line, newline included."""
    return _whole_number(value, source, LEAST_LINE_BYTES, limits.EVENT_BYTES)


def flush_interval_seconds(value: Any, source: str) -> float:
    """Check how long a gathered event waits at most."""
    if not _is_number(value) or not 0 < value <= MOST_FLUSH_SECONDS:
        remedy = f"use a number of seconds above 0 and up to {MOST_FLUSH_SECONDS}, such as 30"
        raise ConfigurationError(source, "is no time to wait", value, remedy)
    return value  # type: ignore[no-any-return] # it is a number


def sample_rate(value: Any, source: str) -> float:
    """Check the share of end lines that are written: one in N, so that a line can stand for a whole number of them.

    >>> sample_rate(0.1, "sample_rate")
    0.1
    >>> sample_rate(0.333333, "sample_rate")
    0.3333333333333333
    """
    if not _is_number(value) or not LEAST_SAMPLE_RATE <= value <= 1:
        remedy = "pass the number 1/N, from 0.000001 to 1, such as 0.1 (one in ten); text is for the variable alone"
        raise ConfigurationError(source, "is no share of the lines", value, remedy)
    one_in = one_line_in(value)
    if abs(value * one_in - 1) > _TOLERANCE:
        remedy = f"the nearest is 1/{one_in}, {1 / one_in:.6g}: each line written stands for a whole number of events"
        raise ConfigurationError(source, "is not 1/N for a whole N", value, remedy)
    return 1 / one_in


def one_line_in(rate: float) -> int:
    """Give the N of a rate that is 1/N, or of the nearest one."""
    lower = int(1 / rate)
    return lower if abs(rate - 1 / lower) <= abs(rate - 1 / (lower + 1)) else lower + 1


def number_of(text: str, source: str) -> float:
    """Read the text of a variable as a number of seconds."""
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(source, "is no number", text, "write a number, such as 30 or 0.5") from None


def rate_of(text: str, source: str) -> float:
    """Read `0.1` or `1/10`."""
    above, line, below = text.partition("/")
    try:
        return float(above) / float(below) if line else float(text)
    except (ValueError, ZeroDivisionError):
        raise ConfigurationError(source, "is no number", text, "write 0.1 or 1/10") from None


def check_room(values: dict[str, Any]) -> None:
    """Check that the dimensions of every line leave room for the rest of it.

    Args:
        values: all settings, each of them checked.

    Raises:
        ConfigurationError: they do not.
    """
    # The log group joins the metadata last. A key stands in the metadata and at the root.
    fixed = sum(2 * len(json_string(key)) + len(json_string(text)) + 3 for key, text in values["custom_dimensions"])
    needed = fixed + len(values["log_group"]) + _ROOM_BYTES
    if needed > values["max_line_bytes"]:
        remedy = f"use at least {needed}, or fewer or shorter custom_dimensions: they stand in every line"
        raise ConfigurationError("max_line_bytes", "leaves no room for metrics", values["max_line_bytes"], remedy)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _whole_number(value: object, source: str, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        remedy = f"use {int(least)} to {int(most)}"
        raise ConfigurationError(source, "is no whole number that can be used here", value, remedy)
    return value
