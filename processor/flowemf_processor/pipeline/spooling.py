"""Delivers while reading goes on: what the destination does not take yet waits in the checkpoint.

Epochs go in as they are read; they leave through a sink, now or when the destination is back, in this run or in the
next one.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter, deque
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowemf_processor.model import Outcome, PlannedBatch, State
from flowemf_processor.pipeline.couriers import Couriers
from flowemf_processor.pipeline.delivery import DROPPED, INTERRUPTED, NOT_TRIED, Delivery, Terms
from flowemf_processor.pipeline.vitals import Vitals, newest_event_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowemf_processor.core.ledger import DestinationAccount, Ledger
    from flowemf_processor.model import Batch, Mark
    from flowemf_processor.ports import CheckpointStore, Clock, Feed, RejectsKeeper, Sink

LONGEST_PAUSE_SECONDS = 60.0
"""A destination that is away is tried at least so often."""

_FIRST_PAUSE_SECONDS = 1.0
_LOOK_SECONDS = 0.2
_PRUNE_SECONDS = 3600.0
_GRACE_SECONDS = 5.0
_QUIET_FAILURES = 1
"""So many failures in a row are nobody's concern: the next attempt may well succeed."""


@dataclass(frozen=True, slots=True)
class Following:
    """What a delivery has to know of the reading beside it.

    Attributes:
        feed: what is followed; answers wake it.
        ledger: where what is read is counted.
        clock: tells the time.
    """

    feed: Feed
    ledger: Ledger
    clock: Clock


