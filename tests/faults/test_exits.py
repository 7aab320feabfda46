"""A program ends, or is about to be stopped without being told."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

BOTH = pytest.mark.parametrize("delivery", ["sync", "background"])


@BOTH
@pytest.mark.parametrize("ending", ["pass", "sys.exit(3)", "raise RuntimeError('the end')"])
def test_an_orderly_end_writes_everything(launch: Any, lines_of: Any, delivery: str, ending: str) -> None:
    """Whatever the reason of the end."""
    code = f"""
for number in range(3000):
    emit(0, number)
{ending}
"""
    program = launch(code, settings={"delivery": delivery})
    program.finish()
    assert lines_of(program.output).complete(0) == 3000


def test_exit_functions_and_threads_may_write_to_the_last(launch: Any, lines_of: Any) -> None:
    """Also those that Python calls after ours, and threads that the program leaves running."""
    code = """
def late():
    emit(1, 0)
    emit(1, 1)
atexit._clear()
import flowemf._output.endings
atexit.register(late)
atexit.register(flowemf._output.endings.end_all)
threading.Thread(target=lambda: [emit(2, number) for number in range(100)]).start()
emit(0, 0)
"""
    program = launch(code, settings={"delivery": "background"})
    assert program.finish() == 0, program.errors
    lines = lines_of(program.output)
    assert (lines.complete(0), lines.complete(1), lines.complete(2)) == (1, 2, 100)


def test_a_stalled_reader_delays_the_exit_by_two_seconds_and_the_loss_is_said(launch: Any) -> None:
    """With its number; the interpreter does not abort over a thread that still writes."""
    code = """
print("text that stays in the buffer")
for number in range(3000):
    emit(0, number)
done[1] = 1
"""
    program = launch(code, settings={"delivery": "background", "queue_size": 500}, environment={"PYTHONUNBUFFERED": ""})
    program.wait_for(1, slot=1)
    started = time.monotonic()
    while program.process.poll() is None and time.monotonic() - started < 4:
        time.sleep(0.01)
    assert b"lines are lost: they were still waiting when the program ended" in os.read(
        program.process.stderr.fileno(), 4096
    )
    program.finish()
    assert program.process.returncode in (0, 120)


def test_a_flush_before_a_freeze_leaves_nothing_behind(launch: Any, lines_of: Any) -> None:
    """As before a Lambda function is frozen: when it returns, every line has left the process."""
    code = """
for number in range(2000):
    emit(0, number)
assert flowemf.flush(10)
done[1] = 1
os.kill(os.getpid(), signal.SIGSTOP)
"""
    program = launch(code, settings={"delivery": "background"})
    program.start_reading()
    program.wait_for(1, slot=1)
    deadline = time.monotonic() + 10
    while program.output.count(b"\n") < 2000 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert lines_of(program.output).complete(0) == 2000
    program.process.kill()
    assert program.finish() == -signal.SIGKILL


def test_a_flush_that_finds_the_reader_stalled_says_so_in_time(launch: Any) -> None:
    """It gives up after its time, and is not out of time for ever."""
    code = """
import json
for number in range(2000):
    emit(0, number)
started = time.monotonic()
first = flowemf.flush(0.3)
took = time.monotonic() - started
done[1] = 1
second = flowemf.flush(20)
say(json.dumps([first, took, second]))
"""
    program = launch(code, settings={"delivery": "background"})
    program.wait_for(1, slot=1)
    assert program.finish() == 0, program.errors
    first, took, second = program.said
    assert (first, second) == (False, True)
    assert 0.29 < took < 3
