"""Whole lines, from any thread, task and process, to any kind of output; and what cannot be written is counted."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from flowemf import Monitor
from flowemf._output.sink import Sink
from flowemf._output.target import Target
from flowemf._tally import Tally

THREADS, EVENTS = 12, 60
LONG = "x" * 20_000  # far beyond what a pipe takes at once


def numbers_in(documents: list[Any]) -> list[tuple[int, int]]:
    return [(document["thread"], document["Number"]) for document in documents]


def emit_from_threads(monitor: Monitor) -> None:
    """Write from many threads at once, every tenth line a long one."""
    barrier = threading.Barrier(THREADS)

    def work(thread: int) -> None:
        monitor.bind(thread=thread)
        barrier.wait()
        for number in range(EVENTS):
            if number % 10 == 0:
                monitor.bind(**{f"long{part}": LONG[:8000] for part in range(3)})
            else:
                monitor.unbind("long0", "long1", "long2")
            monitor.metric("Number", number)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def assert_complete_and_in_order(numbers: list[tuple[int, int]]) -> None:
    """Every line of every thread is there once, and each thread's lines are in its order."""
    assert len(numbers) == THREADS * EVENTS
    for thread in range(THREADS):
        assert [number for each, number in numbers if each == thread] == list(range(EVENTS))


@pytest.fixture
def often_switching() -> Any:
    """Make the interpreter change threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("often_switching")
def test_threads_write_whole_lines_to_a_file(tmp_path: Path, documents_of: Any) -> None:
    """No line is torn, lost or doubled, and the count is right."""
    monitor = Monitor("App/Test", sink=tmp_path / "log")
    emit_from_threads(monitor)
    assert_complete_and_in_order(numbers_in(documents_of((tmp_path / "log").read_bytes())))
    assert monitor.stats() == {"lines_written": THREADS * EVENTS}


@pytest.mark.usefixtures("often_switching")
def test_threads_call_a_function_one_line_at_a_time(captured: Any) -> None:
    """The user's function needs no lock of its own."""
    inside = []

    def sink(line: bytes) -> None:
        inside.append(1)
        assert len(inside) == 1
        captured(line)
        inside.pop()

    monitor = Monitor("App/Test", sink=sink)
    emit_from_threads(monitor)
    assert_complete_and_in_order(numbers_in(captured.documents))
    assert monitor.stats() == {"lines_written": THREADS * EVENTS}


