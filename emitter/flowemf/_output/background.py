"""Delivery in the background: lines wait in a bounded queue for a thread that writes them.

Lines go in from any thread, task or signal handler without a lock and without waiting; they leave through a sink.
What finds the queue full is dropped, counted, and reported by a line of its own once the burst is over.
"""

from __future__ import annotations

from _thread import allocate_lock, get_ident, start_new_thread
from time import monotonic, sleep

from flowemf._output import endings as _endings
from flowemf._output.signals import leave_to_the_program
from flowemf._output.target import count_failed
from flowemf._output.waiting import FILLER, Mark, gather, tallies_in, wait_until
from flowemf._tally import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Sequence

    from flowemf._output.sink import Sink
    from flowemf._output.waiting import Waiting
    from flowemf._tally import Tally
else:
    from _collections import deque

# A longer line takes a place for each of these, so that the queue bounds memory too, and nobody adds up bytes.
PLACE_BYTES = 4096

# After writing, the thread gathers for a moment, so that a busy program wakes it fifty times a second and not for each
# line: to wake a thread costs several times as much as a line does.
_GATHER_SECONDS = 0.02
# A thread that has nothing to do for so long ends; the next line starts another.
_IDLE_SECONDS = 5.0
# While a queue stays full, what was dropped is reported this often.
_REPORT_EVERY_SECONDS = 60.0
# A program that never pauses lets no other thread run for 5 ms at a time, and would fill any queue while its reader
# waits for more. With half of the queue filled it gives way, a moment for so many lines, unless the thread is stuck.
_GIVE_WAY_SECONDS = 0.0001
_GIVE_WAY_LINES = 64
_STUCK_SECONDS = 0.05


_FULL = (
    "a line was dropped: the queue is full, since the reader has stalled or is too slow (see the setting queue_size)"
)
_TOO_LATE = "a line was dropped: it was still waiting when the program ended"