class SpooledDelivery(Delivery):
    """Delivers the epochs of a run that follows sources; the checkpoint is its spool, so that memory stays flat.

    No failure of the destination ends the run, except that it cannot be used as it is configured, and that only before
    it has accepted anything: later, credentials are renewed and permissions mended while the spool waits.

    Args:
        sink: the destination; makes one attempt.
        checkpoints: keeps what waits.
        account: where everything is counted.
        terms: how eagerly to deliver, who looks after it, and how much may wait.
        following: the reading beside it.
        rejects: is to be safe before a mark moves past what it keeps.
        now_seconds: a clock that never goes back.
    """

    def __init__(
        self,
        sink: Sink,
        checkpoints: CheckpointStore,
        account: DestinationAccount,
        terms: Terms,
        following: Following,
        *,
        rejects: RejectsKeeper | None = None,
        now_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(sink, checkpoints, account, terms, rejects=rejects)
        self._spool = checkpoints
        self._ledger = following.ledger
        self._feed = following.feed
        self._clock = following.clock
        self._now_seconds = now_seconds
        self._attendant = terms.service.attendant
        self._couriers = Couriers(sink.send, terms.in_flight, on_return=following.feed.wake)
        self._again: deque[PlannedBatch] = deque()
        self._taken_up_to = 0
        self._owed: dict[int, tuple[int, int]] = {}  # by number: datapoints and bytes
        self._unknown: Counter[int] = Counter()  # by number: attempts that may have been taken
        self._reasons: dict[int, str] = {}
        self._failures_in_a_row = 0
        self._next_try_seconds = -math.inf
        self._next_look_seconds = -math.inf
        self._pruned_seconds = now_seconds()
        self._planned_records = 0
        self._first_failure_s = 0.0
        self.has_failed = False
        """Whether the destination cannot be used as it is configured."""
        self._max_spool_bytes = terms.service.max_spool_bytes
        started_s = self._clock.now_ms() / 1000
        self.vitals = Vitals(self._ledger, account, started_s, spool_limit_bytes=self._max_spool_bytes)
        self._attendant.admit(self.vitals)

    # --- What the pipeline asks ---------------------------------------------------------------------------------------

    def resume(self) -> bool:
        """Take over what an earlier run left; it is delivered beside what is read."""
        for left in self._spool.left():
            self._account.extracted += left.datapoints
            self._account.resumed += left.datapoints
            self._owe(left.number, left.datapoints, left.size_bytes)
            if left.was_in_flight:
                self._unknown[left.number] = 1
        return True

    def epoch(self, batches: Iterable[Batch], marks: dict[str, Mark]) -> bool:
        """Spool what was gathered together with its marks, and wait while the spool is full.

        Args:
            batches: what is to be sent.
            marks: how far the sources are read; emptied here.

        Returns:
            Whether to read on.
        """
        self._owe_each(self._planned(list(batches), marks))
        marks.clear()
        if self._now_seconds() - self._pruned_seconds > _PRUNE_SECONDS:
            self._prune()
        self._planned_records = self._ledger.metric_records
        self.attend()
        if self.vitals.spool_bytes >= self._max_spool_bytes:
            self._wait_for_room()
        return not self.has_failed

    def attend(self, wait_seconds: float = 0.0) -> float:
        """Take answers and send what may be sent.

        Args:
            wait_seconds: how long to wait for an answer.

        Returns:
            After how many seconds there may be more to do, even if no answer comes.
        """
        returned = self._couriers.returned(wait_seconds)
        if returned is not None or self._room:
            self._proceed(returned)
        self._look()
        if not self._owed or not self._failures_in_a_row:
            return math.inf
        return max(0.0, self._next_try_seconds - self._now_seconds())

    def finish(self) -> None:
        """Deliver what is left; once the run is told to end, for some seconds and only if the destination is there.

        The next run has the rest.
        """
        deadline = math.inf
        while self._owed and not self.has_failed and self._now_seconds() < deadline:
            if self._feed.is_over:
                if self._failures_in_a_row:
                    break
                deadline = min(deadline, self._now_seconds() + _GRACE_SECONDS)
            self.attend(_LOOK_SECONDS)
        self._prune()

    def close(self) -> None:
        """Account for what is left; each part of it, also where one fails."""
        with ExitStack() as left:  # the last one first
            left.callback(self._leave_owed)
            left.callback(self._couriers.close)
            for planned, outcome in self._couriers.give_up(_GRACE_SECONDS):
                left.callback(self._ended, planned, outcome)

    def _ended(self, planned: PlannedBatch, outcome: Outcome) -> None:
        if outcome.reason == INTERRUPTED:
            self._unknown[planned.number] += 1
            self._reasons[planned.number] = INTERRUPTED
        else:
            self._answered(planned, outcome)

    def _leave_owed(self) -> None:
        """Leave what is owed to the next run."""
        for number, (datapoints, _) in self._owed.items():
            state = State.AMBIGUOUS if self._unknown[number] else State.PENDING
            self._account.leave(datapoints, self._reasons.get(number, NOT_TRIED), state)
        self._owed.clear()
        self._account.all_runs = self._spool.totals()

    # --- Sending ------------------------------------------------------------------------------------------------------

    @property
    def _room(self) -> int:
        """How many more batches may go now: a destination that fails is tried again later, and with one at a time."""
        if self.has_failed or self._now_seconds() < self._next_try_seconds:
            return 0
        room = int(not self._couriers.busy) if self._failures_in_a_row else self._couriers.room
        return min(room, len(self._owed) - self._couriers.underway)

    def _proceed(self, returned: tuple[PlannedBatch, Outcome] | None) -> None:
        """Take the answers that have come, the first of which is given, and send what may go."""
        with self._together():
            while returned is not None:
                self._answered(*returned)
                returned = self._couriers.returned(0.0)
            going = self._what_goes_next()
        for planned in going:
            self._couriers.start(planned)
        if not self._owed:
            self._spool.shrink()

    def _what_goes_next(self) -> list[PlannedBatch]:
        """Remember that the next ones go, as many as may."""
        going: list[PlannedBatch] = []
        room = self._room
        while len(going) < room and (planned := self._next()) is not None:
            if self._unknown[planned.number] and not self._resend:
                self._conclude(planned, Outcome(State.AMBIGUOUS, DROPPED))
                continue
            self._begin(planned)
            going.append(replace(planned, was_in_flight=False))
        return going

    def _next(self) -> PlannedBatch | None:
        """Give the next batch in turn: one that cannot be delivered must not hold up the others."""
        if len(self._again) < self._in_flight:
            fresh = self._spool.waiting(self._taken_up_to, self._in_flight)
            self._again.extend(fresh)
            self._taken_up_to = fresh[-1].number if fresh else self._taken_up_to
        return self._again.popleft() if self._again else None

    def _answered(self, planned: PlannedBatch, outcome: Outcome) -> None:
        """Take an answer."""
        if outcome.detour is not None and not self._unknown[planned.number]:  # else it may have been taken before
            self._is_back()
            self._forget(planned.number)
            self._owe_each(self._redirected(planned, outcome, outcome.detour))
            return
        if outcome.state is State.REFUSED and self._is_divided(planned, outcome):
            return
        is_unknown = outcome.state is State.AMBIGUOUS
        if is_unknown:
            self._unknown[planned.number] += 1 + outcome.sent_again
        if outcome.state in (State.ACCEPTED, State.REFUSED):
            self._is_back()
            if outcome.state is State.ACCEPTED:
                self.vitals.accepted(self._clock.now_ms() / 1000, newest_event_s(planned.batch.body))
                outcome = replace(outcome, sent_again=outcome.sent_again + self._unknown[planned.number])
            self._conclude(planned, outcome)
            return
        self._is_away(outcome)
        if self._is_dropped(outcome):
            self._conclude(planned, outcome)
            return
        # In flight it stays where any attempt may have been taken, whatever became of the last one.
        self._spool.settle(planned, State.AMBIGUOUS if self._unknown[planned.number] else outcome.state)
        self._reasons[planned.number] = outcome.reason
        self._again.append(replace(planned, was_in_flight=is_unknown))

    def _is_divided(self, planned: PlannedBatch, outcome: Outcome) -> bool:
        self._is_back()
        self._refused_in_a_row += 1
        if not self._is_divisible(planned.batch, outcome):
            return False
        self._forget(planned.number)
        self._owe_each(self._divided(planned, outcome))
        return True

    def _conclude(self, planned: PlannedBatch, outcome: Outcome) -> None:
        if outcome.state is State.ACCEPTED:
            self._refused_in_a_row = 0
        self._forget(planned.number)  # first: what is owed is accounted for in the end, whatever comes of the rest
        self._settle(planned, outcome)

    # --- Whether the destination is there -----------------------------------------------------------------------------

    def _is_away(self, outcome: Outcome) -> None:
        """Send nothing for a while, longer each time (full jitter), and say so once."""
        vitals = self.vitals
        vitals.failed_attempts += 1
        self._failures_in_a_row += 1
        longest = min(_FIRST_PAUSE_SECONDS * 2 ** min(self._failures_in_a_row, 16), LONGEST_PAUSE_SECONDS)
        self._next_try_seconds = self._now_seconds() + random.uniform(0.0, longest)  # noqa: S311 - no secret
        if self._failures_in_a_row == 1:
            self._first_failure_s = self._clock.now_ms() / 1000
        if outcome.by_configuration and vitals.accepted_s is None:
            self.has_failed = True
        elif vitals.away_since_s is None and self._failures_in_a_row > _QUIET_FAILURES:
            vitals.away_since_s, vitals.away_for = self._first_failure_s, outcome.reason
            self._attendant.tell(
                "away",
                f"{self._account.name}: takes nothing ({outcome.reason}: {outcome.message}); what is read waits in the "
                f"checkpoint, and it is tried at least every {LONGEST_PAUSE_SECONDS:.0f} s",
            )

    def _is_back(self) -> None:
        self._failures_in_a_row, self._next_try_seconds = 0, -math.inf
        vitals = self.vitals
        if vitals.away_since_s is not None:
            seconds = self._clock.now_ms() / 1000 - vitals.away_since_s
            vitals.away_since_s, vitals.away_for = None, ""
            self._attendant.tell("back", f"{self._account.name}: takes requests again, after {seconds:.0f} s")

    # --- The spool ----------------------------------------------------------------------------------------------------

    def _owe(self, number: int, datapoints: int, size_bytes: int) -> None:
        self._owed[number] = datapoints, size_bytes
        self.vitals.spool_bytes += size_bytes
        self.vitals.spool_batches += 1

    def _owe_each(self, several: Iterable[PlannedBatch]) -> None:
        for planned in several:
            self._owe(planned.number, planned.batch.datapoints, len(planned.batch.body))

    def _forget(self, number: int) -> None:
        _, size_bytes = self._owed.pop(number)
        del self._unknown[number]
        self._reasons.pop(number, None)
        self.vitals.spool_bytes -= size_bytes
        self.vitals.spool_batches -= 1

    def _wait_for_room(self) -> None:
        """Read nothing until half of the spool is empty: to and fro at its brim would help nobody."""
        vitals = self.vitals
        vitals.is_reading = False
        self._attendant.tell(
            "spool-full",
            f"{self._account.name}: {vitals.spool_bytes:,} bytes wait for it, as many as --max-spool allows; nothing "
            "more is read until there is room, and nothing is lost while the logs stay where they are",
        )
        while vitals.spool_bytes > self._max_spool_bytes // 2 and not self._feed.is_over and not self.has_failed:
            self.attend(_LOOK_SECONDS)
        vitals.is_reading = True
        if not self._feed.is_over and not self.has_failed:
            self._attendant.tell("spool-has-room", f"{self._account.name}: there is room again; reading goes on")

    def _prune(self) -> None:
        self._spool.prune(self._feed.still_there)
        self._pruned_seconds = self._now_seconds()

    def _look(self) -> None:
        """See how things are, now and then."""
        if self._now_seconds() < self._next_look_seconds:
            return
        self._next_look_seconds = self._now_seconds() + _LOOK_SECONDS
        self.vitals.behind_bytes = self._feed.behind_bytes
        self.vitals.gathered_records = self._ledger.metric_records - self._planned_records
        self._attendant.look()
