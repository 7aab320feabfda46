"""Gathers events, and writes them merged when enough have come or the first one has waited long enough.

Events go in from any thread, task or signal handler, without a lock; what their lines are to say comes out in a thread
of its own, with up to 100 values for each metric: events of one shape, one set of dimension values and one period share
their lines (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).

With 100 events to a buffer an end of a flow took 1.2 us of processor time, all threads together, and 3.1 us as a line
of its own in a file.

Only that thread takes events out, and so a signal can interrupt nothing: Python runs handlers in the main thread, and
one that came while the main thread itself had a hundred events in hand could neither write them nor let it go on.
"""

from __future__ import annotations

from _thread import allocate_lock, get_ident, start_new_thread
from time import monotonic

from flowemf._encoding.document import Content
from flowemf._output import endings as _endings
from flowemf._output.signals import leave_to_the_program, watch
from flowemf._output.waiting import Mark, wait_until
from flowemf._tally import say
from flowemf_schemas import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowemf._encoding.document import Number
    from flowemf._encoding.shapes import Prepared, Shape
    from flowemf._tally import Tally

    # Its shape, what is prepared for its dimension values, milliseconds since the epoch, its values, its weight.
    Event = tuple[Shape, Prepared, int, Sequence[Number], int]
else:
    from _collections import deque

# A program that never pauses lets no other thread run for 5 ms at a time; so many events may come meanwhile. With more
# waiting the program waits too, as it does for any synchronous writing.
_MOST_AHEAD = 1024
# A thread that has nothing to do for so long ends; the next event starts another.
_IDLE_SECONDS = 5.0

_FAILED = "internal_error"
_LOST = ("events_dropped", "an event was dropped: it was still waiting to be merged when the program ended")