@pytest.mark.usefixtures("often_switching")
def test_threads_write_whole_lines_to_a_pipe_whose_reader_is_slow(
    documents_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes beyond the size of the pipe are finished before the next line begins; the writers wait for the reader."""
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stdout", stream)
    output: list[bytes] = []

    def read_slowly() -> None:
        while part := os.read(reading, 3000):
            output.append(part)

    reader = threading.Thread(target=read_slowly)
    reader.start()
    emit_from_threads(Monitor("App/Test"))
    stream.close()
    reader.join()
    os.close(reading)
    assert_complete_and_in_order(numbers_in(documents_of(b"".join(output))))


def test_a_thousand_tasks_write_whole_lines(monitor: Monitor, captured: Any) -> None:
    """One line for each start and one for each end."""

    async def request(number: int) -> None:
        with monitor.flow("chat"):
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(request(number) for number in range(1000)))

    asyncio.run(main())
    assert len(captured.lines) == len(set(captured.lines)) == 2000
    assert monitor.stats() == {"lines_written": 2000}


# --- Real processes


def test_lines_leave_on_the_real_standard_output(run_python: Any, documents_of: Any) -> None:
    """Also when it is a pipe and the program ends without flushing anything."""
    program = """
import os, flowemf
flowemf.configure("App/Test")
with flowemf.flow("chat"):
    flowemf.metric("Documents", 3, "Count")
os.kill(os.getpid(), 9)
"""
    finished = run_python(program)
    assert finished.returncode == -signal.SIGKILL
    started, metric, completed = documents_of(finished.stdout)
    assert (started["FlowStarted"], metric["Documents"], completed["FlowCompleted"]) == (1, 3, 1)


def test_our_lines_stand_between_the_programs_own(run_python: Any) -> None:
    """What `print` has left in its buffer goes first, so that no line begins in the middle of another."""
    program = """
import flowemf
flowemf.configure("App/Test")
for number in range(20):
    print("line", number)
    flowemf.metric("Number", number)
"""
    lines = run_python(program, environment={"PYTHONUNBUFFERED": ""}).stdout.splitlines()
    assert len(lines) == 40
    assert [line.decode() for line in lines[::2]] == [f"line {number}" for number in range(20)]
    assert [json.loads(line)["Number"] for line in lines[1::2]] == list(range(20))


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("sys.stdout.close()", "ValueError"),
        ("os.close(1)", "Bad file descriptor"),
        ("sys.stdout = None", "no such stream"),
        ("sys.stdout = object()", "AttributeError"),
        ("os.dup2(os.open('/dev/full', os.O_WRONLY), 1)", "No space left"),
        ("r, w = os.pipe(); os.close(r); os.dup2(w, 1)", "Broken pipe"),
    ],
)
def test_an_output_that_is_gone_is_said_once_and_raises_nothing(run_python: Any, how: str, reason: str) -> None:
    """Closed, full, or left by its reader: the program goes on, and the count is right."""
    program = f"""
import os, sys, flowemf
flowemf.configure("App/Test")
{how}
for number in range(5):
    flowemf.metric("Number", number)
counts = flowemf.stats()
sys.stderr.write(f"{{counts}}\\n")
sys.stderr.flush()
os._exit(7)
"""
    finished = run_python(program)
    complaint, counts = finished.stderr.decode().splitlines()
    assert finished.returncode == 7
    assert reason in complaint
    assert counts == "{'lines_written': 0, 'output_failed': 5}"


def test_a_closed_standard_error_is_no_trouble_either(run_python: Any) -> None:
    """There is nobody left to complain to."""
    program = "import sys, flowemf; sys.stderr.close(); sys.stderr = None; flowemf.metric('Number', 1); print('fine')"
    finished = run_python(program)
    assert finished.stdout == b"fine\n"


def test_a_forked_child_writes_its_own_lines_and_nobody_elses(run_python: Any, documents_of: Any) -> None:
    """Forked again and again while other threads write: nothing is torn, doubled or stuck."""
    program = """
import os, threading, warnings, flowemf
warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads: that is what this is about
flowemf.configure("App/Test", custom_dimensions={"Team": "ai"})
stop = threading.Event()
written = [0, 0, 0]
def work(thread):
    flowemf.bind(writer=f"thread {thread}")
    while not stop.is_set() and written[thread] < 400:
        flowemf.metric("Number", written[thread])
        written[thread] += 1
threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
for thread in threads: thread.start()
flowemf.bind(writer="child")
for child in range(30):
    pid = os.fork()
    if pid == 0:
        with flowemf.flow("child"):
            flowemf.metric("Child", child)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
for thread in threads: thread.join()
import sys
sys.stderr.write(repr(written))
"""
    finished = run_python(program)
    documents = documents_of(finished.stdout)
    written = json.loads(finished.stderr)
    for thread in range(3):
        numbers = [document["Number"] for document in documents if document["writer"] == f"thread {thread}"]
        assert numbers == list(range(written[thread]))
    children = [document for document in documents if document["writer"] == "child"]
    assert [document["Child"] for document in children if "Child" in document] == list(range(30))
    assert len({document["flow_id"] for document in children}) == 30
    assert len(children) == 90


def test_processes_that_share_a_pipe_do_not_mix_their_lines(run_python: Any, documents_of: Any) -> None:
    """Up to what a pipe takes at once."""
    program = """
import os, flowemf
flowemf.configure("App/Test")
for child in range(4):
    if os.fork() == 0:
        flowemf.bind(child=child)
        for number in range(300):
            flowemf.metric("Number", number)
        os._exit(0)
for child in range(4):
    os.wait()
"""
    documents = documents_of(run_python(program).stdout)
    for child in range(4):
        assert [document["Number"] for document in documents if document["child"] == child] == list(range(300))


def test_a_line_from_a_signal_handler_waits_for_the_line_it_interrupts(run_python: Any, documents_of: Any) -> None:
    """The handler takes no lock: it can interrupt the writer itself."""
    program = """
import signal, flowemf
flowemf.configure("App/Test")
handled = []
def handler(number, frame):
    handled.append(len(handled))
    flowemf.metric("Handled", handled[-1])
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
number = 0
while len(handled) < 40:
    flowemf.metric("Number", number)
    number += 1
signal.setitimer(signal.ITIMER_REAL, 0)
import sys
sys.stderr.write(f"[{number}, {len(handled)}]")
"""
    finished = run_python(program)
    documents = documents_of(finished.stdout)
    numbers, handled = json.loads(finished.stderr)
    assert [document["Number"] for document in documents if "Number" in document] == list(range(numbers))
    # A handler can itself be interrupted by the next signal, so their order is open.
    assert sorted(document["Handled"] for document in documents if "Handled" in document) == list(range(handled))


# --- Streams of all kinds


def test_a_descriptor_that_does_not_block_is_waited_for(monkeypatch: pytest.MonkeyPatch, documents_of: Any) -> None:
    """Somebody made it non-blocking; our lines are whole all the same."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    stream = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stdout", stream)
    output: list[bytes] = []

    def read() -> None:
        while part := os.read(reading, 100_000):
            output.append(part)

    monitor = Monitor("App/Test")
    monitor.bind(**{f"long{part}": LONG[:8000] for part in range(20)})
    reader = threading.Timer(0.05, read)
    reader.start()
    for number in range(10):
        monitor.metric("Number", number)
    stream.close()
    reader.join()
    os.close(reading)
    assert [document["Number"] for document in documents_of(b"".join(output))] == list(range(10))
    assert monitor.stats() == {"lines_written": 10}


