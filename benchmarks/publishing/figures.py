"""Writes figures as people read them, three digits long, and tables as Markdown.

Seconds, bytes and ratios go in; text comes out.
"""

from __future__ import annotations

from collections.abc import Sequence

from measuring.ratios import BYTES, SECONDS

NONE = "-"


def amount(value: float | None, measured_in: str) -> str:
    """Write seconds or bytes with the unit in which they are easiest to read."""
    return {SECONDS: seconds, BYTES: size}[measured_in](value)


def seconds(value: float | None) -> str:
    """Write a time: 3.12 µs, 48.0 ms, 8.42 s."""
    if value is None:
        return NONE
    for unit, scale in (("µs", 1e-6), ("ms", 1e-3)):
        if abs(value) < scale * 999.5:
            return f"{three_digits(value / scale)} {unit}"
    return f"{three_digits(value)} s"


def size(value: float | None) -> str:
    """Write a number of bytes: 0 B, 16.7 MB."""
    if value is None:
        return NONE
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if abs(value) >= scale:
            return f"{three_digits(value / scale)} {unit}"
    return f"{value:.0f} B"


def times(value: float | None) -> str:
    """Write a ratio: 4.81x."""
    return NONE if value is None else f"{three_digits(value)}x"


def three_digits(value: float) -> str:
    """Round to three digits, never with an exponent: 0.0412, 4.81, 25.3, 1,234."""
    if value == 0:
        return "0"
    magnitude = abs(value)
    places = 4 if magnitude < 0.0995 else 3 if magnitude < 0.9995 else 2 if magnitude < 9.995 else 1
    return f"{value:,.{places}f}" if magnitude < 99.95 else f"{value:,.0f}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Write a table; the first `left` columns are text, the others stand to the right."""
    marks = [":--" if column < left else "--:" for column in range(len(head))]
    return ["| " + " | ".join(each) + " |" for each in (head, marks, *rows)]


def details(lines: Sequence[str]) -> list[str]:
    """Fold lines away under a heading to click on."""
    return ["<details><summary>Everything that was measured</summary>", "", *lines, "", "</details>"]
