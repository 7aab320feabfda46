"""Whose turn it is to write: one thread's at a time, and never nobody's for good."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import pytest

from flowemf._output.sink import Sink, Turn
from flowemf._output.target import FunctionTarget
from flowemf._tally import Tally

_INTERRUPTS = 300


class Alarm:
    """Raises KeyboardInterrupt at a random moment, once each time it is armed."""

    def __init__(self) -> None:
        self.armed = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.armed:
            self.armed = False
            raise KeyboardInterrupt


@contextmanager
def alarm() -> Iterator[Alarm]:
    raising = Alarm()
    before = signal.signal(signal.SIGALRM, raising)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    try:
        yield raising
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that sends signals")
def test_no_keyboard_interrupt_leaves_the_turn_with_nobody() -> None:
    """Wherever Ctrl-C strikes, the next line is written. With `lock.acquire(False)` one in five was the end of all."""
    null = os.open(os.devnull, os.O_WRONLY)
    sink, tally = Sink(FunctionTarget(lambda line: os.write(null, line))), Tally()
    struck, deadline = 0, time.monotonic() + 20
    with alarm() as raising:
        while struck < _INTERRUPTS and time.monotonic() < deadline:
            with suppress(KeyboardInterrupt):
                raising.armed = True
                while True:
                    sink.write(b"line\n", tally)
            struck += 1
            assert sink._turn == [None]
    os.close(null)
    assert struck == _INTERRUPTS


def test_one_at_a_time_has_the_turn() -> None:
    """Who waits for it gets it once it is given back, and only then."""
    turn, order = Turn(), []

    def wait() -> None:
        with turn:
            order.append("second")

    with turn:
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.05)
        with pytest.raises(IndexError):
            del turn[0]
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]
    assert turn == [None]
