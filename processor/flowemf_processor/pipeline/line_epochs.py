"""Gathers metric lines until there is enough to send.

Events that carry their text go in; PutLogEvents requests come out, epoch by epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.core.log_batches import LogEvent, LogStream, plan, refusal
from flowemf_processor.core.rewriting import line_text
from flowemf_processor.model import State
from flowemf_processor.pipeline.delivery import NOT_TRIED
from flowemf_processor.pipeline.steps import events_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.core.ledger import DestinationAccount
    from flowemf_processor.model import Batch
    from flowemf_processor.pipeline.reading import Step
    from flowemf_processor.ports import Clock

EPOCH_BYTES = 32 * 1_048_576
"""After so many bytes the lines are sorted and sent, which bounds memory and what a crash repeats."""

EPOCH_EVENTS = 100_000
"""So they are after so many lines."""


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
        return plan(self._stream, events)

    def give_up(self) -> None:
        """Account for what an exception kept from being sent; the next run reads it again."""
        waiting = sum(event.datapoints for event in self._events)
        if waiting:
            self._account.datapoints[State.PENDING] += waiting
            self._account.reasons[NOT_TRIED] += waiting
