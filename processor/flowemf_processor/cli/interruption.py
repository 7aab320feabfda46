"""Turns SIGINT, SIGTERM and SIGHUP into an orderly end of what is going on.

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
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last one comes when a terminal is closed
INTERRUPTION = Interruption()
"""The wish to end this process; there is one, as there is one set of signal handlers."""


@dataclass(slots=True)
class Ended:
    """Which signal came, if any."""

    by: signal.Signals | None = None


def _heeded_signals() -> list[signal.Signals]:
    """List the signals that end this process: nohup and a shell's background jobs have some of them ignored."""
    return [each for each in ENDING_SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]


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
    with first_of(_heeded_signals(), end):
        yield ended


@contextlib.contextmanager
def first_of(signals: Iterable[signal.Signals], act: Callable[[signal.Signals], None]) -> Iterator[None]:
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
