"""CloudWatch by the road that works: extraction by CloudWatch Logs, or PutMetricData.

Requests of both kinds go in; what is known of each comes out, and how what the first road certainly did not take can
take the second.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from flowemf_processor.core.log_batches import is_log_request
from flowemf_processor.core.roads import EXTRACTION, FALLBACK, closes_extraction, detour
from flowemf_processor.model import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf_processor.model import Batch, Outcome
    from flowemf_processor.ports import Clock, Sink


class AutoSink:
    """Sends log events where CloudWatch extracts them, and what cannot go there as metrics; safe in several threads.

    Whatever PutLogEvents may have taken stays on its road: only a definite no lets anything go another way.

    Args:
        logs: sends PutLogEvents requests, with as many attempts as are of use.
        metrics: sends PutMetricData requests.
        clock: judges the age of data.
        say: is told, in a sentence, when the road of extraction is closed.
    """

    name = "auto"

    def __init__(self, logs: Sink, metrics: Sink, clock: Clock, say: Callable[[str], None]) -> None:
        self._logs = logs
        self._metrics = metrics
        self._clock = clock
        self._say = say
        self._turns = threading.Lock()
        self._was_used = False
        self._closed: Outcome | None = None

    def send(self, batch: Batch) -> Outcome:
        """Send one batch by its road.

        Args:
            batch: a request of either kind.

        Returns:
            What is known of it now, and how what was certainly not taken may go another way.
        """
        if not is_log_request(batch):
            return replace(self._metrics.send(batch), road=FALLBACK)
        outcome = self._closed or self._extracted(batch)
        if outcome.state is State.ACCEPTED and outcome.culprits and not outcome.sent_again:
            return replace(outcome, detour=detour(batch, outcome.culprits, now_ms=self._clock.now_ms()))
        if outcome is self._closed:
            return replace(outcome, detour=detour(batch, range(len(batch.parts)), now_ms=self._clock.now_ms()))
        return outcome

    def _extracted(self, batch: Batch) -> Outcome:
        outcome = replace(self._logs.send(batch), road=EXTRACTION)
        with self._turns:
            self._was_used |= outcome.state in (State.ACCEPTED, State.AMBIGUOUS)
            if not closes_extraction(outcome, is_first=not self._was_used):
                return outcome
            if self._closed is None:
                self._closed = outcome
                self._say(f"auto: {outcome.reason}: {outcome.message}; so what is left goes by {FALLBACK}")
            return self._closed
