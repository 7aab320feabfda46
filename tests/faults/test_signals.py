"""A program is told to end, or is ended, at a random moment."""

from __future__ import annotations

import signal
from typing import Any

import pytest

# The main thread emits too: it is the one that the signal interrupts.
FOUR_THREADS = """
for slot in (1, 2, 3):
    threading.Thread(target=emit_for_ever, args=(slot, PAUSE), daemon=True).start()
emit_for_ever(0, PAUSE)
"""
BOTH = pytest.mark.parametrize("delivery", ["sync", "background"])


def test_nothing_is_lost_at_sigkill_with_synchronous_delivery(launch: Any, lines_of: Any, moment: Any) -> None:
    """A call that has returned has written its line; the one that was interrupted may have."""
    program = launch("emit_for_ever(0)")
    program.start_reading()
    program.wait_for(1)
    moment(0, 0.1)
    program.process.kill()
    assert program.finish() == -signal.SIGKILL
    done = program.done()[0]
    assert lines_of(program.output).complete(0) in (done, done + 1)


@BOTH
def test_sigkill_tears_no_line_and_loses_only_what_waited(
    launch: Any, lines_of: Any, moment: Any, delivery: str
) -> None:
    """Of each thread the first lines are there without a gap; what is missing fits into what may wait."""
    program = launch("PAUSE = True" + FOUR_THREADS, settings={"delivery": delivery, "queue_size": 5000})
    program.start_reading()
    program.wait_for(1)
    moment(0, 0.1)
    program.process.kill()
    assert program.finish() == -signal.SIGKILL
    lines = lines_of(program.output)
    arrived = [lines.complete(slot) for slot in range(4)]
    missing = sum(program.done()[:4]) - sum(arrived)
    # One batch may be on its way beside the queue; a synchronous writer takes over at most 1,024 lines of the others.
    assert missing <= {"sync": 1024, "background": 5000 + 16}[delivery]


def test_sigterm_drains_the_queue_and_then_ends_the_program(launch: Any, lines_of: Any, moment: Any) -> None:
    """Every call that had returned when the signal was sent has its line; the exit code is that of the signal."""
    program = launch("PAUSE = True" + FOUR_THREADS, settings={"delivery": "background", "queue_size": 1_000_000})
    program.start_reading()
    program.wait_for(1)
    moment(0, 0.1)
    done = program.done()
    program.process.terminate()
    assert program.finish() == -signal.SIGTERM
    lines = lines_of(program.output)
    assert lines.dropped == []
    assert [lines.complete(slot) >= done[slot] for slot in range(4)] == [True] * 4


