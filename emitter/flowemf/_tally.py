"""Counts what was written and what was not, and says each kind of trouble once on standard error.

Reasons go in, from any thread; the counts by reason come out.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock

# Reentrant, since a signal handler may count while the same thread is counting.
_lock = RLock()


def _renew_lock() -> None:
    """Replace a lock that another thread of the parent may have held at the moment of the fork."""
    global _lock  # noqa: PLW0603 - one lock for the process, and the process is new
    _lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


class Tally:
    """The counts of one monitor.

    Attributes:
        lines_written: whole lines that reached the sink. Only the holder of the sink's lock changes it.
    """

    __slots__ = ("_counts", "lines_written")

    def __init__(self) -> None:
        self.lines_written = 0
        self._counts: dict[str, int] = {}

    def count(self, reason: str, explanation: str, times: int = 1) -> None:
        """Add to a reason; the first time, say on standard error what happened and what to do."""
        with _lock:
            before = self._counts.get(reason, 0)
            self._counts[reason] = before + times
        if before == 0:
            say(f"{explanation} (counted as {reason}; said once)")

    def as_dict(self) -> dict[str, int]:
        """Give the counts: `lines_written`, and one member for each reason that occurred."""
        with _lock:
            return {"lines_written": self.lines_written, **self._counts}


def say(message: str) -> None:
    """Write one line to standard error, if there is one that takes it."""
    try:
        sys.stderr.write(f"flowemf: {message}\n")
    except Exception:
        return  # a guest who cannot even complain stays silent
