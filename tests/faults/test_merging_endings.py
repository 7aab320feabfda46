"""Events that are gathered for merging, and a process that ends, is ended, forks, or whose reader stalls."""

from __future__ import annotations

import signal
from typing import Any

import pytest

QUIET = "import warnings; warnings.simplefilter('ignore')  # newer Pythons warn of forks beside threads\n"
# The main thread emits too: it is the one that the signal interrupts.
FOUR_THREADS = """
for slot in (1, 2, 3):
    threading.Thread(target=emit_for_ever, args=(slot, True), daemon=True).start()
emit_for_ever(0, True)
"""
NEVER_FULL = {"metric_buffer_size": 100_000, "flush_interval_seconds": 3600}
BOTH = pytest.mark.parametrize("delivery", ["sync", "background"])


@BOTH
@pytest.mark.parametrize("size", [2, 50, 100_000])
def test_sigterm_writes_what_has_gathered(
    launch: Any, lines_of: Any, moment: Any, delivery: str, size: int, seed: int
) -> None:
    """Every call that had returned has its number written, once, whatever the threads were doing at that moment."""
    merging = {"metric_buffer_size": size, "flush_interval_seconds": 3600}
    program = launch(FOUR_THREADS, settings={"delivery": delivery, "queue_size": 1_000_000, **merging})
    program.start_reading()
    program.wait_for(1)
    moment(0, 0.1)
    done = program.done()
    program.process.terminate()
    assert program.finish() == -signal.SIGTERM, program.errors
    lines = lines_of(program.output)
    assert [lines.complete(slot) >= done[slot] for slot in range(4)] == [True] * 4


def test_a_handler_that_goes_on_finds_nothing_twice(launch: Any, lines_of: Any) -> None:
    """The user's handler does not end the program: what was written for its sake is not written again."""
    code = """
signal.signal(signal.SIGTERM, lambda number, frame: None)
flowemf.configure("App/Faults", metric_buffer_size=10, flush_interval_seconds=3600)
for number in range(3000):
    emit(0, number)
    if number % 97 == 0:
        signal.raise_signal(signal.SIGTERM)
"""
    program = launch(code)
    assert program.finish() == 0, program.errors
    assert lines_of(program.output).complete(0) == 3000


@BOTH
@pytest.mark.parametrize("ending", ["", "sys.exit(0)", "raise KeyboardInterrupt", "1 / 0"])
def test_the_end_of_the_program_writes_what_has_gathered(
    launch: Any, lines_of: Any, delivery: str, ending: str
) -> None:
    """However orderly: the exit functions of Python are called."""
    code = f"for number in range(250): emit(0, number)\n{ending}\n"
    program = launch(code, settings={"delivery": delivery, **NEVER_FULL})
    program.finish()
    lines = lines_of(program.output)
    assert lines.complete(0) == 250
    assert len(lines.documents) <= 6  # three, and as many again where a minute ends in between


def test_events_after_the_end_are_written_at_once(launch: Any, lines_of: Any) -> None:
    """An exit function that was registered before ours runs after it."""
    code = """
late = lambda: [emit(0, number) for number in range(5, 8)]
import flowemf._output.endings
atexit.unregister(flowemf._output.endings.end_all)
atexit.register(late)
atexit.register(flowemf._output.endings.end_all)
for number in range(5): emit(0, number)
"""
    program = launch(code, settings=NEVER_FULL)
    assert program.finish() == 0, program.errors
    assert lines_of(program.output).complete(0) == 8


def test_sigkill_tears_no_line(launch: Any, lines_of: Any, moment: Any, seed: int) -> None:
    """What has gathered is lost with the process; what was written is whole, and without a gap."""
    program = launch(FOUR_THREADS, settings={"metric_buffer_size": 20})
    program.start_reading()
    program.wait_for(200)
    moment(0, 0.1)
    program.process.kill()
    assert program.finish() == -signal.SIGKILL
    lines = lines_of(program.output)
    missing = sum(program.done()[:4]) - sum(lines.complete(slot) for slot in range(4))
    assert missing <= 2 * (20 + 1024)


