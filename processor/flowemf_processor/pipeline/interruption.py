"""Ends a run in order when somebody asks for it.

A wish to end comes in, at any moment; the parts of the run that wait or are about to begin something new learn of it.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Interrupted(KeyboardInterrupt):
    """The run was told to end while it was reading, which may be given up at any point."""


class Interruption:
    """The wish to end one run.

    While a run reads, the wish is an exception, since reading may wait for ever. While it delivers, what it knows of
    requests and what it remembers of them must not be torn apart: then nothing new is begun, and the answers to what
    is on its way are waited for.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._depth = 0
        self._wakers: list[Callable[[], None]] = []

    @property
    def is_wanted(self) -> bool:
        """Whether somebody wants the run to end."""
        return self._event.is_set()

    def demand(self) -> None:
        """Ask for the end; called in the thread that reads and delivers, by the handler of a signal.

        Raises:
            Interrupted: the run was reading.
        """
        self._event.set()
        if not self._depth:
            raise Interrupted
        for wake in self._wakers:
            wake()

    def forget(self) -> None:
        """Begin anew: nobody wants the end of the run that comes next."""
        self._event.clear()

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than until the end is wanted; from any thread."""
        self._event.wait(seconds)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Let nothing be torn apart meanwhile; whoever waits in here has to ask."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    @contextlib.contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call this when the end is wanted."""
        self._wakers.append(wake)
        try:
            yield
        finally:
            self._wakers.remove(wake)


NEVER = Interruption()
"""For runs that nobody interrupts."""
