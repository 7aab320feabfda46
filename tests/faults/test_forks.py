"""Processes are forked in the middle of everything."""

from __future__ import annotations

import json
from typing import Any

import pytest

BOTH = pytest.mark.parametrize("delivery", ["sync", "background"])
QUIET = "import warnings; warnings.simplefilter('ignore')  # newer Pythons warn of forks beside threads\n"


@BOTH
def test_parents_and_children_write_their_own_lines_once(launch: Any, lines_of: Any, delivery: str) -> None:
    """Forked while two threads emit: no line is lost, doubled, torn or stuck, on either side."""
    code = f"""{QUIET}
stop = threading.Event()
def work(slot):
    number = 0
    while not stop.is_set():
        emit(slot, number)
        number += 1
        time.sleep(0.0005)
threads = [threading.Thread(target=work, args=(slot,)) for slot in (1, 2)]
for thread in threads: thread.start()
for child in range(10, 30):
    pid = os.fork()
    if pid == 0:
        for number in range(20):
            emit(child, number)
        os._exit(0 if flowemf.flush(5) else 3)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
for thread in threads: thread.join()
"""
    program = launch(code, settings={"delivery": delivery})
    assert program.finish() == 0, program.errors
    lines, done = lines_of(program.output), program.done()
    assert [lines.complete(slot) for slot in range(30)] == done[:30]
    assert done[10:30] == [20] * 20


def test_a_child_that_ends_in_order_drains_its_queue(launch: Any, lines_of: Any) -> None:
    """`sys.exit` in a forked child leads to its exit functions, and to ours."""
    code = f"""{QUIET}
emit(0, 0)
if os.fork() == 0:
    for number in range(500):
        emit(1, number)
    sys.exit(0)
assert os.wait()[1] == 0
"""
    program = launch(code, settings={"delivery": "background"})
    assert program.finish() == 0, program.errors
    lines = lines_of(program.output)
    assert (lines.complete(0), lines.complete(1)) == (1, 500)


@BOTH
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_drain_their_queues(
    launch: Any, lines_of: Any, tmp_path: Any, method: str, delivery: str
) -> None:
    """They leave by `os._exit`, past the usual exit functions; and a pool ends its workers by a signal."""
    module = tmp_path / "work_of_children.py"
    module.write_text(
        "import os, flowemf\n"
        "def work(slot):\n"
        "    if not flowemf.stats().get('lines_written'):\n"
        "        flowemf.configure('App/Faults', **eval(os.environ['SETTINGS']))\n"
        "    for number in range(50):\n"
        "        flowemf.metric('Number', number, dimensions={'Slot': str(slot)})\n"
    )
    code = f"""{QUIET}
sys.path.insert(0, {str(tmp_path)!r})
os.environ["PYTHONPATH"] += os.pathsep + {str(tmp_path)!r}
import multiprocessing, work_of_children
if __name__ == "__main__":
    emit(0, 0)
    context = multiprocessing.get_context("{method}")
    process = context.Process(target=work_of_children.work, args=(1,))
    process.start(); process.join()
    assert process.exitcode == 0
    with context.Pool(2) as pool:
        pool.map(work_of_children.work, [2, 3])
        pool.close()
        pool.join()
"""
    program = launch(code, settings={"delivery": delivery})
    assert program.finish() == 0, program.errors
    lines = lines_of(program.output)
    assert [lines.complete(slot) for slot in range(4)] == [1, 50, 50, 50]


def test_a_child_does_not_report_what_its_parent_has_dropped(launch: Any, lines_of: Any) -> None:
    """The reader stalls, the parent drops lines, then forks, and the child drops some too: each reports its own."""
    code = f"""{QUIET}
for number in range(3000):
    emit(0, number)
pid = os.fork()
if pid == 0:
    for number in range(1000):
        emit(1, number)
    while done[2] == 0: time.sleep(0.005)
    os._exit(0 if flowemf.flush(20) else 3)
done[2] = 1
assert os.waitpid(pid, 0)[1] == 0
flowemf.flush(20)
import json
say(json.dumps(flowemf.stats()))
"""
    program = launch(code, settings={"delivery": "background", "queue_size": 100})
    program.wait_for(1, slot=2)
    assert program.finish() == 0, program.errors
    lines = lines_of(program.output)
    assert program.said["lines_dropped"] == 3000 - len(lines.numbers[0])
    assert sum(lines.dropped) == 4000 - len(lines.numbers[0]) - len(lines.numbers[1])


def test_a_forked_child_opens_its_own_connection_to_the_agent(launch: Any, agent: Any) -> None:
    """Two processes on one connection would mix their bytes."""
    code = f"""{QUIET}
emit(0, 0)
assert flowemf.flush(10)
for child in (1, 2):
    if os.fork() == 0:
        for number in range(100): emit(child, number)
        os._exit(0 if flowemf.flush(10) else 3)
for number in range(1, 100): emit(0, number)
for child in (1, 2): assert os.wait()[1] == 0
assert flowemf.flush(10)
"""
    program = launch(code, settings={"sink": agent.address, "log_group": "/app"})
    assert program.finish() == 0, program.errors
    agent.wait_for_lines(300)
    assert len(agent.connections) == 3
    for received in agent.connections:
        documents = [json.loads(line) for line in received.splitlines()]
        assert len({document["Slot"] for document in documents}) == 1
        assert [document["Number"] for document in documents] == list(range(100))