@BOTH
def test_a_forked_child_starts_with_nothing_gathered(launch: Any, lines_of: Any, delivery: str) -> None:
    """The parent's events are written once, by the parent; the child's by the child."""
    code = f"""{QUIET}
for number in range(30): emit(0, number)
for child in range(10, 20):
    pid = os.fork()
    if pid == 0:
        for number in range(20): emit(child, number)
        if child % 2: sys.exit(0)
        os._exit(0 if flowemf.flush(5) else 3)
    assert os.waitpid(pid, 0)[1] == 0
for number in range(30, 60): emit(0, number)
"""
    program = launch(code, settings={"delivery": delivery, **NEVER_FULL})
    assert program.finish() == 0, program.errors
    lines = lines_of(program.output)
    assert [lines.complete(slot) for slot in (0, *range(10, 20))] == [60] + [20] * 10


def test_a_fork_while_threads_merge_loses_nothing(launch: Any, lines_of: Any) -> None:
    """Whatever the thread that writes was doing at that moment."""
    code = f"""{QUIET}
stop = threading.Event()
def work(slot):
    number = 0
    while not stop.is_set():
        emit(slot, number)
        number += 1
        if number % 10 == 0: time.sleep(0.0005)
threads = [threading.Thread(target=work, args=(slot,)) for slot in (1, 2)]
for thread in threads: thread.start()
for child in range(10, 30):
    pid = os.fork()
    if pid == 0:
        for number in range(25): emit(child, number)
        os._exit(0 if flowemf.flush(5) else 3)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
for thread in threads: thread.join()
"""
    program = launch(code, settings={"metric_buffer_size": 20, "flush_interval_seconds": 0.01})
    assert program.finish() == 0, program.errors
    lines, done = lines_of(program.output), program.done()
    assert [lines.complete(slot) for slot in range(30)] == done[:30]


def test_a_child_of_multiprocessing_writes_what_it_has_gathered(launch: Any, lines_of: Any) -> None:
    """Such a child leaves without the exit functions of Python."""
    code = f"""{QUIET}
import multiprocessing
def work(slot):
    for number in range(50): emit(slot, number)
context = multiprocessing.get_context("fork")
children = [context.Process(target=work, args=(slot,)) for slot in (1, 2)]
for child in children: child.start()
for child in children: child.join()
"""
    program = launch(code, settings=NEVER_FULL)
    assert program.finish() == 0, program.errors
    lines = lines_of(program.output)
    assert (lines.complete(1), lines.complete(2)) == (50, 50)


def test_tasks_are_merged_without_blocking_the_loop(launch: Any, lines_of: Any) -> None:
    """A thousand tasks emit; the interval's thread writes beside the loop."""
    code = """
async def work(slot):
    for number in range(20):
        emit(slot, number)
        await asyncio.sleep(0)
async def main():
    await asyncio.gather(*(work(slot) for slot in range(100)))
    await asyncio.sleep(0.3)
    say(flowemf.stats()["lines_written"])
asyncio.run(main())
os._exit(0)
"""
    program = launch(code, settings={"metric_buffer_size": 100_000, "flush_interval_seconds": 0.05})
    assert program.finish() == 0, program.errors
    lines = lines_of(program.output)
    assert [lines.complete(slot) for slot in range(100)] == [20] * 100
    assert program.said == len(lines.documents) >= 100


def test_a_stalled_reader_holds_up_the_end_for_two_seconds_at_most(launch: Any) -> None:
    """What is lost then is counted and said."""
    code = """
flowemf.bind(filler="x" * 2000)
for number in range(90_000): emit(number % 64, number)
say(time.monotonic())
"""
    program = launch(code, settings=NEVER_FULL)
    program.process.wait(30)
    assert b"events are lost" in program.process.stderr.read()
    assert program.process.returncode == 0
