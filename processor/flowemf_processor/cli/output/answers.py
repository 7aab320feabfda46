"""Writes answers for people and for programs: as a table, JSON, CSV or Markdown.

Columns and rows go in; lines of text come out.
"""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flowemf_processor.cli.output.streams import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Row = Sequence[Any]

_NOTHING = "-"
_GAP = "  "
_WHOLE_UP_TO = 2**53


def table(columns: Sequence[str], rows: Iterable[Row], *, width: int | None = None) -> Iterator[str]:
    """Lay out a table; numbers are rounded for the eye.

    Args:
        columns: their names.
        rows: the rows; all of them are held in memory.
        width: how many characters fit; where a line would be longer, each row becomes a block of lines. None for any.

    Yields:
        The lines, without anything that moves a cursor.
    """
    from rich.cells import cell_len

    kept = [list(row) for row in rows]
    heading = [printable(column) for column in columns]
    cells = [[_shown(value) for value in row] for row in kept]
    widths = [max(map(cell_len, column)) for column in zip(heading, *cells, strict=True)]
    if width is not None and sum(widths) + len(_GAP) * (len(widths) - 1) > width and kept:
        yield from _blocks(heading, cells)
        return
    is_number = [
        any(value is not None for value in column) and all(map(_is_number_or_nothing, column))
        for column in zip(*kept, strict=True)
    ] or [False] * len(heading)

    def line(texts: Sequence[str]) -> str:
        padded = (
            " " * (room - cell_len(text)) + text if right else text + " " * (room - cell_len(text))
            for text, room, right in zip(texts, widths, is_number, strict=True)
        )
        return _GAP.join(padded).rstrip()

    yield line(heading)
    yield _GAP.join("-" * room for room in widths)
    yield from map(line, cells)


def markdown(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Write a table as GitHub's Markdown has it; numbers are exact."""

    def line(texts: Iterable[str]) -> str:
        return f"| {' | '.join(printable(text).replace('|', chr(92) + '|') for text in texts)} |"

    yield line(columns)
    yield f"|{'|'.join('---' for _ in columns)}|"
    for row in rows:
        yield line(map(text_of, row))


def comma_separated(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Write CSV as RFC 4180 has it, but for the line endings; numbers are exact, and NULL is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="")

    def line(texts: Iterable[str]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(list(texts))
        return buffer.getvalue()

    yield line(columns)
    for row in rows:
        yield line(map(text_of, row))


def json_array(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Write one JSON array with one object for each row, each on a line of its own, in ASCII."""
    names = list(_distinct(columns))
    line = "["
    for row in rows:
        yield line
        line = f"{json.dumps(dict(zip(names, map(plain, row), strict=True)))},"
    yield line.removesuffix(",")
    yield "]"


def _distinct(columns: Iterable[str]) -> Iterator[str]:
    """Tell columns of one name apart, as DuckDB does in a subquery: a, a_1, a_2."""
    seen: set[str] = set()
    for column in columns:
        name, number = column, 0
        while name in seen:
            number += 1
            name = f"{column}_{number}"
        seen.add(name)
        yield name


def plain(value: Any) -> Any:  # noqa: PLR0911 - one line a type
    """Give a value as JSON has it: whole numbers without a fraction, times in ISO 8601, what is no number as null."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < _WHOLE_UP_TO else value
    if isinstance(value, dict):
        return {text_of(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    isoformat: Callable[[], str] | None = getattr(value, "isoformat", None)
    return isoformat() if isoformat is not None else str(value)


def text_of(value: Any) -> str:
    """Give a value as text, exactly; NULL is empty."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="auto" if value.microsecond % 1000 else "milliseconds").removesuffix(
            ".000"
        )
    if hasattr(value, "isoformat"):
        return str(value)
    simple = plain(value)
    return simple if isinstance(simple, str) else json.dumps(simple, ensure_ascii=False)


def _shown(value: Any) -> str:
    if value is None:
        return _NOTHING
    if _is_number_or_nothing(value):
        return _rounded(value)
    return printable(text_of(value))


def _is_number_or_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float, Decimal)) and not isinstance(value, bool))


def _rounded(number: float | Decimal) -> str:
    """Round for the eye.

    >>> [_rounded(number) for number in (7, 1234567.0, 30189.615, 38.4615, 0.036712, 7.2e-07)]
    ['7', '1,234,567', '30,189.6', '38.46', '0.03671', '7.2e-07']
    """
    if isinstance(number, int):
        return f"{number:,}"
    number = float(number)
    size = abs(number)
    if not math.isfinite(number) or size >= _WHOLE_UP_TO:
        return f"{number:.6g}"
    if number == int(number):
        return f"{int(number):,}"
    return f"{number:,.1f}" if size >= 1000 else f"{number:.2f}" if size >= 10 else f"{number:.4g}"


def _blocks(heading: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    from rich.cells import cell_len

    room = max(map(cell_len, heading))
    for number, row in enumerate(cells, start=1):
        yield f"-- row {number} --"
        for name, text in zip(heading, row, strict=True):
            yield f"{name}{' ' * (room - cell_len(name))}{_GAP}{text}"
