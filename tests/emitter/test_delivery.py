"""Delivery in the background: the queue, its thread, what overflows, and `flush`."""

from __future__ import annotations

import _thread
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flowemf import Monitor, _tally, flush
from flowemf._output import background as _background
from flowemf._output import endings as _endings
from flowemf._output.background import Background
from flowemf._output.sink import Sink
from flowemf._output.target import Target
from flowemf._tally import Tally


class Gate:
    """A sink that can be shut: a reader that stalls."""

    def __init__(self, captured: Any) -> None:
        self.captured = captured
        self.opened = threading.Event()
        self.reached = threading.Event()
        self.opened.set()

    def __call__(self, line: bytes) -> None:
        self.reached.set()
        assert self.opened.wait(30)
        self.captured(line)

    def shut(self) -> None:
        self.reached.clear()
        self.opened.clear()


@pytest.fixture
def gate(captured: Any) -> Iterator[Gate]:
    gate = Gate(captured)
    yield gate
    gate.opened.set()


@pytest.fixture
def make(gate: Gate, clock: Any) -> Callable[..., Monitor]:
    """Make a monitor that delivers through the gate in the background."""

    def monitor(**settings: Any) -> Monitor:
        return Monitor(**{"namespace": "App/Test", "sink": gate, "delivery": "background", "clock": clock, **settings})

    return monitor


def dropped_in(captured: Any) -> list[int]:
    return [document["LinesDropped"] for document in captured.documents if document["event"] == "dropped"]


def numbers_in(captured: Any) -> list[int]:
    return [document["Number"] for document in captured.documents if document["event"] == "metric"]


def test_lines_arrive_in_their_order(make: Any, captured: Any) -> None:
    """One by one, after `flush` all of them."""
    monitor = make()
    for number in range(500):
        monitor.metric("Number", number)
    assert flush(20)
    assert numbers_in(captured) == list(range(500))
    assert monitor.stats() == {"lines_written": 500}


def test_lines_arrive_without_a_flush(make: Any, captured: Any) -> None:
    """The first at once, others a moment later."""
    monitor = make()
    for number in range(50):
        monitor.metric("Number", number)
    deadline = time.monotonic() + 10
    while len(captured.lines) < 50 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert numbers_in(captured) == list(range(50))


