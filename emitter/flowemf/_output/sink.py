"""Hands whole lines to a target, one thread at a time.

Lines go in, from any thread, task, signal handler or forked process; each leaves whole and nothing is raised. What
cannot be written is counted.

Threads combine their writes instead of queueing for a lock: each appends its line and tries to take the turn without
waiting, and whoever has it writes everything that has gathered. A plain lock costs several times as much as soon as two
threads write, since each write lets the other thread run into the lock.
"""

from __future__ import annotations

from _thread import get_ident
from time import monotonic, sleep

from flowemf._output import endings as _endings
from flowemf._output.waiting import Mark, gather

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Sequence
    from types import TracebackType

    from flowemf._output.target import Target
    from flowemf._output.waiting import Waiting
    from flowemf._tally import Tally
else:
    from _collections import deque  # collections itself would be the most costly import of this package

_NAP_SECONDS = 0.0002
# With so many lines waiting, writers wait too: a reader that stalls slows the program, it does not fill its memory.
_MOST_WAITING = 1024
_WRITES_PER_TURN = 64
_LOOK_EVERY_SECONDS = 0.001


class Turn(list[None]):
    """Whose turn it is to write: a list with one item while nobody does. What a lock does, at a third of its price.

    Use it as a context manager where there is time.

    Where every line counts, the turn is taken and given back without a call:

        try:
            del turn[0]
        except IndexError:
            ...  # somebody else is writing
        else:
            try:
                ...
            finally:
                turn.append(None)

    Deleting an item is one step of the interpreter, for threads as for signals: Python runs a signal handler after a
    call and at a jump, never between `del` and `try`. So no KeyboardInterrupt leaves the turn with nobody, which it
    could do between `lock.acquire(False)` and `try`. `with lock:` is as safe, and took 0.11 us where this takes 0.03.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__((None,))

    def __enter__(self) -> None:
        """Wait for the turn, in naps. For threads in the background, where Python runs no signal handlers."""
        while True:
            try:
                del self[0]
            except IndexError:  # noqa: PERF203 - between a call that returns and `try` a signal could come
                sleep(_NAP_SECONDS)
            else:
                return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it back."""
        self.append(None)


class Sink:
    """Combines the lines of all threads and hands them to a target, one batch at a time."""

    __slots__ = ("__weakref__", "_holder", "_queue", "_target", "_turn")

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
        self._turn = Turn()

    def write(self, line: bytes, tally: Tally) -> None:
        """Write one line, or leave it to the thread that is writing just now.

        Args:
            line: a whole line with its newline.
            tally: where it is counted as written or as failed.
        """
        queue, turn = self._queue, self._turn
        if queue or not turn:
            queue.append((line, tally))
        else:
            # Nearly always nobody else writes, and the line needs no queue: 0.3 us beside the write itself, not 1.1.
            try:
                del turn[0]
            except IndexError:  # another thread has taken it just now
                queue.append((line, tally))
            else:
                try:
                    self._holder = get_ident()
                    self._target.put_one(line, tally)
                finally:
                    self._holder = 0
                    turn.append(None)
        # Between the holder's last look at the queue and the end of its turn another thread may have appended and
        # found the turn taken: the holder looks again after each turn.
        if queue:
            self._write_waiting()

    def write_batch(self, lines: Sequence[bytes], tally: Tally) -> None:
        """Write what a queue has gathered for this sink.

        Args:
            lines: at most `joined_bytes` of whole lines, or one longer line.
            tally: where they are counted as written or as failed.
        """
        self._target.await_room()
        with self._turn:
            try:
                self._holder = get_ident()
                self._target.put(lines, tally)
            finally:
                self._holder = 0
        if self._queue:
            self._write_waiting()

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
        if not self._queue and self._turn:
            return True
        mark = Mark()
        self._queue.append((b"", mark))
        end_seconds = monotonic() + patience_seconds
        while not mark.reached:
            if self._take_turn():
                continue
            if self._holder == get_ident() or monotonic() >= end_seconds:
                return False  # a signal handler must not wait for the thread that it interrupts
            sleep(_LOOK_EVERY_SECONDS)
        while self._queue and self._take_turn():  # what came while it was our turn, and found it taken
            pass
        return True

    def end(self) -> None:
        """Close what can be closed; what still waits belongs to threads that still run."""
        if self._turn:
            with self._turn:
                self._target.let_go()

    def _write_waiting(self) -> None:
        """See to it that what waits is written, by this thread or by the one whose turn it is."""
        while self._queue and self._take_turn():
            pass
        # A signal handler that interrupts the holder must not wait for it.
        while len(self._queue) >= _MOST_WAITING and self._holder != get_ident():
            if not self._take_turn():
                sleep(_LOOK_EVERY_SECONDS)

    def _take_turn(self) -> bool:
        """Write some of what waits; False where it is somebody else's turn."""
        try:
            del self._turn[0]
        except IndexError:
            return False
        try:
            self._holder = get_ident()
            for _ in range(_WRITES_PER_TURN):
                if not self._queue:
                    break
                lines, tally, marks = gather(self._queue, self._target.joined_bytes)
                if tally is not None:
                    self._target.put(lines, tally)
                for mark in marks:
                    mark.reached = True
        finally:
            self._holder = 0
            self._turn.append(None)
        return True
