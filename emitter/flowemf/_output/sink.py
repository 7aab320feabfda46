"""Hands whole lines to a target, one thread at a time.

Lines go in, from any thread, task, signal handler or forked process; each leaves whole and nothing is raised. What
cannot be written is counted.

Threads combine their writes instead of queueing for a lock: each appends its line and tries the lock without waiting,
and whoever holds it writes everything that has gathered. A plain lock costs several times as much as soon as two
threads write, since each write lets the other thread run into the lock.
"""

from __future__ import annotations

from _thread import allocate_lock, get_ident
from time import monotonic, sleep

from flowemf._output import endings as _endings
from flowemf._output.waiting import Mark, gather

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections import deque
    from collections.abc import Sequence

    from flowemf._output.target import Item, Target
    from flowemf._output.waiting import Waiting
    from flowemf._tally import Tally
else:
    from _collections import deque  # collections itself would be the most costly import of this package

# With so many lines waiting, writers wait too: a reader that stalls slows the program, it does not fill its memory.
_MOST_WAITING = 1024
_WRITES_PER_TURN = 64
_LOOK_EVERY_SECONDS = 0.001


class Sink:
    """Combines the lines of all threads and hands them to a target, one batch at a time."""

    __slots__ = ("__weakref__", "_holder", "_lock", "_queue", "_target")

    stage = _endings.WRITING

    def __init__(self, target: Target) -> None:
        self._target = target
        self._begin()
        _endings.register(self)

    def start_afresh(self) -> None:
        """Forget what waits and who writes: in a forked child both are the parent's business."""
        self._begin()
        self._target.let_go()

    def _begin(self) -> None:
        self._holder = 0
        self._queue: deque[Waiting] = deque()
        self._lock = allocate_lock()

    def write(self, line: bytes, tally: Tally) -> None:
        """Write one line, or leave it to the thread that is writing just now.

        Args:
            line: a whole line with its newline.
            tally: where it is counted as written or as failed.
        """
        queue, lock = self._queue, self._lock
        if queue or lock.locked():
            queue.append((line, tally))
        else:
            # Nearly always nobody else writes, and the line needs no queue: 0.5 us beside the write itself, not 1.3.
            # Here `with` waits only for a thread that took the lock just now; a signal handler cannot have left it
            # locked, and no KeyboardInterrupt finds its way between taking it and remembering to release it.
            with lock:
                self._holder = get_ident()
                try:
                    self._target.put_one(line, tally)
                finally:
                    self._holder = 0
        # Between the holder's last look at the queue and its release another thread may have appended and found the
        # lock taken: the holder looks again after each release.
        if not queue:
            return
        while queue and lock.acquire(False):
            self._take_turn(queue, lock)
        # A signal handler that interrupts the holder must not wait for it.
        if len(queue) >= _MOST_WAITING and self._holder != get_ident():
            lock.acquire()
            self._take_turn(queue, lock)

    def write_batch(self, batch: Sequence[Item]) -> None:
        """Write what a queue has gathered for this sink.

        Args:
            batch: at most `joined_bytes` of whole lines, or one longer line.
        """
        queue, lock = self._queue, self._lock
        self._target.await_room()
        with lock:
            self._holder = get_ident()
            try:
                self._target.put(batch)
            finally:
                self._holder = 0
        while queue and lock.acquire(False):
            self._take_turn(queue, lock)

    def await_room(self) -> None:
        """Wait where a thread in the background would otherwise wait with a lock that is not ours."""
        self._target.await_room()

    @property
    def joined_bytes(self) -> int:
        """How much of what waits may be written at once."""
        return self._target.joined_bytes

    def hurry(self) -> None:
        """End a pause of the target between two attempts."""
        self._target.hurry()

    def drain(self, patience_seconds: float) -> bool:
        """Write what is waiting now, or see it written by the thread that is writing.

        Args:
            patience_seconds: how long to wait for that thread.

        Returns:
            Whether it has been written.
        """
        queue, lock = self._queue, self._lock
        if not queue and not lock.locked():
            return True
        mark = Mark()
        queue.append((b"", mark))
        end_seconds = monotonic() + patience_seconds
        while not mark.reached:
            if lock.acquire(False):
                self._take_turn(queue, lock)
            elif self._holder == get_ident() or monotonic() >= end_seconds:
                return False  # a signal handler must not wait for the thread that it interrupts
            else:
                sleep(_LOOK_EVERY_SECONDS)
        return True

    def end(self) -> None:
        """Close what can be closed; what still waits belongs to threads that still run."""
        if self._lock.acquire(False):
            self._target.let_go()
            self._lock.release()

    def _take_turn(self, queue: deque[Waiting], lock: LockType) -> None:
        try:
            self._holder = get_ident()
            for _ in range(_WRITES_PER_TURN):
                if not queue:
                    break
                batch, marks = gather(queue, self._target.joined_bytes)
                if batch:
                    self._target.put(batch)
                for mark in marks:
                    mark.reached = True
        finally:
            self._holder = 0
            lock.release()
