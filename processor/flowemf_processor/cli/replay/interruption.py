"""Turns SIGINT, SIGTERM and SIGHUP into an orderly end of what is going on, or of what is followed.

Signals come in; what runs learns that it is to end, and which signal it was comes out.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.pipeline.interruption import Interruption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import FrameType

    from flowemf_processor.sources.watch import Watch


_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last one comes when a terminal is closed
INTERRUPTION = Interruption()
"""The wish to end this process; there is one, as there is one set of signal handlers."""


@dataclass(slots=True)
class Ended:
    """Which signal came, if any."""

    by: signal.Signals | None = None


@contextlib.contextmanager
def ended_by_signals() -> Iterator[Ended]:
    """Let the first signal end in order what is going on; a second one does what it would do without us.

    Yields:
        Which signal came.
    """
    ended = Ended()
    if threading.current_thread() is not threading.main_thread():  # only that one gets signals
        yield ended
        return

    def end(number: signal.Signals) -> None:
        ended.by = number
        INTERRUPTION.demand()

    INTERRUPTION.forget()
    with _first_of(_heeded_signals(), end):
        yield ended


@contextlib.contextmanager
def stopped_by_signals(watches: Sequence[Watch]) -> Iterator[None]:
    """End what is followed in order at SIGINT, SIGTERM or SIGHUP; the second of these ends the process at once.

    SIGHUP comes when the terminal is closed; a process that was told to ignore it (nohup) goes on ignoring it.

    Args:
        watches: what is followed, in whatever threads; the main thread has to call this.
    """

    def stop(_number: signal.Signals) -> None:
        for watch in watches:
            watch.stop()

    is_hangup_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    signals = [each for each in _ENDING_SIGNALS if not (is_hangup_ignored and each is signal.SIGHUP)]
    with _first_of(signals, stop):
        yield


def _heeded_signals() -> list[signal.Signals]:
    """List the signals that end this process: nohup and a shell's background jobs have some of them ignored."""
    return [each for each in _ENDING_SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]


@contextlib.contextmanager
def _first_of(signals: Iterable[signal.Signals], act: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Let the first of some signals do something of ours; a second one does what it would do without us.

    Args:
        signals: which ones; the main thread has to call this.
        act: is told which one came.
    """
    before = {number: signal.getsignal(number) for number in signals}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def heed(number: int, _frame: FrameType | None) -> None:
        restore()
        act(signal.Signals(number))

    for number in before:
        signal.signal(number, heed)
    try:
        yield
    finally:
        restore()
