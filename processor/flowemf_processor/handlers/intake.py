"""Takes in the records of an invocation: each is read, for as long as there is time, as a line of the shape it came in.

Events of Lambda go in; portions to be sent come out, after the ledger of event ids was asked which log events are still
to be sent, and everything else is accounted for.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.portions import Claim, Portions, shares_of
from flowemf_processor.errors import ConfigurationError
from flowemf_processor.model import Event, State
from flowemf_processor.pipeline.delivery import DROPPED, NOT_TRIED, SENT_AGAIN
from flowemf_processor.pipeline.reading import SourceReader
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowemf_processor.core.ledger import DestinationAccount, Ledger
    from flowemf_processor.core.portions import Share
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.ports import Clock
    from flowemf_processor.sinks.event_ids import EventIds


FORM = "subscription"
"""The format of such lines, as `--format` calls it."""

CLAIMED_ELSEWHERE = "claimed-elsewhere"


def records_of(event: Any, member: str, service: str) -> list[dict[str, Any]]:
    """Take the records out of an event.

    Args:
        event: what Lambda passed.
        member: where they are.
        service: who sends such events, for the message.

    Returns:
        The records; there may be none.

    Raises:
        ConfigurationError: the event is none of that service.
    """
    records = event.get(member) if isinstance(event, dict) else None
    if not isinstance(records, list):
        members = ", ".join(map(str, event)) if isinstance(event, dict) else type(event).__name__
        raise ConfigurationError(
            f"this is no event of {service}: it has no list {member!r}, but {members[:200] or 'nothing'}; connect the "
            "function to its service, or choose the handler of the service that calls it"
        )
    return records


class RecordsSource:
    """A source that nobody finds again: what waits for its rest at the end, waits for nothing.

    Args:
        name: what the ledger calls it.
        records: each an object of the shape `FORM`.
        may_read: tells whether there is time to read one more. The first one is read in any case, or it would come
            again for ever.
    """

    identities: Sequence[str] = ()
    rewindable = True
    size_bytes: int | None = None
    is_gone = True
    is_ready = True

    def __init__(self, name: str, records: Sequence[Any], may_read: Callable[[], bool]) -> None:
        self.name = name
        self._records = records
        self._may_read = may_read
        self.given = 0
        """How many records have been read."""

    def pieces(self) -> Iterator[bytes]:
        """Give the records, each as one line."""
        for record in self._records:
            if self.given and not self._may_read():
                return
            self.given += 1
            yield json.dumps(record).encode() + b"\n"

    @property
    def unread(self) -> range:
        """The numbers of the records for which there was no time, from 1."""
        return range(self.given + 1, len(self._records) + 1)


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
