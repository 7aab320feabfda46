"""Gathers what is read until there is enough to send: metrics to PutMetricData, or lines to PutLogEvents.

Steps go in; requests come out, epoch by epoch.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING

from flowemf_processor.core import log_batches, metric_batches
from flowemf_processor.core.admission import SeriesCap
from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.batches import BatchRoad, SeriesTaker
from flowemf_processor.core.log_batches import LogEvent, refusal
from flowemf_processor.core.rewriting import line_text
from flowemf_processor.model import State
from flowemf_processor.pipeline.delivery import NOT_TRIED
from flowemf_processor.pipeline.elsewhere import elsewhere
from flowemf_processor.pipeline.guards import Gate
from flowemf_processor.pipeline.steps import events_of
from flowemf_processor.pipeline.yields import RequestsYield

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.core.ledger import DestinationAccount
    from flowemf_processor.core.log_batches import LogStream
    from flowemf_processor.model import Batch
    from flowemf_processor.pipeline.elsewhere import Elsewhere
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.pipeline.reading import Step
    from flowemf_processor.ports import Clock


EPOCH_DATAPOINTS = 1_000_000
"""After so many datapoints the aggregates are closed and delivered, which bounds memory and what a crash repeats."""

EPOCH_GROUPS = 100_000
"""So they are after so many series and periods: one with all it takes to send it needs about 2 KB."""

EPOCH_BYTES = 32 * 1_048_576
"""After so many bytes of lines these are sorted and sent, for the same reasons."""

EPOCH_EVENTS = 100_000
"""So they are after so many lines."""


class MetricEpochs:
    """Gathers the metrics of a run, and leaves out what must not be sent.

    Args:
        account: where everything is counted.
        clock: judges the age of data.
        guards: what guards the run against the lines it reads.
        relative_error: how far values may move so that fewer datums are needed; 0 for exactly the numbers read.
    """

    keeps_text = False

    def __init__(
        self,
        account: DestinationAccount,
        clock: Clock,
        guards: Guards,
        relative_error: float,
    ) -> None:
        self._account = account
        self._clock = clock
        self._guards = guards
        self._relative_error = relative_error
        self._cap = SeriesCap(guards.max_series)
        self._gate = Gate(account, clock, self._cap, relative_error=relative_error)
        self._aggregator = Aggregator()
        self._requests: list[Batch] = []  # of chunks that were read elsewhere
        self._open = ExitStack()
        self.road = BatchRoad(SeriesTaker(self._aggregator), guards.conditions)
        """Gathers the lines that can be read together; `add` gathers the others."""

    @property
    def is_full(self) -> bool:
        """Whether memory, or what a crash would repeat, is as large as it may get."""
        gathered = self._aggregator
        return bool(self._requests) or gathered.datapoints >= EPOCH_DATAPOINTS or gathered.has_groups(EPOCH_GROUPS)

    def elsewhere(self) -> Elsewhere | None:
        """Let chunks become requests elsewhere, as long as their series have a place; `give_up` ends it."""
        yields = RequestsYield(self._clock, self._guards.max_series, self._relative_error)
        place = elsewhere(yields, self._guards, admits=lambda requests: self._cap.place(requests.series))
        return self._open.enter_context(place)

    def add(self, step: Step) -> None:
        """Gather the events of a step that the road has not gathered, and requests that were made elsewhere."""
        if step.yielded is not None:
            self._requests += step.yielded.batches
            self._account.include(step.yielded.account)
        for event in events_of(step):
            self._aggregator.add(event)

    def close(self) -> Iterator[Batch]:
        """Give the requests for what was gathered, and begin anew.

        Aggregates that the destination would refuse, or that go too far, are counted, not sent.
        """
        made, self._requests = self._requests, []
        return chain(made, metric_batches.plan(self._gate.passed(self._aggregator.close())))

    def give_up(self) -> None:
        """Account for what an exception kept from being sent; the next run reads it again."""
        self._open.close()
        gathered, made = self._aggregator.datapoints, sum(batch.datapoints for batch in self._requests)
        if gathered or made:
            self._account.extracted += gathered
            self._account.datapoints[State.PENDING] += gathered + made
            self._account.reasons[NOT_TRIED] += gathered + made


class LineEpochs:
    """Gathers the lines of a run.

    A line without datapoints is left out: it would only cost.

    Args:
        account: where everything is counted.
        clock: judges the age of data.
        stream: where the lines are to go.
    """

    road = None
    keeps_text = True

    def __init__(self, account: DestinationAccount, clock: Clock, stream: LogStream) -> None:
        self._account = account
        self._clock = clock
        self._stream = stream
        self._events: list[LogEvent] = []
        self._size_bytes = 0

    def elsewhere(self) -> None:
        """Read all lines here: they are what is sent."""

    @property
    def is_full(self) -> bool:
        """Whether memory, or what a crash would repeat, is as large as it may get."""
        return self._size_bytes >= EPOCH_BYTES or len(self._events) >= EPOCH_EVENTS

    def add(self, step: Step) -> None:
        """Gather the events of a step; those that the destination would refuse are counted, not sent."""
        now_ms = self._clock.now_ms()
        for event in events_of(step):
            if not event.datapoints:
                continue
            self._account.extracted += event.datapoints
            log_event = LogEvent(event.timestamp_ms, line_text(event), event.datapoints)
            reason = refusal(log_event, now_ms=now_ms)
            if reason is None:
                self._events.append(log_event)
                self._size_bytes += log_event.size_bytes
            else:
                self._account.refuse(reason, event.datapoints)

    def close(self) -> Iterator[Batch]:
        """Give the requests for what was gathered, and begin anew."""
        events, self._events, self._size_bytes = self._events, [], 0
        return log_batches.plan(self._stream, events)

    def give_up(self) -> None:
        """Account for what an exception kept from being sent; the next run reads it again."""
        waiting = sum(event.datapoints for event in self._events)
        if waiting:
            self._account.datapoints[State.PENDING] += waiting
            self._account.reasons[NOT_TRIED] += waiting
