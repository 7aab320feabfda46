"""Sends the portions of an invocation, one after the other, and has the event ids of each remembered.

Portions go in; the records come out that were not delivered whole, and have to come again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flowemf_processor.core.metric_batches import plan
from flowemf_processor.errors import ProcessorError
from flowemf_processor.model import Outcome, State
from flowemf_processor.pipeline.delivery import NOT_TRIED, Delivery
from flowemf_processor.pipeline.guards import Gate
from flowemf_processor.sinks.attempts import BoundedSink, PersistentSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowemf_processor.core.ledger import DestinationAccount
    from flowemf_processor.core.portions import Portion
    from flowemf_processor.handlers.invocation import Call, Equipment
    from flowemf_processor.ports import Sink
    from flowemf_processor.sinks.event_ids import EventIds


class Dispatch:
    """Sends for one invocation.

    Args:
        kit: the settings and clients of this environment.
        account: of the destination.
        call: says how much time there is.
        sink: the destination; makes one attempt.
        event_ids: remembers what was sent, if anybody does.
    """

    def __init__(
        self, kit: Equipment, account: DestinationAccount, call: Call, sink: Sink, event_ids: EventIds | None
    ) -> None:
        self._kit = kit
        self._account = account
        self._call = call
        self._sink = sink
        self._event_ids = event_ids
        self._gate = Gate(account, kit.clock, kit.cap, relative_error=kit.terms.relative_error)
        self._is_stopped = False
        self.undelivered: set[int] = set()
        """The numbers of records that have to come again."""
        self.unremembered = 0
        """How many event ids could not be remembered as what they are."""
        self.answers: dict[str, Outcome] = {}
        """By reason code, the first answer of the destination that was not a yes."""

    def send(self, portions: Iterable[Portion]) -> None:
        """Send portions until one cannot be delivered.

        Args:
            portions: what to send; those behind the one that failed are not tried.
        """
        for portion in portions:
            batches = list(plan(self._gate.passed(portion.aggregator.close())))
            if self._is_stopped:
                for batch in batches:
                    self._account.settle(batch, Outcome(State.PENDING, NOT_TRIED))
                self._give_back(portion, was_sent=False)
                continue
            taken = self._taken()
            delivery = Delivery(self._persistent(), None, self._account, self._kit.terms)
            if delivery.epoch(batches, {}):
                self.remember(portion.keys)
            else:
                self._is_stopped = True
                self._give_back(portion, was_sent=self._taken() > taken)

    def give_up(self, portions: Iterable[Portion]) -> None:
        """Account for portions that an error has kept from being sent."""
        self._is_stopped = True
        self.send(portions)

    def remember(self, keys: Iterable[str]) -> None:
        """Remember that keys are done with."""
        if self._event_ids is not None:
            self._note(self._event_ids.finish, list(keys))

    def _persistent(self) -> PersistentSink:
        bounded = BoundedSink(self._sink, self._call.left_seconds, self.answers)
        retry_seconds = min(self._kit.settings.retry_seconds, max(self._call.left_seconds(), 0.0))
        return PersistentSink(
            bounded,
            pacer=self._kit.pacer,
            resend=self._kit.terms.resend,
            retry_seconds=retry_seconds,
            sleep=self._sleep,
        )

    def _sleep(self, seconds: float) -> None:
        """Wait, but not longer than there is time."""
        time.sleep(max(0.0, min(seconds, self._call.left_seconds())))

    def _taken(self) -> int:
        """Count what CloudWatch has, or may have."""
        return self._account.datapoints[State.ACCEPTED] + self._account.datapoints[State.AMBIGUOUS]

    def _give_back(self, portion: Portion, *, was_sent: bool) -> None:
        """Leave a portion to whoever gets its records next."""
        self.undelivered |= portion.records
        if self._event_ids is not None:
            self._note(self._event_ids.doubt if was_sent else self._event_ids.release, portion.keys)

    def _note(self, tell: Callable[[list[str]], None], keys: list[str]) -> None:
        """Tell the ledger of event ids; an error comes too late to change what was sent, and claims end anyway."""
        try:
            tell(keys)
        except ProcessorError:
            self.unremembered += len(keys)
