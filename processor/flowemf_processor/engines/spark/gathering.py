"""What a task gathers of a source, as rows: parts of aggregates, or events one by one.

Steps of reading go in; rows come out where memory demands it, and the rest at the end.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.batches import BatchRoad, SeriesTaker
from flowemf_processor.core.partials import parts_of
from flowemf_processor.core.unwrap import EVENT_IDS
from flowemf_processor.engines.spark.rows import Kind, Row, row
from flowemf_processor.pipeline.epochs import EPOCH_DATAPOINTS, EPOCH_GROUPS
from flowemf_processor.pipeline.steps import events_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.model import Aggregate, Event, Mark, Rejection
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.pipeline.reading import Step

EVENTS_AT_ONCE = 2000


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
        if len(gathered.events) >= EVENTS_AT_ONCE:
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
