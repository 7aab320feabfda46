"""Signals that end the program: what waits is written first.

Nothing goes in; a handler before the one that was there comes out. Python runs handlers in the main thread between two
of its steps: ours takes no lock that the interrupted thread may have, and only waits for the thread that writes.
"""

from __future__ import annotations

from flowemf._output import endings as _endings

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from types import FrameType
else:
    import _signal as signal  # signal itself imports enum, which takes longer than all of this package

_WATCHED = ("SIGTERM", "SIGINT")


class _Handler:
    """Writes what waits, then does what would have happened without it."""

    __slots__ = ("_previous",)

    def __init__(self, previous: object) -> None:
        self._previous = previous

    def __call__(self, number: int, frame: FrameType | None) -> None:
        _endings.flush_last()
        installed: object = signal.getsignal(number)
        if callable(self._previous):
            self._previous(number, frame)
        elif installed is self:
            self._die(number)
        # Else a handler that was installed after this one has called it, and decides by itself what comes now.

    def _die(self, number: int) -> None:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
        signal.signal(number, self)  # still here: the first process of a container survives a default action


def leave_to_the_program() -> None:
    """Let signals reach the program's own threads; in this one a reader that has gone is an error, not the end."""
    if hasattr(signal, "pthread_sigmask"):
        faults = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - faults)


def watch() -> None:
    """Install the handlers, where this thread may: only the main thread can. Doing it again changes nothing."""
    for name in _WATCHED:
        _watch(getattr(signal, name))


def _watch(number: int) -> None:
    current = signal.getsignal(number)
    # An ignored signal ends nothing, and a handler that is not Python's cannot be called. Python's own for SIGINT
    # raises KeyboardInterrupt, which leads to an orderly exit; and asyncio replaces that one only, to cancel its task.
    if current in (signal.SIG_IGN, None, signal.default_int_handler) or isinstance(current, _Handler):
        return
    try:
        signal.signal(number, _Handler(current))
    except ValueError:
        return  # another thread than the main one: what is left waits for the exit
