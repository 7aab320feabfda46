"""Sleeps until something may have happened to files.

Directories go in; waiting ends when one of them changes, when somebody calls, or when time is up.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_DEBOUNCE_MS = 50


class Wakening:
    """An alarm clock; use it as a context manager.

    Args:
        flat: directories whose own files matter.
        deep: directories of which everything below matters.
        with_events: whether to ask the system for events at all.
    """

    def __init__(self, flat: Sequence[Path], deep: Sequence[Path], *, with_events: bool = True) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        self._stopped = threading.Event()
        self._watchers = [
            threading.Thread(target=self._watch, args=(paths, recursive), name="flowemf-events", daemon=True)
            for paths, recursive in ((flat, False), (deep, True))
            if paths and with_events
        ]
        self.has_events = bool(self._watchers)
        """Whether changes are told by the system; where not, the caller has to look by itself."""

    def __enter__(self) -> Wakening:
        for watcher in self._watchers:
            watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        for watcher in self._watchers:
            watcher.join(5)
        os.close(self._reading)
        writing, self._writing = self._writing, -1  # somebody may still call, and the number gets another meaning
        os.close(writing)

    def call(self) -> None:
        """End the waiting, from a signal handler or another thread."""
        with contextlib.suppress(OSError):  # full: whoever waits will wake anyway; closed: nobody waits any more
            os.write(self._writing, b"!")

    def wait(self, seconds: float, *descriptors: int) -> None:
        """Wait at most so long, or until one of the descriptors can be read."""
        ready, _, _ = select.select([self._reading, *descriptors], [], [], max(0.0, seconds))
        if self._reading in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._reading, 65_536)

    def _watch(self, paths: Sequence[Path], recursive: bool) -> None:
        import watchfiles

        try:
            for _ in watchfiles.watch(
                *paths,
                watch_filter=None,
                debounce=_DEBOUNCE_MS,
                step=_DEBOUNCE_MS // 5,
                stop_event=self._stopped,
                recursive=recursive,
                rust_timeout=500,
                raise_interrupt=False,
            ):
                self.call()
        except (OSError, RuntimeError):  # no more watches to be had, or a file system without events
            self.has_events = False
            self.call()
