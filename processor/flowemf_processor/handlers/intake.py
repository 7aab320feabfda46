"""Reads the records of an invocation, and asks the ledger of event ids which log events are still to be sent.

Records go in; portions to be sent come out, and everything else is accounted for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowemf_processor.core.portions import Claim, Portions, shares_of
from flowemf_processor.model import Event, State
from flowemf_processor.pipeline.delivery import DROPPED, NOT_TRIED, SENT_AGAIN
from flowemf_processor.pipeline.reading import SourceReader
from flowemf_schemas import limits

if TYPE_CHECKING:
    from flowemf_processor.core.ledger import DestinationAccount, Ledger
    from flowemf_processor.core.portions import Share
    from flowemf_processor.handlers.records import RecordsSource
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.ports import Clock
    from flowemf_processor.sinks.event_ids import EventIds

CLAIMED_ELSEWHERE = "claimed-elsewhere"


class Intake:
    """Takes in the events of one invocation that are to be sent.

    Args:
        account: of the destination.
        ledger: of the invocation.
        event_ids: remembers what was sent; None sends everything.
        claims_end_ms: when claims of this invocation are over.
        resend: whether to send what another invocation may have sent.
    """

    def __init__(
        self,
        account: DestinationAccount,
        ledger: Ledger,
        event_ids: EventIds | None,
        *,
        claims_end_ms: int,
        resend: bool,
    ) -> None:
        self._account = account
        self._ledger = ledger
        self._event_ids = event_ids
        self._claims_end_ms = claims_end_ms
        self._resend = resend
        self._waiting: list[tuple[Event, list[Share]]] = []
        self._keys_waiting = 0
        self.portions = Portions()
        """What is to be sent."""
        self.dropped: list[str] = []
        """The keys of what is given up for good, since it may have been sent."""
        self.elsewhere: set[int] = set()
        """The numbers of records of which a part is in another invocation's hands."""

    def read(self, source: RecordsSource, guards: Guards, clock: Clock) -> None:
        """Read the records.

        Args:
            source: gives them.
            guards: what is demanded of the lines in them, and who keeps what is rejected.
            clock: gives the time that events without a timestamp get.

        Raises:
            ConfigurationError: the ledger of event ids or the place for rejects is wrong.
            TryAgainLaterError: it cannot be reached.
        """
        for step in SourceReader(source, ledger=self._ledger, clock=clock, guards=guards).steps():
            if guards.rejects is not None:
                guards.rejects.keep(step.rejections)
            for record in step.records:
                if isinstance(record, Event):
                    self._take(record)
        self._place_waiting()
        if guards.rejects is not None:
            guards.rejects.settle()

    def give_up(self) -> None:
        """Account for what waits for its claim, which an error has kept from coming."""
        for _, shares in self._waiting:
            for share in shares:
                self._leave(share, State.PENDING, NOT_TRIED)
        self._waiting.clear()

    def _take(self, event: Event) -> None:
        shares = shares_of(event)
        if self._event_ids is None:
            for share in shares:
                self.portions.add(share)
            return
        shares = [replace(each, key=self._event_ids.named(each.key)) if each.key else each for each in shares]
        if shares:
            self._waiting.append((event, shares))
            self._keys_waiting += len(shares)
        if self._keys_waiting >= limits.TRANSACTION_ITEMS:
            self._place_waiting()

    def _place_waiting(self) -> None:
        """Claim what waits, and take in what is ours."""
        if self._event_ids is None or not self._waiting:
            return
        keys = [share.key for _, shares in self._waiting for share in shares if share.key]
        claims = self._event_ids.claim(keys, until_ms=self._claims_end_ms)
        for event, shares in self._waiting:
            verdicts = [claims.get(share.key, Claim.NEW) for share in shares]
            if all(verdict is Claim.DONE for verdict in verdicts):
                self._ledger.recount_as_duplicate(event)
                continue
            for share, verdict in zip(shares, verdicts, strict=True):
                self._place(share, verdict)
        self._waiting.clear()
        self._keys_waiting = 0

    def _place(self, share: Share, verdict: Claim) -> None:
        if verdict is Claim.ELSEWHERE:
            self.elsewhere.add(share.record)
            self._leave(share, State.PENDING, CLAIMED_ELSEWHERE)
        elif verdict is Claim.IN_DOUBT:
            self._account.resumed += share.event.datapoints
            if self._resend:
                self._account.reasons[SENT_AGAIN] += share.event.datapoints
                self.portions.add(share)
            else:
                self.dropped.append(share.key)
                self._leave(share, State.AMBIGUOUS, DROPPED)
        elif verdict is Claim.NEW:
            self.portions.add(share)

    def _leave(self, share: Share, state: State, reason: str) -> None:
        """Count what is not sent by this invocation."""
        self._account.extracted += share.event.datapoints
        self._account.datapoints[state] += share.event.datapoints
        self._account.reasons[reason] += share.event.datapoints
