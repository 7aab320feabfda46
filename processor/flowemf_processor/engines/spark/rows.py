"""Rows that go from task to task, in Arrow's record batches, and what a task gathers for them of a source.

Steps of reading go in; rows come out where memory demands it, and the rest at the end: parts of aggregates, or events
one by one. Rows of Python become record batches of bounded size, and the other way round.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import pyarrow

from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.batches import BatchRoad, SeriesTaker
from flowemf_processor.core.partials import parts_of
from flowemf_processor.core.unwrap import EVENT_IDS
from flowemf_processor.pipeline.epochs import EPOCH_DATAPOINTS, EPOCH_GROUPS
from flowemf_processor.pipeline.steps import events_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.model import Aggregate, Event, Mark, Rejection
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.pipeline.reading import Step

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
_BATCH_ROWS = 5000
_BATCH_BYTES = 8 << 20
_ROW_EVENTS = 2000


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
        if len(gathered) == _BATCH_ROWS or size_bytes >= _BATCH_BYTES:
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


# --- What a task gathers of a source ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Events:
    """Events one by one.

    Attributes:
        events: those that hold numbers.
        marks: how far the source is read with them.
        rejections: what the records among them lost.
    """

    events: list[Event] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)


class PartRows:
    """Gathers the metrics of a source, and makes parts of them."""

    def __init__(self, number: int, guards: Guards) -> None:
        self._number = number
        self._aggregator = Aggregator()
        self.road = BatchRoad(SeriesTaker(self._aggregator), guards.conditions)

    def rows(self, step: Step, _: object) -> Iterator[Row]:
        """Take a step; give rows where memory demands it."""
        for event in events_of(step):
            self._aggregator.add(event)
        if self._aggregator.datapoints >= EPOCH_DATAPOINTS or self._aggregator.groups >= EPOCH_GROUPS:
            yield from self.rest()

    def rest(self) -> Iterator[Row]:
        """Give what was gathered."""
        return rows_of(self._number, self._aggregator.close())


class EventRows:
    """Gathers the events of a source with the marks that belong to them."""

    road = None

    def __init__(self, number: int) -> None:
        self._number = number
        self._gathered = Events()

    def rows(self, step: Step, rejections: Iterable[Rejection]) -> Iterator[Row]:
        """Take a step; give a row where there are many events."""
        gathered = self._gathered
        gathered.events += (event for event in events_of(step) if event.datapoints)
        gathered.marks.update((mark.source, mark) for mark in step.marks if mark.source != EVENT_IDS)
        gathered.rejections += rejections
        if len(gathered.events) >= _ROW_EVENTS:
            yield from self.rest()

    def rest(self) -> Iterator[Row]:
        """Give what was gathered."""
        yield row(Kind.EVENTS, self._number, pickle.dumps(self._gathered))
        self._gathered = Events()


def rows_of(number: int, aggregates: Iterable[Aggregate]) -> Iterator[Row]:
    """Make rows of aggregates.

    Args:
        number: of which source.
        aggregates: those of a series follow each other.
    """
    for key, period_start_s, payload in parts_of(aggregates):
        yield Kind.PART.value, number, key, period_start_s, payload
