"""Watches the time that a Lambda invocation has left, since nobody tells a function that its time is up.

Milliseconds and the open calls go in; shortly before the time is up, the ends of the calls that are still open are
written as timeouts, and what waits is written out. https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
"""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread

from flowemf._calls import watch
from flowemf._open_calls import OpenCalls
from flowemf._output import endings as _endings
from flowemf._output.signals import leave_to_the_program
from flowemf._output.waiting import wait_until

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Enough to write what is open into standard output, and to wait for a busy interpreter.
MARGIN_MS = 200.0
# Of a short time, so much at most: a function with a second has 0.9 of it before it counts as too slow.
_SHARE = 0.1
# What the process needs for itself, to hand over its answer.
_RESERVE_SECONDS = 0.02


class Deadline:
    """The time of one invocation, from now on.

    Args:
        remaining_ms: how much there is left, in milliseconds.
        failed: takes a mistake of ours.

    Attributes:
        told: whether the time has run out and the ends of what was open have been written.
    """

    __slots__ = ("_before", "_failed", "_margin_ms", "_open", "_over", "_telling", "told")

    def __init__(self, remaining_ms: float, failed: Callable[[Exception], None]) -> None:
        self._margin_ms = min(MARGIN_MS, remaining_ms * _SHARE)
        self._failed = failed
        self._open = OpenCalls()
        self._telling = False
        self.told = False
        # To wait for the invocation's end is to wait for this lock; whoever ends it releases it.
        self._over = allocate_lock()
        self._over.acquire()
        self._before = watch(self._open)
        start_new_thread(self._wait, ((remaining_ms - self._margin_ms) / 1000,))

    def over(self) -> None:
        """Stop watching; where the time has just run out, wait until that has been told."""
        watch(self._before)
        self._over.release()
        if self._telling:
            wait_until(lambda: self.told, self._margin_ms / 1000)

    def _wait(self, seconds: float) -> None:
        leave_to_the_program()
        if self._over.acquire(True, seconds):
            return
        self._telling = True
        try:
            self._open.end_all(
                TimeoutError(f"still running {self._margin_ms:.0f} ms before the function's time was up")
            )
            _endings.flush(max(0.0, self._margin_ms / 1000 - _RESERVE_SECONDS))
        except Exception as problem:
            self._failed(problem)
        self.told = True