def test_sigterm_while_a_line_is_written_synchronously_leaves_whole_lines(
    launch: Any, lines_of: Any, moment: Any
) -> None:
    """No handler of ours is in the way: the program ends at once, as it would without us."""
    program = launch("emit_for_ever(0)")
    program.start_reading()
    program.wait_for(1)
    moment(0, 0.1)
    program.process.terminate()
    assert program.finish() == -signal.SIGTERM
    done = program.done()[0]
    assert lines_of(program.output).complete(0) in (done, done + 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_handler_of_the_users_keeps_working(launch: Any, lines_of: Any, when: str) -> None:
    """Installed before or after us: it runs once, what it writes arrives, and it decides how the program ends."""
    code = f"""
def handler(number, frame):
    flowemf.metric("Number", 1000, dimensions={{"Slot": "9"}})
    sys.exit(7)
if {when == "before"}:
    signal.signal(signal.SIGTERM, handler)
    flowemf.configure("App/Faults", delivery="background")
else:
    previous = signal.signal(signal.SIGTERM, handler)
for number in range(500):
    emit(0, number)
while True: time.sleep(0.05)
"""
    program = launch(code, settings={"delivery": "background"} if when == "after" else {})
    program.start_reading()
    program.wait_for(500)
    program.process.terminate()
    assert program.finish() == 7
    lines = lines_of(program.output)
    assert lines.complete(0) == 500
    assert lines.numbers[9] == [1000]


def test_a_later_handler_that_calls_the_one_before_is_not_ended_by_it(launch: Any, lines_of: Any) -> None:
    """Without us there was none to call: a graceful stop stays one."""
    code = """
stopping = []
def handler(number, frame):
    stopping.append(number)
    if callable(previous):
        previous(number, frame)
previous = signal.signal(signal.SIGTERM, handler)
emit(0, 0)
while not stopping:
    time.sleep(0.01)
emit(0, 1)
sys.exit(5)
"""
    program = launch(code, settings={"delivery": "background"})
    program.wait_for(1)
    program.process.terminate()
    assert program.finish() == 5
    assert lines_of(program.output).complete(0) == 2


def test_configuring_again_over_a_chained_handler_does_not_go_in_circles(launch: Any, lines_of: Any) -> None:
    """We call the user's handler, which calls ours: each does its part once."""
    code = """
calls = []
def handler(number, frame):
    calls.append(number)
    previous(number, frame)
previous = signal.signal(signal.SIGTERM, handler)
flowemf.configure("App/Faults", delivery="background")
emit(0, 0)
while not calls:
    time.sleep(0.01)
say(len(calls))
"""
    program = launch(code, settings={"delivery": "background"})
    program.wait_for(1)
    program.process.terminate()
    assert program.finish() == 0
    assert program.said == 1
    assert lines_of(program.output).complete(0) == 1


def test_asyncio_stops_at_its_own_handler(launch: Any, lines_of: Any) -> None:
    """`add_signal_handler` replaces ours; the orderly end that follows writes what waits."""
    code = """
async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    for number in range(200):
        emit(0, number)
    await stop.wait()
    emit(0, 200)
asyncio.run(main())
"""
    program = launch(code, settings={"delivery": "background"})
    program.wait_for(200)
    program.process.terminate()
    assert program.finish() == 0
    assert lines_of(program.output).complete(0) == 201


def test_an_interrupt_cancels_the_task_of_asyncio_as_ever(launch: Any, lines_of: Any) -> None:
    """SIGINT stays Python's own: asyncio would leave a foreign handler in place, and cancel nothing."""
    code = """
async def main():
    for number in range(200):
        emit(0, number)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        emit(0, 200)
        raise
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
asyncio.run(main())
"""
    program = launch(code, settings={"delivery": "background"})
    program.wait_for(200)
    program.process.send_signal(signal.SIGINT)
    program.finish()
    assert b"KeyboardInterrupt" in program.errors
    assert lines_of(program.output).complete(0) == 201


def test_an_interrupt_with_the_default_action_drains_too(launch: Any, lines_of: Any) -> None:
    """A program that gave SIGINT back to the system dies of it, with its lines written."""
    code = """
signal.signal(signal.SIGINT, signal.SIG_DFL)
flowemf.configure("App/Faults", delivery="background")
for number in range(200):
    emit(0, number)
while True: time.sleep(0.05)
"""
    program = launch(code)
    program.wait_for(200)
    program.process.send_signal(signal.SIGINT)
    assert program.finish() == -signal.SIGINT
    assert lines_of(program.output).complete(0) == 200


def test_an_ignored_signal_stays_ignored(launch: Any, lines_of: Any) -> None:
    """What the program had decided before, we leave alone."""
    code = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
flowemf.configure("App/Faults", delivery="background")
emit(0, 0)
while done[1] == 0:
    time.sleep(0.01)
    if signal.getsignal(signal.SIGTERM) == signal.SIG_IGN:
        os.kill(os.getpid(), signal.SIGTERM)
        done[1] = 1
"""
    program = launch(code)
    assert program.finish() == 0
    assert lines_of(program.output).complete(0) == 1


def test_synchronous_delivery_installs_no_handler(launch: Any) -> None:
    """Nothing waits, so nothing has to be saved; and starts no thread."""
    code = """
emit(0, 0)
assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
assert threading.active_count() == 1 == len(os.listdir("/proc/self/task"))
"""
    assert launch(code).finish() == 0


def test_configured_in_another_thread_the_handlers_stay_and_the_exit_drains(launch: Any, lines_of: Any) -> None:
    """Only the main thread may install one; nothing is raised for that."""
    code = """
def work():
    flowemf.configure("App/Faults", delivery="background")
    for number in range(300):
        emit(0, number)
thread = threading.Thread(target=work)
thread.start()
thread.join()
assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
"""
    program = launch(code)
    assert program.finish() == 0, program.errors
    assert lines_of(program.output).complete(0) == 300


def test_a_stalled_reader_delays_the_end_by_two_seconds_at_most(launch: Any) -> None:
    """Then the default action is taken all the same."""
    import time

    program = launch("emit_for_ever(0)", settings={"delivery": "background", "queue_size": 2000})
    program.wait_for(3000)
    started = time.monotonic()
    program.process.terminate()
    assert program.process.wait(20) == -signal.SIGTERM
    assert 1.5 < time.monotonic() - started < 5


def test_the_handler_can_interrupt_the_writing_of_a_line_anywhere(launch: Any, lines_of: Any) -> None:
    """Signals that end nothing come in a storm while lines are written: nothing is lost, doubled, torn or stuck."""
    code = """
import itertools
handled = itertools.count()
def handler(number, frame):
    emit(1, next(handled))
    flowemf.flush(0.002)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
number = 0
while done[1] < 60:
    emit(0, number)
    number += 1
signal.setitimer(signal.ITIMER_REAL, 0)
say(next(handled))
"""
    program = launch(code, settings={"delivery": "background", "queue_size": 1_000_000})
    assert program.finish() == 0, program.errors
    lines = lines_of(program.output)
    assert lines.complete(0) == program.done()[0]
    # A handler may be interrupted by the next one: all of their lines are there, their order is open.
    assert sorted(lines.numbers[1]) == list(range(program.said))
