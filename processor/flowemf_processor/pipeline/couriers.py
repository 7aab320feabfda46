"""Carries several batches to a destination at once.

Planned batches go in; each comes back with what is known of it, in the order in which that became known.
"""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from flowemf_processor.model import Outcome, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf_processor.model import Batch, PlannedBatch

INTERRUPTED = "interrupted"

_UNKNOWN = Outcome(
    State.AMBIGUOUS, INTERRUPTED, "the run ended before the answer came; the request may have been taken"
)


class Couriers:
    """Threads that send; everything else, such as remembering, stays with the thread that hands them batches.

    The threads are daemons, since a request that hangs must not keep a program from ending.

    Args:
        send: sends one batch; it is called from several threads.
        most: how many batches may be on their way at once.
        on_return: is called, by a thread of a courier, when an answer has come.
    """

    def __init__(
        self, send: Callable[[Batch], Outcome], most: int, *, on_return: Callable[[], None] = lambda: None
    ) -> None:
        self._on_return = on_return
        self._send = send
        self._most = most
        self._threads = 0
        self._errands: SimpleQueue[PlannedBatch | None] = SimpleQueue()
        self._returns: SimpleQueue[tuple[PlannedBatch, Outcome | BaseException] | None] = SimpleQueue()
        self._out: dict[int, PlannedBatch] = {}

    @property
    def underway(self) -> int:
        """How many batches are on their way."""
        return len(self._out)

    @property
    def room(self) -> int:
        """How many more batches may go."""
        return self._most - self.underway

    @property
    def busy(self) -> bool:
        """Whether a batch is on its way."""
        return bool(self._out)

    def start(self, planned: PlannedBatch) -> None:
        """Send a batch on its way."""
        self._out[planned.number] = planned
        if self._threads < len(self._out):
            threading.Thread(target=self._run, daemon=True, name="flowemf-courier").start()
            self._threads += 1
        self._errands.put(planned)

    def wait(self) -> tuple[PlannedBatch, Outcome] | None:
        """Wait for the next answer.

        Returns:
            The batch and what is known of it; None where somebody called `wake`.

        Raises:
            Exception: what `send` raised, which is none of its answers; the batch is given back by `give_up`.
        """
        return self._taken(self._returns.get())

    def wake(self) -> None:
        """End the waiting; a handler of a signal may call this."""
        self._returns.put(None)  # https://docs.python.org/3/library/queue.html: this `put` is reentrant

    def returned(self, wait_seconds: float) -> tuple[PlannedBatch, Outcome] | None:
        """Give an answer that has come.

        Args:
            wait_seconds: how long to wait for one.

        Returns:
            The batch and what is known of it; None where no answer has come.

        Raises:
            Exception: as `wait` does.
        """
        try:
            return self._taken(self._returns.get(block=wait_seconds > 0, timeout=wait_seconds))
        except Empty:
            return None

    def _taken(
        self, returned: tuple[PlannedBatch, Outcome | BaseException] | None
    ) -> tuple[PlannedBatch, Outcome] | None:
        if returned is None:
            return None
        planned, outcome = returned
        if isinstance(outcome, BaseException):
            self._returns.put((planned, outcome))  # for `give_up`, which need not wait for it
            raise outcome
        del self._out[planned.number]
        return planned, outcome

    def give_up(self, patience_seconds: float) -> list[tuple[PlannedBatch, Outcome]]:
        """Wait a last time for what is on its way.

        Args:
            patience_seconds: how long to wait for each answer.

        Returns:
            Every batch that was on its way, with what is known of it.
        """
        known: list[tuple[PlannedBatch, Outcome]] = []
        while self._out:
            try:
                returned = self._returns.get(timeout=patience_seconds)
            except Empty:
                break
            if returned is None:
                continue
            planned, outcome = returned
            del self._out[planned.number]
            known.append((planned, _UNKNOWN if isinstance(outcome, BaseException) else outcome))
        known += [(planned, _UNKNOWN) for planned in self._out.values()]
        self._out.clear()
        return known

    def close(self) -> None:
        """Let the threads end when they have nothing left to do."""
        self._on_return = lambda: None
        for _ in range(self._threads):
            self._errands.put(None)
        self._threads = 0

    def _run(self) -> None:
        while (planned := self._errands.get()) is not None:
            outcome: Outcome | BaseException
            try:
                outcome = self._send(planned.batch)
            except BaseException as error:  # it is raised in the thread that waits
                outcome = error
            self._returns.put((planned, outcome))
            self._on_return()