def test_half_a_line_never_joins_with_the_next_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, judge: Any) -> None:
    """When the output fails within a line, what follows starts on a line of its own, and the counts are exact."""
    monitor = Monitor("App/Test", sink=tmp_path / "log")
    monitor.metric("Number", 0)
    real_write, failures = os.write, iter([10, OSError(errno.ENOSPC, "No space left on device")])

    def failing_write(descriptor: int, data: bytes) -> int:
        step = next(failures, None)
        if isinstance(step, OSError):
            raise step
        return real_write(descriptor, data if step is None else data[:step])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing_write)
        monitor.metric("Number", 1)
    monitor.metric("Number", 2)
    monitor.metric("Number", 3)
    first, torn, *rest = (tmp_path / "log").read_bytes().splitlines(keepends=True)
    assert torn == b'{"_aws":{"\n'
    assert [judge(line)["Number"] for line in [first, *rest]] == [0, 2, 3]
    assert monitor.stats() == {"lines_written": 3, "output_failed": 1}


def test_text_streams_without_a_descriptor_are_written_to(documents_of: Any) -> None:
    """As tests, notebooks and `redirect_stdout` have them."""
    monitor = Monitor("App/Test")
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        monitor.metric("Number", 1)
    binary = io.TextIOWrapper(io.BytesIO(), encoding="utf-16")
    with contextlib.redirect_stdout(binary):
        binary.write("before ")
        monitor.metric("Number", 2)
    assert documents_of(text.getvalue().encode())[0]["Number"] == 1
    written = binary.buffer.getvalue()  # type: ignore[attr-defined]
    assert written.startswith("before ".encode("utf-16"))
    assert b'"Number":2' in written


def test_captured_output_is_found_by_pytest(capsys: pytest.CaptureFixture[str], documents_of: Any) -> None:
    """The stream of the moment counts, not that of `configure`."""
    Monitor("App/Test").metric("Number", 1)
    Monitor("App/Test", sink="stderr").metric("Number", 2)
    output = capsys.readouterr()
    assert documents_of(output.out.encode())[0]["Number"] == 1
    assert documents_of(output.err.encode())[0]["Number"] == 2


def test_a_function_that_raises_is_counted_and_the_next_line_comes(
    captured: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing that a sink raises reaches the code that is measured."""
    calls = []

    def sink(line: bytes) -> None:
        calls.append(line)
        if len(calls) % 2:
            raise RuntimeError("not today")
        captured(line)

    monitor = Monitor("App/Test", sink=sink)
    for number in range(4):
        monitor.metric("Number", number)
    assert [document["Number"] for document in captured.documents] == [1, 3]
    assert monitor.stats() == {"lines_written": 2, "output_failed": 2}
    assert capsys.readouterr().err.count("not today") == 1


def test_a_function_may_emit_itself(captured: Any) -> None:
    """It does not wait for itself; its own line comes after the one that it was given."""

    def sink(line: bytes) -> None:
        if b'"Number"' in line:
            monitor.metric("Echo", 1)
        captured(line)

    monitor = Monitor("App/Test", sink=sink)
    monitor.metric("Number", 1)
    assert ["Number" in document for document in captured.documents] == [True, False]


def test_writers_wait_when_too_many_lines_are_waiting() -> None:
    """A reader that stalls slows the program down; it does not fill its memory."""
    stalled, queued = threading.Event(), []

    class Stalling(Target):
        def put(self, lines: Any, tally: Any) -> None:
            stalled.wait(30)
            queued.extend(lines)

    sink, tally = Sink(Stalling()), Tally()
    threads = [
        threading.Thread(target=lambda: [sink.write(b"x\n", tally) for _ in range(2000)], daemon=True) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    threads[1].join(0.3)
    assert threads[1].is_alive()
    assert len(sink._queue) <= 1024
    stalled.set()
    for thread in threads:
        thread.join(30)
    assert len(queued) == 4000


@pytest.mark.parametrize("breaking", ["wall_ms", "monotonic_ms"])
def test_a_clock_that_fails_costs_the_line_and_no_more(captured: Any, clock: Any, breaking: str) -> None:
    """The decorated function returns what it returned, and raises what it raised."""

    def broken() -> float:
        raise RuntimeError("no time")

    setattr(clock, breaking, broken)
    monitor = Monitor("App/Test", sink=captured, clock=clock)

    @monitor.flow("chat")
    def answer(question: str) -> str:
        return question

    assert answer("yes") == "yes"
    with monitor.generation("nova") as generation:
        generation.first_token()
    with pytest.raises(KeyError), monitor.flow("chat"):
        raise KeyError("mine")
    assert monitor.stats()["internal_error"] >= 3