class Merger:
    """The events of one monitor that are still to be written, and the thread that writes them.

    Args:
        size: how many are gathered; beyond them they are written.
        interval_seconds: how long the first one waits at most.
        mark: encoded properties of lines whose values are weighted.
        write: takes what one line is to say.
        tally: where events are counted that are lost.
    """

    __slots__ = (
        "__weakref__",
        "_bell",
        "_busy",
        "_ended",
        "_events",
        "_hurry",
        "_in_hand",
        "_interval_seconds",
        "_mark",
        "_most",
        "_ring_at",
        "_running",
        "_size",
        "_start_lock",
        "_tally",
        "_worker",
        "_write",
    )

    stage = _endings.MERGING

    def __init__(
        self, size: int, interval_seconds: float, mark: str, write: Callable[[Content], None], tally: Tally
    ) -> None:
        self._size = size
        self._most = size + _MOST_AHEAD
        self._interval_seconds = interval_seconds
        self._mark = mark
        self._write = write
        self._tally = tally
        self._begin()
        _endings.register(self)
        watch()

    def _begin(self) -> None:
        self._events: deque[Event | Mark] = deque()
        # The bell is a lock that is locked while it is silent; to ring it is to release it.
        self._bell = allocate_lock()
        self._bell.acquire()
        self._start_lock = allocate_lock()
        self._ring_at = 1  # the number of waiting events from which on the bell is rung
        self._running = False
        self._busy = False
        self._hurry = False
        self._ended = False
        self._worker = 0
        self._in_hand = 0

    # --- The side of the program

    def add(self, event: Event) -> None:
        """Gather one event. It waits only for a thread that is far behind."""
        events = self._events
        events.append(event)
        if len(events) >= self._ring_at:
            self._ring()
            if len(events) >= self._most and self._worker != get_ident():
                self._await_room()

    def drain(self, patience_seconds: float) -> bool:
        """Wait until all that was gathered before has been written; no lock is taken.

        Args:
            patience_seconds: how long to wait at most.

        Returns:
            Whether it has been written.
        """
        if not (self._events or self._busy):
            return True
        if self._worker == get_ident():  # the function that takes the lines has called this
            return False
        mark = Mark()
        self._events.append(mark)
        self._hurry = True
        self._ring()
        return wait_until(lambda: mark.reached, patience_seconds)

    def end(self) -> None:
        """Count what could not be written in time as lost; what still comes is written at once."""
        if self._ended:
            return
        self._ended = True
        self._ring_at = 1
        waiting, self._events = self._events, deque()
        lost = self._in_hand + sum(not isinstance(event, Mark) for event in waiting)
        if lost:
            self._tally.count(*_LOST, times=lost)
            say(f"{lost} events are lost: they were still waiting to be merged when the program ended")

    def start_afresh(self) -> None:
        """Begin with nothing and no thread: in a forked child what waits is the parent's business."""
        self._begin()

    def _ring(self) -> None:
        if self._ended:
            self._write_all()
            return
        self._ring_at = self._most
        if not self._running:
            self._start()
            return
        try:
            self._bell.release()
        except RuntimeError:
            return  # it is ringing already

    def _start(self) -> None:
        # Not waiting for this lock: whoever has it is starting the thread.
        if not self._start_lock.acquire(False):
            return
        try:
            if not self._running:
                _endings.note_process()
                self._running = True
                start_new_thread(self._work, ())
        except RuntimeError:
            self._running = False
        finally:
            self._start_lock.release()
        if not self._running:  # no thread to be had: then it is done here, and tried again the next time
            self._ring_at = 1
            self._write_all()

    def _await_room(self) -> None:
        wait_until(lambda: not self._running or self._ended or len(self._events) < self._most)

    # --- The side of the thread

    def _work(self) -> None:
        leave_to_the_program()
        self._worker = get_ident()
        while self._has_gathered():
            self._write_all()

    def _has_gathered(self) -> bool:
        """Wait until there is something to write, and it is time; False when the thread is not needed any longer."""
        while not self._events:
            self._ring_at = 1
            if not self._events and not self._bell.acquire(True, _IDLE_SECONDS) and not self._is_needed():
                return False
        due_seconds = monotonic() + self._interval_seconds
        while not self._ended:
            self._ring_at = self._size  # in here: somebody who rang just now has set it higher
            left_seconds = due_seconds - monotonic()
            if len(self._events) >= self._size or self._hurry or left_seconds <= 0:
                return True
            self._bell.acquire(True, left_seconds)
        return False

    def _is_needed(self) -> bool:
        self._running = False
        # An event that came just now may have found us running: then the thread is still needed, unless whoever brought
        # it, or another, is starting one.
        if not self._events or not self._start_lock.acquire(False):
            return False
        needed = not self._running
        self._running = True
        self._start_lock.release()
        return needed

    def _write_all(self) -> None:
        self._busy = True
        self._hurry = False  # before events are taken: whoever is in a hurry now comes behind them
        events, marks = self._taken()
        self._in_hand = len(events)
        for content in merged(events, self._mark):
            self._write_one(content)
            self._in_hand -= len(content.columns[0])
        for mark in marks:
            mark.reached = True
        self._busy = False

    def _write_one(self, content: Content) -> None:
        try:
            self._write(content)
        except BaseException as problem:  # a function of the user's may raise anything, and the thread has to go on
            self._tally.count(_FAILED, f"events could not be written: {type(problem).__name__}: {problem}")

    def _taken(self) -> tuple[list[Event], list[Mark]]:
        events: list[Event] = []
        marks: list[Mark] = []
        for _ in range(len(self._events)):
            try:
                event = self._events.popleft()
            except IndexError:  # after the end several threads write
                break
            if isinstance(event, Mark):
                marks.append(event)
            else:
                events.append(event)
        return events, marks


# --- What is merged with what


def merged(events: Iterable[Event], mark: str) -> Iterator[Content]:
    """Merge events.

    A line has one timestamp, and both roads put all of its values into that period: a minute, or a second for metrics
    of high resolution (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html, members
    Timestamp and StorageResolution). Events of different periods stay apart, so that no value changes its minute.

    Args:
        events: in any order.
        mark: encoded properties of lines whose values are weighted.

    Yields:
        What each line is to say; groups come in the order of their first event.
    """
    for (shape, _, _, weight), group in _groups(events).items():
        for start in range(0, len(group), limits.VALUES_PER_TARGET):
            chunk = group[start : start + limits.VALUES_PER_TARGET]
            columns = list(zip(*[values for _, _, _, values, _ in chunk], strict=True))
            yield Content(shape, chunk[0][1], chunk[0][2], columns, weight, mark if weight > 1 else "")


def _groups(events: Iterable[Event]) -> dict[tuple[Shape, object, int, int], list[Event]]:
    # Most events come with the same object for the same dimension values, and to look at the values of each would
    # double the time. Where names are cleaned, as those that hold identifiers are, different objects are alike.
    alike: dict[tuple[Shape, Prepared, int, int], list[Event]] = {}
    for event in events:
        shape, prepared, timestamp_ms, _, weight = event
        alike.setdefault((shape, prepared, timestamp_ms // shape.period_ms, weight), []).append(event)
    groups: dict[tuple[Shape, object, int, int], list[Event]] = {}
    for (shape, prepared, period, weight), group in alike.items():
        groups.setdefault((shape, prepared.dimensions, period, weight), []).extend(group)
    return groups
