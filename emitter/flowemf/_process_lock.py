"""A lock that survives forks: whatever a thread of the parent held, the child finds it free.

Nothing goes in; a context manager comes out.
"""

from __future__ import annotations

import os
from _thread import RLock


class ProcessLock:
    """Reentrant, since a signal handler may come while the same thread is inside; renewed in each forked child."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def __enter__(self) -> None:
        """Take the lock."""
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self._lock.release()

    def _renew(self) -> None:
        self._lock = RLock()
