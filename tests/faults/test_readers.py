"""The reader of a program's output stalls, or goes away."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any

import pytest

BOTH = pytest.mark.parametrize("delivery", ["sync", "background"])
# Says how long the longest call took, and what became of all lines.
EMIT_AND_TELL = """
import json
longest_ms = 0.0
for number in range(COUNT):
    started = time.perf_counter()
    emit(0, number)
    longest_ms = max(longest_ms, 1000 * (time.perf_counter() - started))
    PAUSE
emitted_all = time.perf_counter()
flowemf.flush(FLUSH)
say(json.dumps({"longest_ms": longest_ms, **flowemf.stats()}))
"""


def telling(count: int, *, pause: str = "pass", flush_seconds: float = 20) -> str:
    return EMIT_AND_TELL.replace("COUNT", str(count)).replace("PAUSE", pause).replace("FLUSH", str(flush_seconds))


def test_a_stalled_reader_stops_a_synchronous_writer_and_costs_no_line(launch: Any, lines_of: Any) -> None:
    """As with `print`: it goes on when the reader does."""
    program = launch(telling(1000))
    program.wait_for(10)
    time.sleep(0.3)
    stuck = program.done()[0]
    time.sleep(0.2)
    assert program.done()[0] == stuck < 1000
    assert program.finish() == 0
    assert lines_of(program.output).complete(0) == 1000
    assert program.said["lines_written"] == 1000
    assert set(program.said) == {"longest_ms", "lines_written"}


def test_a_stalled_reader_stops_nobody_in_the_background(launch: Any, lines_of: Any) -> None:
    """What finds the queue full is dropped; reader, counts and report agree on how much, to the line."""
    program = launch(telling(5000), settings={"delivery": "background", "queue_size": 300})
    program.wait_for(5000)
    assert program.finish() == 0
    lines, said = lines_of(program.output), program.said
    arrived = lines.numbers[0]
    assert arrived == sorted(set(arrived))
    assert said["lines_dropped"] == sum(lines.dropped) == 5000 - len(arrived) > 0
    assert said["lines_written"] == len(lines.documents)
    assert said["longest_ms"] < 1000, "a shared machine may pause a program, but this one waits for nobody"
    assert program.errors.count(b"lines_dropped;") == 1


def test_each_burst_has_its_own_report(launch: Any, lines_of: Any) -> None:
    """The reader stalls twice; the numbers of both reports add up to what was dropped."""
    code = """
import json
for burst in range(2):
    for number in range(3000):
        emit(burst, number)
    done[9] = burst + 1
    while done[10] <= burst:
        time.sleep(0.005)
        done[10] += flowemf.flush(0.1)
say(json.dumps(flowemf.stats()))
"""
    program = launch(code, settings={"delivery": "background", "queue_size": 100})
    output = program.process.stdout.fileno()
    program.wait_for(1, slot=9)
    while program.done()[10] == 0:
        program.output += os.read(output, 65_536)
    program.wait_for(2, slot=9)
    assert program.finish() == 0
    lines = lines_of(program.output)
    assert len(lines.dropped) >= 2
    assert sum(lines.dropped) == program.said["lines_dropped"]
    assert len(lines.documents) == program.said["lines_written"] == 6000 + len(lines.dropped) - sum(lines.dropped)


def test_a_stalled_reader_does_not_block_an_event_loop(launch: Any, lines_of: Any) -> None:
    """A timer of the loop keeps its time while the pipe is full and lines are dropped."""
    code = """
import json
async def main():
    latest = 0.0
    for number in range(150):
        for _ in range(20):
            emit(0, number)
        expected = time.perf_counter() + 0.002
        await asyncio.sleep(0.002)
        latest = max(latest, time.perf_counter() - expected)
    return latest
latest = asyncio.run(main())
say(json.dumps({"latest": latest, **flowemf.stats()}))
flowemf.flush(20)
"""
    program = launch(code, settings={"delivery": "background", "queue_size": 200})
    program.wait_for(150)
    assert program.finish() == 0
    lines = lines_of(program.output)
    assert program.said["latest"] < 0.5
    assert len(lines.documents) - len(lines.dropped) + sum(lines.dropped) == 3000


def test_prints_of_the_program_are_not_blocked_by_our_thread(launch: Any) -> None:
    """Flushing takes the stream's lock: our thread does it only where the pipe has room for what the stream holds."""
    code = """
os.set_blocking(1, False)
try:
    while True: os.write(1, b"x" * 4096)
except BlockingIOError: pass
os.set_blocking(1, True)
print("held back")
for number in range(2000):
    emit(0, number)
time.sleep(0.1)
print("y" * 3000)
sys.stdout.buffer.write(b"y" * 3000)  # needs the lock of the buffer below the text layer, and fits into it
say("printed")
os._exit(0)
"""
    program = launch(code, settings={"delivery": "background", "queue_size": 300}, environment={"PYTHONUNBUFFERED": ""})
    assert program.process.wait(20) == 0
    assert program.process.stderr.read().endswith(b"printed\n")


@BOTH
def test_a_full_standard_error_blocks_nobody(launch: Any, delivery: str) -> None:
    """Complaints that nobody reads are left for later; the program goes on."""
    code = """
import fcntl
os.set_blocking(2, False)
try:
    while True: os.write(2, b"x" * 4096)
except BlockingIOError: pass
os.set_blocking(2, True)
for number in range(2000):
    emit(0, number)
    flowemf.metric("Number", float("nan"))
"""
    settings = {"delivery": delivery, "queue_size": 100, "sink": os.devnull}
    program = launch(code, settings=settings)
    program.wait_for(2000)
    assert program.process.wait(20) == 0


def test_stdout_and_stderr_in_one_stalled_pipe_block_nobody_in_the_background(launch: Any) -> None:
    """As in a container whose log driver hangs: the program goes on, and ends."""
    code = """
for number in range(3000):
    emit(0, number)
"""
    program = launch(code, settings={"delivery": "background", "queue_size": 100}, pipes={"stderr": subprocess.STDOUT})
    program.wait_for(3000)
    started = time.monotonic()
    assert program.process.wait(20) == 0
    assert time.monotonic() - started < 6


@BOTH
def test_a_reader_that_goes_away_is_said_once_and_counted(launch: Any, lines_of: Any, delivery: str) -> None:
    """The program is not ended by it, and told once; what the reader has seen was counted as written."""
    program = launch(telling(3000, pause="time.sleep(0.0002)"), settings={"delivery": delivery, "queue_size": 10_000})
    program.wait_for(20)
    part = os.read(program.process.stdout.fileno(), 65_536)
    program.process.stdout.close()
    assert program.finish() == 0, program.errors
    said = program.said
    assert said["output_failed"] > 0
    assert said["lines_written"] + said["output_failed"] == 3000
    whole = part[: part.rfind(b"\n") + 1]
    assert 0 < lines_of(whole).complete(0) <= said["lines_written"]
    assert program.errors.count(b"Broken pipe") == 1
    assert b"Traceback" not in program.errors


def test_a_reader_that_goes_away_does_not_end_a_program_that_wants_sigpipe(launch: Any) -> None:
    """Where a program has given SIGPIPE its deadly default back, our thread still gets an error and no signal."""
    code = "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n" + telling(2000, pause="time.sleep(0.0002)")
    program = launch(code, settings={"delivery": "background"})
    program.wait_for(20)
    program.process.stdout.close()
    assert program.finish() == 0, program.errors
    assert program.said["output_failed"] > 0
