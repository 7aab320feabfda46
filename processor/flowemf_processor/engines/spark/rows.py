"""Rows that go from task to task, in Arrow's record batches.

Rows of Python go in, record batches of bounded size come out; and the other way round.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCHEMA = "kind tinyint, number int, series binary, period_start_s bigint, payload binary"
"""The columns of every row; see `Row`."""

_ARROW = pyarrow.schema(
    [
        ("kind", pyarrow.int8()),
        ("number", pyarrow.int32()),
        ("series", pyarrow.binary()),
        ("period_start_s", pyarrow.int64()),
        ("payload", pyarrow.binary()),
    ]
)
_ROWS = 5000
_BYTES = 8 << 20


class Kind(IntEnum):
    """What a row holds."""

    FOUND = 0
    """What was found in a source or a stretch, beside metrics."""
    PART = 1
    """What a series gathered in a period, there."""
    EVENTS = 2
    """Events one by one, with the marks that belong to them."""
    REQUEST = 3
    """A request for what all parts add up to."""
    JUDGED = 4
    """What became of aggregates before there were requests of them."""


Row = tuple[int, int, bytes, int, bytes]
"""The kind; of which source; of parts, the key of the series and the period; and the rest as bytes."""


def row(kind: Kind, number: int, payload: bytes) -> Row:
    """Make a row of anything but a part."""
    return kind.value, number, b"", 0, payload


def record_batches(rows: Iterable[Row]) -> Iterator[pyarrow.RecordBatch]:
    """Put rows into record batches, none much larger than 8 MB."""
    gathered: list[Row] = []
    size_bytes = 0
    for each in rows:
        gathered.append(each)
        size_bytes += len(each[4])
        if len(gathered) == _ROWS or size_bytes >= _BYTES:
            yield _batch(gathered)
            gathered, size_bytes = [], 0
    if gathered:
        yield _batch(gathered)


def _batch(rows: list[Row]) -> pyarrow.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pyarrow.array(column, each.type) for column, each in zip(columns, _ARROW, strict=True)]
    return pyarrow.RecordBatch.from_arrays(arrays, schema=_ARROW)


def column(batch: pyarrow.RecordBatch, name: str) -> list[Any]:
    """Give a column of a record batch as objects of Python."""
    values: list[Any] = batch.column(batch.schema.get_field_index(name)).to_pylist()
    return values
