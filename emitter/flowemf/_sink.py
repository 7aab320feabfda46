"""Puts whole lines where they belong: standard output, standard error, a file, or a function of the user's.

Lines go in, from any thread, task, signal handler or forked process; each leaves whole and nothing is raised. What
cannot be written is counted.

Threads combine their writes instead of queueing for a lock: each appends its line and tries the lock without waiting,
and whoever holds it writes everything that has gathered. A plain lock costs several times as much as soon as two
threads write, since each write lets the other thread run into the lock.
"""

from __future__ import annotations

import atexit
import os
from _thread import allocate_lock, get_ident
from _weakref import ref

from flowemf._target import FileTarget, FunctionTarget, StandardTarget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections import deque
    from collections.abc import Callable

    from flowemf._tally import Tally
    from flowemf._target import Item, Target
else:
    from _collections import deque  # collections itself would be the most costly import of this package

STDOUT = "stdout"
STDERR = "stderr"

# What is joined into one write stays within what a pipe takes at once, so that it cannot mix with the lines of other
# processes (PIPE_BUF, https://man7.org/linux/man-pages/man7/pipe.7.html).
_JOINED_BYTES = 4096
# With so many lines waiting, writers wait too: a reader that stalls slows the program, it does not fill its memory.
_MOST_WAITING = 1024
_WRITES_PER_TURN = 64
_EXIT_PATIENCE_SECONDS = 2.0


class Sink:
    """Combines the lines of all threads and hands them to a target, one batch at a time."""

    __slots__ = ("__weakref__", "_holder", "_lock", "_queue", "_target")

    def __init__(self, target: Target) -> None:
        self._target = target
        self.start_afresh()
        _sinks.add(ref(self, _sinks.discard))

    def start_afresh(self) -> None:
        """Forget what waits and who writes: in a forked child both are the parent's business."""
        self._holder = 0
        self._queue: deque[Item] = deque()
        self._lock = allocate_lock()

    def write(self, line: bytes, tally: Tally) -> None:
        """Write one line, or leave it to the thread that is writing just now.

        Args:
            line: a whole line with its newline.
            tally: where it is counted as written or as failed.
        """
        queue, lock = self._queue, self._lock
        queue.append((line, tally))
        # Between the holder's last look at the queue and its release another thread may have appended and found the
        # lock taken: the holder looks again after each release.
        while queue and lock.acquire(False):
            self._take_turn(queue, lock)
        # A signal handler that interrupts the holder must not wait for it.
        if len(queue) >= _MOST_WAITING and self._holder != get_ident():
            lock.acquire()
            self._take_turn(queue, lock)

    def drain(self, patience_seconds: float) -> None:
        """Write what is waiting, if the lock can be had in time."""
        queue, lock = self._queue, self._lock
        while queue and lock.acquire(True, patience_seconds):
            self._take_turn(queue, lock)

    def _take_turn(self, queue: deque[Item], lock: LockType) -> None:
        try:
            self._holder = get_ident()
            for _ in range(_WRITES_PER_TURN):
                if not queue:
                    break
                self._target.put(_batch(queue))
        finally:
            self._holder = 0
            lock.release()


def _batch(queue: deque[Item]) -> list[Item]:
    """Take the lines that fit into one write; always at least one."""
    batch = [queue.popleft()]
    size = len(batch[0][0])
    while queue and size + len(queue[0][0]) <= _JOINED_BYTES:
        size += len(queue[0][0])
        batch.append(queue.popleft())
    return batch


_sinks: set[ref[Sink]] = set()
# One sink for one stream or file, whoever configures it: its lock is what keeps lines whole.
_shared: dict[str, Sink] = {}


def open_sink(setting: str | Callable[[bytes], object]) -> Sink:
    """Give the sink that the setting `sink` names.

    Args:
        setting: "stdout", "stderr", the path of a file, or a function that takes one line as bytes.

    Returns:
        The sink; the same one for the same stream or file.

    Raises:
        OSError: the file cannot be opened.
    """
    if not isinstance(setting, str):
        return Sink(FunctionTarget(setting))
    standard = setting in (STDOUT, STDERR)
    key = setting if standard else os.path.realpath(setting)
    if key not in _shared:
        _shared[key] = Sink(StandardTarget(setting) if standard else FileTarget(key))
    return _shared[key]


def _each_sink() -> list[Sink]:
    return [sink for sink in (reference() for reference in list(_sinks)) if sink is not None]


def _start_child() -> None:
    for sink in _each_sink():
        sink.start_afresh()


def _drain_at_exit() -> None:
    for sink in _each_sink():
        sink.drain(_EXIT_PATIENCE_SECONDS)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_child)
atexit.register(_drain_at_exit)
