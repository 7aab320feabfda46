"""Many threads and many tasks at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

THREADS, TASKS, EVENTS = 64, 1000, 40
BOTH = pytest.mark.parametrize("delivery", ["sync", "background"])
TO = pytest.mark.parametrize("to", ["pipe", "file"])


@BOTH
@TO
def test_64_threads_lose_and_tear_no_line(launch: Any, lines_of: Any, tmp_path: Path, delivery: str, to: str) -> None:
    """Each thread's lines are all there, in its order; the counts agree."""
    code = f"""
import json
sys.setswitchinterval(1e-5)
barrier = threading.Barrier({THREADS})
def work(slot):
    barrier.wait()
    for number in range({EVENTS}):
        if number % 10 == 0: flowemf.bind(long="x" * 7000)
        else: flowemf.unbind()
        emit(slot, number)
in_threads(work, {THREADS})
flowemf.flush(20)
say(json.dumps(flowemf.stats()))
"""
    file = tmp_path / "log"
    settings = {"delivery": delivery, **({"sink": str(file)} if to == "file" else {})}
    program = launch(code, settings=settings)
    assert program.finish() == 0, program.errors
    lines = lines_of(file.read_bytes() if to == "file" else program.output)
    assert [lines.complete(slot) for slot in range(THREADS)] == [EVENTS] * THREADS
    assert program.said == {"lines_written": THREADS * EVENTS}


@BOTH
@TO
def test_1000_tasks_lose_and_tear_no_line(launch: Any, lines_of: Any, tmp_path: Path, delivery: str, to: str) -> None:
    """Tasks that take turns in one thread, beside threads of an executor."""
    code = f"""
import json
async def task(number):
    await asyncio.sleep(0)
    emit(0 if number < 500 else 1, order[number >= 500].pop())
    await asyncio.to_thread(flowemf.metric, "Number", number, "None", {{"Slot": "7"}})
order = [list(range(499, -1, -1)), list(range(499, -1, -1))]
async def main():
    await asyncio.gather(*(task(number) for number in range({TASKS})))
asyncio.run(main())
flowemf.flush(20)
say(json.dumps(flowemf.stats()))
"""
    file = tmp_path / "log"
    settings = {"delivery": delivery, **({"sink": str(file)} if to == "file" else {})}
    program = launch(code, settings=settings)
    assert program.finish() == 0, program.errors
    lines = lines_of(file.read_bytes() if to == "file" else program.output)
    assert [lines.complete(slot) for slot in (0, 1)] == [500, 500]
    assert sorted(lines.numbers[7]) == list(range(TASKS))
    assert program.said == {"lines_written": 2 * TASKS}


def test_both_deliveries_and_print_share_one_stream(launch: Any) -> None:
    """Monitors of both kinds and the program's own finished lines: each line is whole."""
    code = """
queued = flowemf.Monitor("App/Queued", delivery="background")
def work(slot):
    for number in range(200):
        if slot == 0: print(f"printed {number}", flush=True)
        elif slot == 1: emit(slot, number)
        else: queued.metric("Number", number, dimensions={"Slot": str(slot)})
in_threads(work, 4)
"""
    program = launch(code, environment={"PYTHONUNBUFFERED": ""})
    assert program.finish() == 0, program.errors
    printed = [line for line in program.output.splitlines() if line.startswith(b"printed")]
    numbers: dict[str, list[int]] = {}
    for line in program.output.splitlines():
        if not line.startswith(b"printed"):
            document = json.loads(line)
            numbers.setdefault(document["Slot"], []).append(document["Number"])
    assert printed == [f"printed {number}".encode() for number in range(200)]
    assert numbers == {slot: list(range(200)) for slot in ("1", "2", "3")}


def test_a_leading_newline_keeps_lines_apart_from_unfinished_prints(launch: Any) -> None:
    """Whatever another part of the program has left on the line, ours stands alone."""
    code = """
for number in range(50):
    print("progress ", end="", flush=True)
    emit(0, number)
print()
"""
    program = launch(code, settings={"leading_newline": True})
    assert program.finish() == 0, program.errors
    lines = program.output.splitlines()
    found = [json.loads(line)["Number"] for line in lines if line.startswith(b"{")]
    assert found == list(range(50))
    assert {line for line in lines if not line.startswith(b"{")} <= {b"progress ", b""}
