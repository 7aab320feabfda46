"""How often, and how long, a batch is tried: again where that is safe, and no longer than somebody has time.

Batches go in and are passed on, as fast as the destination takes them; what is known after the last attempt, or when
the time is up, comes out.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from tenacity import Retrying, retry_if_result, stop_after_delay, stop_any, wait_random_exponential

from flowemf_processor.model import Outcome, State
from flowemf_processor.pipeline.delivery import NOT_TRIED

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity import RetryCallState

    from flowemf_processor.core.pacing import Pacer
    from flowemf_processor.model import Batch
    from flowemf_processor.ports import Sink

THROTTLED = "throttled"
_SHORTEST_SECONDS = 0.25
_LONGEST_SECONDS = 20.0

_TOLD_TO_END = Outcome(State.PENDING, NOT_TRIED, "the run was told to end before this was sent; run again")
_OUT_OF_TIME = Outcome(State.PENDING, "out-of-time", "the invocation has no time left; raise the function's timeout")
_NO_ANSWER = Outcome(
    State.AMBIGUOUS, "no-answer-in-time", "no answer came within the invocation's time; the request may have been taken"
)


class PersistentSink:
    """Sends each batch until its outcome is final or the time is over; safe to use from several threads.

    What was certainly not taken (throttled, unreachable) is always tried again, after a random part of a time that
    doubles (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/). What may have been
    taken is tried again only where `resend` says so, and the outcome counts how often.

    Args:
        sink: makes one attempt.
        pacer: spaces the requests of all threads.
        resend: whether to send again what may have been taken.
        retry_seconds: how long one batch is tried.
        on_retry: is told of an outcome that is tried again.
        before_again: is called before a batch is sent that may have been taken.
        is_over: whether the run is to end: then nothing more is sent.
        sleep: waits so many seconds.
        now_seconds: a clock that never goes back.
    """

    def __init__(  # noqa: PLR0913 - each has a name, and a caller that is content with most of them
        self,
        sink: Sink,
        *,
        pacer: Pacer,
        resend: bool,
        retry_seconds: float,
        on_retry: Callable[[Outcome], None] = lambda _: None,
        before_again: Callable[[Batch], None] | None = None,
        is_over: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], None] = time.sleep,
        now_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = sink.name
        self._sink = sink
        self._pacer = pacer
        self._turns = threading.Lock()
        self._resend = resend
        self._retry_seconds = retry_seconds
        self._on_retry = on_retry
        self._before_again = before_again
        self._is_over = is_over
        self._sleep = sleep
        self._now_seconds = now_seconds

    def send(self, batch: Batch) -> Outcome:
        """Send one batch, as often as that is safe and of use.

        Args:
            batch: a request inside every limit.

        Returns:
            What is known after all attempts; `sent_again` says how many attempts before the last one may have been
            taken.
        """
        unknown = counted = 0

        def attempt() -> Outcome:
            nonlocal unknown, counted
            if self._before_again and counted < unknown:
                counted = unknown
                self._before_again(batch)
            outcome = self._attempt(batch)
            unknown += outcome.state is State.AMBIGUOUS
            return outcome

        outcome: Outcome = Retrying(
            retry=retry_if_result(self._is_worth_another),
            wait=wait_random_exponential(multiplier=_SHORTEST_SECONDS, max=_LONGEST_SECONDS),
            stop=stop_any(stop_after_delay(self._retry_seconds), lambda _: self._is_over()),  # type: ignore[arg-type]
            sleep=self._sleep,
            before_sleep=lambda state: self._on_retry(_last(state)),
            retry_error_callback=_last,
        )(attempt)
        return _overall(outcome, unknown)

    def _attempt(self, batch: Batch) -> Outcome:
        with self._turns:
            wait_seconds = self._pacer.wait_seconds(self._now_seconds())
        if wait_seconds > 0:
            self._sleep(wait_seconds)
        if self._is_over():
            return _TOLD_TO_END
        outcome = self._sink.send(batch)
        with self._turns:
            if outcome.state is State.ACCEPTED:
                self._pacer.accepted()
            elif outcome.reason == THROTTLED:
                self._pacer.throttled()
        return outcome

    def _is_worth_another(self, outcome: Outcome) -> bool:
        if outcome.state is State.AMBIGUOUS:
            return self._resend
        return outcome.state is State.PENDING and not outcome.by_configuration


def _last(state: RetryCallState) -> Outcome:
    assert state.outcome is not None  # noqa: S101 - tenacity's type allows for a call before the first attempt
    outcome: Outcome = state.outcome.result()
    return outcome


def _overall(outcome: Outcome, unknown: int) -> Outcome:
    """Give what is known of a batch from all its attempts."""
    if outcome.state is State.AMBIGUOUS:
        return replace(outcome, sent_again=unknown - 1)
    if outcome.state is State.PENDING and unknown:  # the last attempt was not taken, but one before it may have been
        return replace(outcome, state=State.AMBIGUOUS, sent_again=unknown - 1)
    # The service refuses what is wrong with a request whenever it sees it: then it was never taken.
    return outcome if outcome.state is State.REFUSED else replace(outcome, sent_again=unknown)


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
            return _OUT_OF_TIME
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
