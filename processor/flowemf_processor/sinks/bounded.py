"""Bounds how long one attempt may take.

Batches go in and are passed on; what is known when the time is up comes out, whatever the client still waits for.
"""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from flowemf_processor.model import Outcome, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf_processor.model import Batch
    from flowemf_processor.ports import Sink

_TOO_LATE = Outcome(State.PENDING, "out-of-time", "the invocation has no time left; raise the function's timeout")
_NO_ANSWER = Outcome(
    State.AMBIGUOUS, "no-answer-in-time", "no answer came within the invocation's time; the request may have been taken"
)


class BoundedSink:
    """Passes batches on for as long as there is time.

    The attempt goes on in a thread of its own, a daemon: an answer that comes too late is nobody's.

    Args:
        sink: makes one attempt.
        left_seconds: tells how much time is left.
        answers: gets, by reason code, the first answer that was not a yes.
    """

    def __init__(self, sink: Sink, left_seconds: Callable[[], float], answers: dict[str, Outcome]) -> None:
        self.name = sink.name
        self._sink = sink
        self._left_seconds = left_seconds
        self._answers = answers

    def send(self, batch: Batch) -> Outcome:
        """Send one batch, and wait no longer than there is time.

        Args:
            batch: a request inside every limit.

        Returns:
            What is known of it; pending where there was no time to begin with it.

        Raises:
            Exception: what the sink raised.
        """
        outcome = self._outcome(batch)
        if outcome.state is not State.ACCEPTED:
            self._answers.setdefault(outcome.reason, outcome)
        return outcome

    def _outcome(self, batch: Batch) -> Outcome:
        patience_seconds = self._left_seconds()
        if patience_seconds <= 0:
            return _TOO_LATE
        answers: SimpleQueue[Outcome | BaseException] = SimpleQueue()
        threading.Thread(target=self._attempt, args=(batch, answers), daemon=True, name="flowemf-attempt").start()
        try:
            answer = answers.get(timeout=patience_seconds)
        except Empty:
            return _NO_ANSWER
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _attempt(self, batch: Batch, answers: SimpleQueue[Outcome | BaseException]) -> None:
        try:
            answers.put(self._sink.send(batch))
        except BaseException as error:  # it is raised in the thread that waits
            answers.put(error)