class Background:
    """A bounded queue before a sink, and the thread between them.

    Args:
        sink: where the lines go.
        size: how many may wait.
        owner: whoever counts most of the lines.
    """

    __slots__ = (
        "__weakref__",
        "_bell",
        "_busy",
        "_half",
        "_in_flight",
        "_never",
        "_overflowed",
        "_owner",
        "_queue",
        "_report_due_seconds",
        "_ring_at",
        "_running",
        "_sink",
        "_size",
        "_start_lock",
        "_through",
        "_wanted_size",
        "_worker",
        "_wrote_at_seconds",
    )

    stage = _endings.QUEUEING

    def __init__(self, sink: Sink, size: int, owner: Tally | None = None) -> None:
        self._sink = sink
        # Its lines wait by themselves: a tuple around each, and the garbage collector's looking at them, took 0.15 us.
        self._owner = owner
        self._wanted_size = size
        self._half = size // 2
        self._never = size + 1
        self._overflowed: set[Tally] = set()
        self._begin()
        _endings.register(self)

    def _begin(self) -> None:
        self._size = self._wanted_size
        self._queue: deque[Waiting] = deque()
        # The bell is a lock that is locked while it is silent; to ring it is to release it.
        self._bell = allocate_lock()
        self._bell.acquire()
        self._start_lock = allocate_lock()
        self._ring_at = 0  # the number of waiting lines at which a writer rings: none, some, or more than there can be
        self._running = False
        self._worker = 0
        self._busy = False
        self._wrote_at_seconds = 0.0
        self._through = False  # whether lines that come after the end are still written
        self._in_flight: Sequence[Tally] = ()  # who counts the lines that are being written
        self._report_due_seconds = 0.0

    # --- The side of the program

    def write(self, line: bytes, tally: Tally) -> None:
        """Leave one line to the thread.

        Args:
            line: a whole line with its newline.
            tally: where it is counted as written, failed or dropped.
        """
        queue = self._queue
        waiting = len(queue)
        if waiting >= self._size:
            self._refuse(line, tally)
            return
        queue.append(line if tally is self._owner else (line, tally))
        if len(line) > PLACE_BYTES:
            queue.extend([FILLER] * (len(line) // PLACE_BYTES))
        if waiting >= self._ring_at:
            if self._busy:
                self._give_way(waiting)
            else:
                self._ring()

    def await_room(self) -> None:
        """Do nothing: writing never waits here."""

    def drain(self, patience_seconds: float) -> bool:
        """Wait until all that waits now has been written; no lock is taken.

        Args:
            patience_seconds: how long to wait at most.

        Returns:
            Whether it has been written.
        """
        if not (self._queue or self._busy or self._overflowed):
            return True
        if self._worker == get_ident():  # the function that takes the lines has called this
            return False
        mark = Mark()
        self._queue.append((b"", mark))
        self._ring()
        self._sink.hurry()
        return wait_until(lambda: mark.reached, patience_seconds)

    def end(self) -> None:
        """Drop what could not be written in time; lines that still come are written at once, or dropped too."""
        if self._size == 0:
            return
        waiting, self._queue = self._queue, deque()
        lost = list(self._in_flight)
        lost += tallies_in(waiting, self._owner)
        for tally in lost:
            tally.drop(_TOO_LATE)
        if lost:
            say(f"{len(lost)} lines are lost: they were still waiting when the program ended")
        self._through = not lost
        self._size = 0

    def start_afresh(self) -> None:
        """Begin with an empty queue and no thread: in a forked child what waits is the parent's business."""
        for tally in self._overflowed:
            tally.forget_unreported()
        self._overflowed.clear()
        self._begin()

    def _refuse(self, line: bytes, tally: Tally) -> None:
        if self._through:
            self._queue.append((line, tally))
            self._through = self.drain(_endings.PATIENCE_SECONDS)
            return
        tally.drop(_FULL)
        self._overflowed.add(tally)

    def _give_way(self, waiting: int) -> None:
        stuck = monotonic() - self._wrote_at_seconds > _STUCK_SECONDS
        self._ring_at = self._never if stuck else waiting + _GIVE_WAY_LINES
        if not self._busy:  # it went to sleep in between, and must not do so with the bell set so high
            self._ring()
        elif not stuck:
            sleep(_GIVE_WAY_SECONDS)

    def _ring(self) -> None:
        self._ring_at = self._never
        if not self._running:
            self._start()
            return
        try:
            self._bell.release()
        except RuntimeError:
            return  # it is ringing already

    def _start(self) -> None:
        # Not waiting for this lock: whoever has it is starting the thread. Should that fail, the next line rings again.
        if not self._start_lock.acquire(False):
            self._ring_at = 0
            return
        try:
            if not self._running:
                _endings.note_process()
                self._running = True
                start_new_thread(self._work, ())
        except RuntimeError:  # no thread to be had: the next line tries again
            self._running = False
            self._ring_at = 0
        finally:
            self._start_lock.release()

    # --- The side of the thread

    def _work(self) -> None:
        leave_to_the_program()
        self._worker = get_ident()
        while True:
            self._write_all()
            if not self._go_on():
                break
        if self._worker == get_ident():  # the number will be another thread's
            self._worker = 0

    def _write_all(self) -> None:
        self._busy = True
        self._wrote_at_seconds = monotonic()
        self._ring_at = self._half
        while self._queue or self._overflowed:
            lines, tally, marks = gather(self._queue, self._sink.joined_bytes, self._owner)
            if tally is not None:
                self._write(lines, tally)
            if self._overflowed:
                self._report()
            for mark in marks:
                mark.reached = True
        self._busy = False

    def _write(self, lines: Sequence[bytes], tally: Tally) -> None:
        self._in_flight = (tally,) * len(lines)
        try:
            self._sink.write_batch(lines, tally)
        except BaseException as problem:  # a function of the user's may raise anything, and the thread has to go on
            count_failed(len(lines), tally, "the sink", problem)
        self._in_flight = ()
        self._wrote_at_seconds = monotonic()

    def _report(self) -> None:
        """Report what was dropped when half of the queue is free again, or a minute after the last report."""
        if len(self._queue) > self._half and monotonic() < self._report_due_seconds:
            return
        self._report_due_seconds = monotonic() + _REPORT_EVERY_SECONDS
        for tally in list(self._overflowed):
            self._overflowed.discard(tally)
            line = tally.dropped_line(tally.take_unreported())
            if line:
                self._write((line,), tally)

    def _go_on(self) -> bool:
        """Wait for more; False when the thread is not needed any longer."""
        self._ring_at = self._half
        self._bell.acquire(True, _GATHER_SECONDS)
        self._ring_at = 0
        if self._queue or self._bell.acquire(True, _IDLE_SECONDS):
            return True
        self._running = False
        # A line that came just now may have found us running: then the thread is still needed, unless its writer, or
        # another's, is starting one.
        if not self._queue or not self._start_lock.acquire(False):
            return False
        needed = not self._running
        self._running = True
        self._start_lock.release()
        return needed
