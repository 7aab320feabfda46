"""Counts what was written and what was not, and says each kind of trouble once on standard error.

Reasons go in, from any thread; the counts by reason come out.
"""

from __future__ import annotations

import sys

from flowemf._process_lock import ProcessLock
from flowemf._redaction.redactor import clean_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

DROPPED = "lines_dropped"
# A pipe that takes anything takes a text of this length at once (PIPE_BUF, 4,096 bytes).
_MOST_CHARACTERS = 1000

# One for the process: counts are rare.
_lock = ProcessLock()


class Tally:
    """The counts of one monitor.

    Attributes:
        lines_written: whole lines that reached the sink. Only the holder of the sink's lock changes it.
        dropped_line: makes the line that reports how many lines were dropped; no bytes where nobody is to be told.
    """

    __slots__ = ("_counts", "_said", "_unreported", "dropped_line", "lines_written")

    def __init__(self) -> None:
        self.lines_written = 0
        self.dropped_line: Callable[[int], bytes] = _nothing
        self._counts: dict[str, int] = {}
        self._said: set[str] = set()
        self._unreported = 0

    def count(self, reason: str, explanation: str, times: int = 1) -> None:
        """Add to a reason; the first time, say on standard error what happened and what to do.

        Args:
            reason: what is counted.
            explanation: what to say; nothing for what was asked for.
            times: how often it has happened.
        """
        with _lock:
            self._counts[reason] = self._counts.get(reason, 0) + times
            unsaid = reason not in self._said
            self._said.add(reason)
        if unsaid and explanation and not say(f"{explanation} (counted as {reason}; said once)"):
            self._said.discard(reason)

    def drop(self, explanation: str) -> None:
        """Count a line that is lost on its way, and remember to report it."""
        with _lock:
            self._unreported += 1
        self.count(DROPPED, explanation)

    def take_unreported(self) -> int:
        """Give the number of lines that were dropped since the last time; now they count as reported."""
        with _lock:
            unreported, self._unreported = self._unreported, 0
        return unreported

    def forget_unreported(self) -> None:
        """Report nothing of what was dropped so far: in a forked child that is the parent's business.

        No lock is taken, which another thread of the parent may have held.
        """
        self._unreported = 0

    def as_dict(self) -> dict[str, int]:
        """Give the counts: `lines_written`, and one member for each reason that occurred."""
        with _lock:
            return {"lines_written": self.lines_written, **self._counts}


def say(message: str) -> bool:
    """Write one line to standard error, if there is one that takes it.

    Args:
        message: what to say; a long one is shortened.

    Returns:
        False where standard error would make the program wait: its reader has stalled, and a later try may succeed.
    """
    try:
        if not _is_read(sys.stderr):
            return False
        sys.stderr.write(f"flowemf: {clean_text(message, _MOST_CHARACTERS)}\n")
    except Exception:
        return True  # a guest who cannot even complain stays silent
    return True


def _is_read(stream: TextIO) -> bool:
    """Tell whether a short text can be written without waiting."""
    import select

    try:
        descriptor = stream.fileno()
        poll = select.poll()
    except (AttributeError, OSError, ValueError):
        return True  # no descriptor, or a system that has other means
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))


def _nothing(_lines: int) -> bytes:
    return b""
