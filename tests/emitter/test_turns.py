"""Threads that combine their writes: whoever writes goes on until nothing waits."""

from __future__ import annotations

import threading
from typing import Any

from flowemf import Monitor

WAITING = 300  # several turns' worth of lines too long to be joined
LONG = "x" * 5000


def test_a_writer_goes_on_until_nothing_waits(captured: Any) -> None:
    """Lines that others have left to it are all written, though nobody writes again afterwards."""
    inside, go_on = threading.Event(), threading.Event()

    def sink(line: bytes) -> None:
        inside.set()
        go_on.wait(30)
        captured(line)

    monitor = Monitor("App/Test", sink=sink)
    writer = threading.Thread(target=monitor.metric, args=("Number", 0))
    writer.start()
    inside.wait(30)
    monitor.bind(long=LONG)
    for number in range(WAITING):
        monitor.metric("Number", number + 1)
    assert captured.lines == []
    go_on.set()
    writer.join(30)
    assert [document["Number"] for document in captured.documents] == list(range(WAITING + 1))
    assert monitor.stats() == {"lines_written": WAITING + 1}
