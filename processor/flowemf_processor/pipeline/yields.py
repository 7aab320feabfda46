"""What becomes of the events of a chunk that is read by a process of its own.

Events go in; nothing, aggregates or requests come out, ready to be handed to the process that asked for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowemf_processor.core.admission import SeriesCap
from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.batches import Nobody, SeriesTaker
from flowemf_processor.core.ledger import DestinationAccount
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.pipeline.guards import Gate

if TYPE_CHECKING:
    from flowemf_processor.core.batches import Taker
    from flowemf_processor.core.gathered import Gathered
    from flowemf_processor.model import Batch, Event
    from flowemf_processor.ports import Clock


class NoYield:
    """For who wants to know no more than what is wrong."""

    def __init__(self) -> None:
        self.taker: Taker = Nobody()

    def add(self, event: Event) -> None:
        """Keep nothing."""

    def close(self) -> None:
        """Give nothing."""


class AggregatesYield:
    """What each series gathered in each period."""

    def __init__(self) -> None:
        self._aggregator = Aggregator()
        self.taker: Taker = SeriesTaker(self._aggregator)

    def add(self, event: Event) -> None:
        """Gather an event."""
        self._aggregator.add(event)

    def close(self) -> Gathered:
        """Give the aggregates."""
        return self._aggregator.close()


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests for what a chunk holds.

    Attributes:
        batches: the requests.
        account: what was extracted, and what of it must not be sent.
        series: digests of the series that are in them.
    """

    batches: list[Batch]
    account: DestinationAccount
    series: frozenset[bytes] = field(repr=False)


class RequestsYield:
    """PutMetricData requests; each chunk is an epoch of its own.

    Args:
        clock: judges the age of data.
        max_series: how many series a run may send.
        relative_error: how far values may move so that fewer datums are needed.
    """

    def __init__(self, clock: Clock, max_series: int, relative_error: float) -> None:
        self._clock = clock
        self._max_series = max_series
        self._relative_error = relative_error
        self._aggregator = Aggregator()
        self.taker: Taker = SeriesTaker(self._aggregator)

    def add(self, event: Event) -> None:
        """Gather an event."""
        self._aggregator.add(event)

    def close(self) -> Requests:
        """Give the requests."""
        account = DestinationAccount("")
        cap = SeriesCap(self._max_series)
        gate = Gate(account, self._clock, cap, relative_error=self._relative_error)
        batches = list(plan(gate.passed(self._aggregator.close())))
        return Requests(batches, account, cap.placed)