def test_a_burst_beyond_the_queue_is_counted_said_once_and_reported_once(
    make: Any, gate: Gate, captured: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The oldest lines stay: those that find the queue full are dropped. The report is a valid line of its own."""
    monitor = make(queue_size=10, custom_dimensions={"Team": "ai"})
    gate.shut()
    monitor.metric("Number", 0)
    assert gate.reached.wait(10)
    for number in range(1, 31):
        monitor.metric("Number", number)
    assert monitor.stats()["lines_dropped"] == 20
    gate.opened.set()
    assert flush(20)
    assert numbers_in(captured) == list(range(11))
    report = next(document for document in captured.documents if document["event"] == "dropped")
    assert report["LinesDropped"] == 20
    assert report["Team"] == "ai"
    metadata = report["_aws"]["CloudWatchMetrics"][0]
    assert metadata["Namespace"] == "App/Test"
    assert metadata["Dimensions"] == [["Team"], []]
    assert metadata["Metrics"] == [{"Name": "LinesDropped", "Unit": "Count"}]
    assert dropped_in(captured) == [20]
    assert monitor.stats() == {"lines_written": 12, "lines_dropped": 20}
    assert capsys.readouterr().err.count("lines_dropped") == 1


def test_each_burst_is_reported_by_itself(make: Any, gate: Gate, captured: Any) -> None:
    """After the reader has caught up, what is dropped belongs to another burst."""
    monitor = make(queue_size=4)
    for _ in range(3):
        gate.shut()
        monitor.metric("Number", 0)
        assert gate.reached.wait(10)
        for number in range(10):
            monitor.metric("Number", number)
        gate.opened.set()
        assert flush(20)
    assert dropped_in(captured) == [6, 6, 6]


def test_a_burst_that_does_not_end_is_reported_all_the_same(
    make: Any, gate: Gate, captured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that is always too slow would otherwise keep the loss a secret."""
    monkeypatch.setattr(_background, "_REPORT_EVERY_SECONDS", 0.0)
    monitor = make(queue_size=8)
    gate.shut()
    for number in range(20):
        monitor.metric("Number", number)
    assert gate.reached.wait(10)
    gate.opened.set()
    deadline = time.monotonic() + 10
    while not dropped_in(captured) and time.monotonic() < deadline:
        monitor.metric("Number", 0)
    assert dropped_in(captured)


def test_each_monitor_reports_its_own_loss(gate: Gate, captured: Any, tmp_path: Any, documents_of: Any) -> None:
    """Two monitors share a queue, as they share its file; each has its namespace and its counts."""
    first = Monitor("App/First", sink=tmp_path / "log", delivery="background", queue_size=1000)
    second = Monitor("App/Second", sink=tmp_path / "log", delivery="background", queue_size=1000)
    queue: Any = first.lines.in_bulk().sink
    assert queue is second.lines.in_bulk().sink
    blocked = queue._sink._turn
    with blocked:
        for _ in range(1500):
            first.metric("Number", 0)
            second.metric("Number", 0)
    assert flush(20)
    documents = documents_of((tmp_path / "log").read_bytes())
    reports = {
        document["_aws"]["CloudWatchMetrics"][0]["Namespace"]: document["LinesDropped"]
        for document in documents
        if document["event"] == "dropped"
    }
    assert reports == {
        "App/First": first.stats()["lines_dropped"],
        "App/Second": second.stats()["lines_dropped"],
    }
    assert len(documents) == first.stats()["lines_written"] + second.stats()["lines_written"]
    assert len(documents) - 2 + sum(reports.values()) == 3000


def test_a_long_line_takes_several_places(captured: Any) -> None:
    """So that the queue bounds memory, whatever is put into it."""
    shut = threading.Event()

    class Stalled(Target):
        def put(self, lines: Any, tally: Any) -> None:
            shut.wait(30)
            captured.lines.extend(lines)

    queue, tally = Background(Sink(Stalled()), 100), Tally()
    queue.write(b"first\n", tally)
    while queue._queue:
        time.sleep(0.001)
    for _ in range(20):
        queue.write(b"x" * 40_960 + b"\n", tally)
    assert tally.as_dict() == {"lines_written": 0, "lines_dropped": 10}
    shut.set()
    assert queue.drain(10)
    assert len(captured.lines) == 11


def test_what_waits_is_joined_into_few_writes() -> None:
    """At most so much as the target takes at once, and a longer line by itself."""
    batches: list[list[int]] = []

    class Counting(Target):
        def put(self, lines: Any, tally: Any) -> None:
            batches.append([len(line) for line in lines])

    sink, tally = Sink(Counting()), Tally()
    queue = Background(sink, 1000)
    with sink._turn:
        queue.write(b"x\n", tally)
        while queue._queue:
            time.sleep(0.001)
        for size in [1000] * 10 + [9000] + [2048] * 2 + [1]:
            queue.write(b"x" * size, tally)
    assert queue.drain(10)
    assert batches == [[2], [1000] * 4, [1000] * 4, [1000] * 2, [9000], [2048] * 2, [1]]


def test_a_flush_that_runs_out_of_time_says_so(make: Any, gate: Gate) -> None:
    """And the lines are not lost: they are still on their way."""
    monitor = make()
    gate.shut()
    monitor.metric("Number", 0)
    started = time.monotonic()
    assert not flush(0.05)
    assert time.monotonic() - started < 5
    gate.opened.set()
    assert flush(20)
    assert monitor.stats() == {"lines_written": 1}


def test_a_flush_does_not_wait_for_what_comes_after_it(make: Any, captured: Any) -> None:
    """Beside threads that never stop writing it ends all the same."""
    monitor, stop = make(), threading.Event()

    def write() -> None:
        while not stop.is_set():
            monitor.metric("Number", 1)
            time.sleep(0.0001)

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            monitor.metric("Mine", 1)
            assert flush(20)
            assert any(b'"Mine"' in line for line in captured.lines)
            captured.lines.clear()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("problem", [RuntimeError("no"), SystemExit(), KeyboardInterrupt()])
def test_a_function_that_raises_does_not_end_the_thread(
    make: Any, captured: Any, problem: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever it raises; the line is counted, and the next one comes."""
    calls = []

    def sink(line: bytes) -> None:
        calls.append(line)
        if len(calls) == 1:
            raise problem
        captured(line)

    monitor = make(sink=sink)
    monitor.metric("Number", 0)
    assert flush(10)
    monitor.metric("Number", 1)
    assert flush(10)
    assert numbers_in(captured) == [1]
    assert monitor.stats() == {"lines_written": 1, "output_failed": 1}
    assert type(problem).__name__ in capsys.readouterr().err


def test_a_function_may_emit_by_itself_and_flush(make: Any, captured: Any) -> None:
    """It does not wait for itself; what it emits comes after."""

    def sink(line: bytes) -> None:
        captured(line)
        if b'"Number"' in line:
            monitor.metric("Echo", 1)
            assert not flush(60)

    monitor = make(sink=sink)
    monitor.metric("Number", 1)
    assert flush(10)
    assert [list(document.keys() & {"Number", "Echo"}) for document in captured.documents] == [["Number"], ["Echo"]]


def test_the_thread_ends_when_it_has_nothing_to_do_and_another_starts(
    make: Any, captured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that is done measuring has one thread less; no line is lost at the seam."""
    monkeypatch.setattr(_background, "_IDLE_SECONDS", 0.001)
    monkeypatch.setattr(_background, "_GATHER_SECONDS", 0.0005)
    before, monitor = _thread._count(), make()
    for number in range(300):
        monitor.metric("Number", number)
        time.sleep(0.0015 if number % 3 else 0.0)
    assert flush(10)
    assert numbers_in(captured) == list(range(300))
    deadline = time.monotonic() + 10
    while _thread._count() > before and time.monotonic() < deadline:
        time.sleep(0.001)
    assert _thread._count() <= before


@pytest.fixture
def sleeping(make: Any, captured: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a monitor whose thread has written a line and sleeps until it is woken."""
    monkeypatch.setattr(_background, "_IDLE_SECONDS", 60.0)
    monitor = make(queue_size=1000)
    monitor.metric("Number", 0)
    time.sleep(0.2)
    assert len(captured.lines) == 1
    return monitor


def arrives(captured: Any, count: int) -> bool:
    """Wait for lines, but not until a sleeping thread wakes by itself."""
    deadline = time.monotonic() + 10
    while len(captured.lines) < count and time.monotonic() < deadline:
        time.sleep(0.001)
    return len(captured.lines) == count


def test_a_single_line_wakes_the_thread(sleeping: Any, captured: Any) -> None:
    """However many it would take while the thread gathers."""
    sleeping.metric("Number", 1)
    assert arrives(captured, 2)


def test_a_writer_that_gave_way_for_too_long_wakes_the_thread(sleeping: Any, captured: Any) -> None:
    """It was interrupted while the queue was half full; when it goes on the thread has done all and sleeps."""
    sleeping.lines.in_bulk().sink._give_way(500)
    sleeping.metric("Number", 1)
    assert arrives(captured, 2)


def test_the_interpreter_is_hurried_only_while_the_last_lines_leave(make: Any, gate: Gate) -> None:
    """Beside threads that compute, the writing thread would otherwise come too late; afterwards all is as before."""
    before, during = sys.getswitchinterval(), []

    def sink(line: bytes) -> None:
        during.append(sys.getswitchinterval())
        gate(line)

    monitor = make(sink=sink)
    gate.shut()
    monitor.metric("Number", 1)
    assert gate.reached.wait(10)
    monitor.metric("Number", 2)
    threading.Timer(0.1, gate.opened.set).start()
    _endings.flush_last()
    assert during == [pytest.approx(before), pytest.approx(0.0001)]
    assert sys.getswitchinterval() == pytest.approx(before)


def test_a_line_that_comes_while_the_thread_is_about_to_end_keeps_it() -> None:
    """Its writer has found the thread running, and started none."""
    arrived: list[bytes] = []

    class Keeping(Target):
        def put(self, lines: Any, tally: Any) -> None:
            arrived.extend(lines)

    class Bell:
        """Is heard by nobody; while the thread waits for the last time, a line comes."""

        def acquire(self, wait: bool, seconds: float) -> bool:
            if seconds == _background._IDLE_SECONDS and len(arrived) == 1 and not queue._queue:
                queue._queue.append((b"second\n", tally))
            return False

    queue, tally = Background(Sink(Keeping()), 10), Tally()
    queue._bell = Bell()  # type: ignore[assignment]
    queue.write(b"first\n", tally)
    deadline = time.monotonic() + 10
    while len(arrived) < 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert arrived == [b"first\n", b"second\n"]


def test_no_thread_to_be_had_loses_nothing(make: Any, captured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines wait for the next attempt."""
    monitor = make()

    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(_background, "start_new_thread", refuse)
        monitor.metric("Number", 0)
        assert not flush(0.01)
    monitor.metric("Number", 1)
    assert flush(10)
    assert numbers_in(captured) == [0, 1]


def test_threads_that_switch_as_often_as_they_can_lose_nothing(make: Any, captured: Any) -> None:
    """At every seam of the queue, the bell and the thread."""
    monitor, before = make(), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:

        def work(thread: int) -> None:
            for number in range(300):
                monitor.metric("Number", number, dimensions={"Thread": str(thread)})

        threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert flush(30)
    finally:
        sys.setswitchinterval(before)
    arrived = [json.loads(line) for line in captured.lines]
    for thread in range(8):
        assert [each["Number"] for each in arrived if each["Thread"] == str(thread)] == list(range(300))


def test_a_failing_clock_costs_the_report_and_no_more(make: Any, gate: Gate, captured: Any) -> None:
    """The thread goes on, and the loss is in the counts."""

    class Clock:
        broken = False

        def wall_ms(self) -> int:
            if self.broken:
                raise RuntimeError("no time")
            return 1

        def monotonic_ms(self) -> float:
            return 1.0

    clock = Clock()
    monitor = make(queue_size=2, clock=clock)
    gate.shut()
    for number in range(9):
        monitor.metric("Number", number)
    clock.broken = True
    gate.opened.set()
    assert flush(10)
    assert dropped_in(captured) == []
    assert monitor.stats()["internal_error"] == 1
    assert monitor.stats()["lines_dropped"] > 0


def test_flush_without_anything_to_flush_is_quick_and_true(monitor: Monitor) -> None:
    """Synchronous delivery never needs it."""
    monitor.metric("Number", 1)
    started = time.monotonic()
    assert flush()
    assert flush(0)
    assert time.monotonic() - started < 1


def test_complaints_are_short_enough_for_any_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe that takes anything takes them at once."""
    assert _tally.say("x" * 10_000)
    assert len(capsys.readouterr().err) < 4096
