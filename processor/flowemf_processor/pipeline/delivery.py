"""Brings planned batches to one destination, and remembers around each what is known of it.

Aggregated requests and the marks that belong to them go in; they leave through a sink, several at once, and everything
is accounted for.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING

from flowemf_processor.core.metric_batches import divided
from flowemf_processor.model import Outcome, PlannedBatch, State
from flowemf_processor.pipeline.couriers import INTERRUPTED, Couriers
from flowemf_processor.pipeline.interruption import NEVER, Interruption
from flowemf_processor.pipeline.vitals import NO_SERVICE, Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from flowemf_processor.core.ledger import DestinationAccount
    from flowemf_processor.core.log_batches import LogStream
    from flowemf_processor.model import Batch, Detour, LeftBatch, Mark
    from flowemf_processor.ports import CheckpointStore, RejectsKeeper, Sink

__all__ = ["DROPPED", "INTERRUPTED", "NOT_TRIED", "SENT_AGAIN", "Delivery", "Terms"]

NOT_TRIED = "not-tried"
SENT_AGAIN = "sent-again-after-unknown-outcome"
DROPPED = "dropped-after-unknown-outcome"

_GRACE_SECONDS = 5.0
"""How long a run that is told to end waits for the answers to what is on its way."""

_LOADED_AT_ONCE = 64
"""So many batches of an earlier run are in memory at once, each of at most 1 MB."""

_FRUITLESS_REFUSALS = 32
"""After so many refusals in a row nothing more is divided: what is wrong is not one datum among good ones."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a destination is served.

    Attributes:
        in_flight: how many requests may be on their way at once.
        resend: whether to send again what may have been taken; else it is dropped. Either is counted.
        relative_error: how far values may move so that fewer datums are needed; 0 for exactly the numbers read.
        service: who looks after the delivery of what is followed, and how much of it may wait.
        log_stream: where PutLogEvents is to write lines as they are; None sends aggregates with PutMetricData.
        interruption: by which somebody may end the run.
    """

    in_flight: int = 1
    resend: bool = True
    relative_error: float = 0.0
    service: Service = NO_SERVICE
    log_stream: LogStream | None = None
    interruption: Interruption = NEVER


class Delivery:
    """Delivers the epochs of one run to one destination.

    Args:
        sink: the destination.
        checkpoints: remembers batches and marks; None remembers nothing.
        account: where everything is counted.
        terms: how eagerly to deliver.
        rejects: is to be safe before a mark moves past what it keeps.
    """

    def __init__(
        self,
        sink: Sink,
        checkpoints: CheckpointStore | None,
        account: DestinationAccount,
        terms: Terms,
        *,
        rejects: RejectsKeeper | None = None,
    ) -> None:
        self._sink = sink
        self._rejects = rejects
        self._checkpoints = checkpoints
        self._account = account
        self._in_flight = terms.in_flight
        self._resend = terms.resend
        self._interruption = terms.interruption
        self._numbers = count()
        self._refused_in_a_row = 0

    def resume(self) -> bool:
        """Deliver what an earlier run left unfinished; False if that failed again."""
        if self._checkpoints is None:
            return True
        left = {each.number: each for each in self._checkpoints.left()}
        for each in left.values():
            self._account.extracted += each.datapoints
            self._account.resumed += each.datapoints
        delivered, after = True, 0
        try:
            while delivered and (some := self._checkpoints.waiting(after, _LOADED_AT_ONCE)):
                after = some[-1].number
                delivered = self._deliver(self._taken_over(some, left))
        finally:
            for each in left.values():
                self._account.leave(each.datapoints, NOT_TRIED)
        return delivered

    def _taken_over(self, some: Iterable[PlannedBatch], left: dict[int, LeftBatch]) -> list[PlannedBatch]:
        """Take from what is left the batches that are to be sent; what is not to be sent again is settled."""
        going: list[PlannedBatch] = []
        for planned in some:
            if planned.was_in_flight and not self._resend:
                del left[planned.number]
                self._settle(planned, Outcome(State.AMBIGUOUS, DROPPED))
            else:
                going.append(planned)
        for planned in going:  # nothing can fail between here and the delivery, which accounts for them
            del left[planned.number]
            if planned.was_in_flight:
                self._account.reasons[SENT_AGAIN] += planned.batch.datapoints
        return going

    def epoch(self, batches: Iterable[Batch], marks: dict[str, Mark]) -> bool:
        """Deliver what was gathered, after it was remembered together with its marks.

        Args:
            batches: what is to be sent.
            marks: how far the sources are read when all of it is accepted; emptied here.

        Returns:
            Whether all of it could be delivered, be it to be refused.
        """
        planned = self._planned(list(batches), marks)
        marks.clear()
        return self._deliver(planned)

    def finish(self) -> None:
        """Bring what waits to an end; nothing waits here between epochs."""

    def close(self) -> None:
        """Account for what is left, whatever happened; nothing is left here."""

    def _planned(self, batches: list[Batch], marks: dict[str, Mark]) -> list[PlannedBatch]:
        if self._checkpoints is None:
            return [PlannedBatch(next(self._numbers), batch) for batch in batches]
        try:
            if self._rejects is not None:
                self._rejects.settle()
            return self._checkpoints.plan(batches, marks.values())
        except BaseException:
            for batch in batches:
                self._account.settle(batch, Outcome(State.PENDING, NOT_TRIED))
            raise

    def _deliver(self, planned: Iterable[PlannedBatch]) -> bool:
        """Send until a batch could not be delivered; what is not sent then is pending, whatever was the reason."""
        waiting = deque(planned)
        couriers = Couriers(self._sink.send, self._in_flight)
        delivered = True
        try:
            with self._interruption.waking(couriers.wake):
                while couriers.busy or (waiting and delivered):
                    if self._interruption.is_wanted:
                        return False
                    answer = couriers.wait() if couriers.busy else None
                    with self._together():  # what has become known, and what goes next
                        while answer is not None:
                            delivered = self._settled(*answer, waiting) and delivered
                            answer = couriers.returned(0.0)
                        begun = self._begun(couriers.room, waiting) if delivered else 0
                    for _ in range(begun):
                        couriers.start(waiting.popleft())
        finally:
            self._end(couriers, waiting)
        return delivered

    def _together(self) -> AbstractContextManager[None]:
        return self._checkpoints.together() if self._checkpoints else nullcontext()

    def _begun(self, room: int, waiting: deque[PlannedBatch]) -> int:
        """Remember that the next ones go, as many as there is room for; give how many these are."""
        going = list(islice(waiting, room))
        for each in going:
            self._begin(each)
        return len(going)

    def _begin(self, planned: PlannedBatch) -> None:
        if self._checkpoints:
            self._checkpoints.begin(planned)

    def _end(self, couriers: Couriers, waiting: deque[PlannedBatch]) -> None:
        """Account for what is left, which is nothing where all went well; each part of it, also where one fails."""
        with ExitStack() as left:  # the last one first
            left.callback(self._leave, waiting)
            left.callback(couriers.close)
            for planned, outcome in couriers.give_up(_GRACE_SECONDS):
                left.callback(self._settled, planned, outcome, waiting)

    def _leave(self, waiting: Iterable[PlannedBatch]) -> None:
        """Leave the rest to the next run."""
        for planned in waiting:
            self._account.settle(planned.batch, Outcome(State.PENDING, NOT_TRIED))
        if self._checkpoints:
            self._account.all_runs = self._checkpoints.totals()

    def _settled(self, planned: PlannedBatch, outcome: Outcome, waiting: deque[PlannedBatch]) -> bool:
        """Take an answer; False where the run has to stop for it."""
        self._refused_in_a_row = self._refused_in_a_row + 1 if outcome.state is State.REFUSED else 0
        if outcome.detour is not None and not planned.was_in_flight:  # else it may have been taken before
            waiting.extendleft(reversed(self._redirected(planned, outcome, outcome.detour)))
            return True
        if outcome.state is State.REFUSED and self._is_divisible(planned.batch, outcome):
            waiting.extendleft(reversed(self._divided(planned, outcome)))
            return True
        self._settle(planned, outcome)
        return outcome.state in (State.ACCEPTED, State.REFUSED) or self._is_dropped(outcome)

    def _is_dropped(self, outcome: Outcome) -> bool:
        return outcome.state is State.AMBIGUOUS and not self._resend

    def _is_divisible(self, batch: Batch, outcome: Outcome) -> bool:
        is_hopeless = not outcome.culprits and self._refused_in_a_row > _FRUITLESS_REFUSALS
        return len(batch.parts) > 1 and not is_hopeless

    def _divided(self, planned: PlannedBatch, outcome: Outcome) -> list[PlannedBatch]:
        """Put pieces in the place of a batch that was refused as a whole."""
        self._account.requests[State.REFUSED] += 1
        return self._in_place_of(planned, divided(planned.batch, outcome.culprits))

    def _redirected(self, planned: PlannedBatch, outcome: Outcome, detour: Detour) -> list[PlannedBatch]:
        """Put what goes another way in the place of a batch of which that much was certainly not taken."""
        self._account.redirect(planned.batch, outcome, detour)
        refused = sum(datapoints for _, datapoints in detour.refused)
        accepted = planned.batch.datapoints - detour.datapoints
        return self._in_place_of(planned, detour.batches, accepted=accepted, refused=refused)

    def _in_place_of(
        self, planned: PlannedBatch, pieces: Sequence[Batch], *, accepted: int = 0, refused: int = 0
    ) -> list[PlannedBatch]:
        """Remember pieces in the place of a batch; where that fails they are left, and the next run has it whole."""
        if self._checkpoints is None:
            return [PlannedBatch(next(self._numbers), piece) for piece in pieces]
        try:
            return self._checkpoints.replace(planned, pieces, accepted=accepted, refused=refused)
        except BaseException:
            for piece in pieces:
                self._account.settle(piece, Outcome(State.PENDING, NOT_TRIED))
            raise

    def _settle(self, planned: PlannedBatch, outcome: Outcome) -> None:
        """Count and remember what is known of a batch."""
        self._account.settle(planned.batch, outcome)
        if outcome.sent_again:
            self._account.reasons[SENT_AGAIN] += planned.batch.datapoints * outcome.sent_again
        is_given_up = self._is_dropped(outcome) and outcome.reason != INTERRUPTED
        if is_given_up:
            self._account.given_up += planned.batch.datapoints
        if self._checkpoints:
            if is_given_up:
                self._checkpoints.forget(planned)
            elif outcome.left_out:
                refused = sum(datapoints for _, datapoints in outcome.left_out)
                self._checkpoints.settle(planned, outcome.state, refused=refused)
            else:
                self._checkpoints.settle(planned, outcome.state)
