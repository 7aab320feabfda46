"""Runs the benchmark of emitting with the smallest sizes: that it runs and compares like with like, never how fast.

Its own processes write; their lines are read back here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emitting import event, results
from emitting.session import TARGETS, Session
from emitting.ways import SAME_DOCUMENT, WAYS
from measuring.rounds import Sample, interleaved

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
pytestmark = pytest.mark.xdist_group("benchmarks")


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """Every way in a process of its own."""
    with Session(WAYS, batch_seconds=0.001) as running:
        yield running


def test_every_way_writes_the_same_numbers(session: Session) -> None:
    """Two metrics, five dimensions and the bound properties stand in each way's lines, whatever library wrote them."""
    assert session.unavailable == {}
    for way in [way for way in SAME_DOCUMENT if way in session.ways]:
        lines = [json.loads(line) for line in session.lines(way, 10)]
        assert [line["FlowName"] for line in lines] == [name for name, _ in event.EVENTS[:10]], way
        assert [_plain(line["FlowDuration"]) for line in lines] == [value for _, value in event.EVENTS[:10]], way
        assert {_plain(line["FlowCompleted"]) for line in lines} == {1}, way
        assert all(line.items() >= (event.CUSTOM_DIMENSIONS | event.BOUND).items() for line in lines), way
        [directive] = lines[0]["_aws"]["CloudWatchMetrics"]
        assert [set(keys) for keys in directive["Dimensions"]] == [set(event.DIMENSION_KEYS)], way
        assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == dict(event.METRICS), way


def _plain(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def test_a_way_that_writes_something_else_is_not_compared(session: Session) -> None:
    """Before anything is measured the documents are compared, and a difference ends the run."""
    session.check([way for way in SAME_DOCUMENT if way in session.ways])
    with pytest.raises(ValueError, match="roll-ups"):
        session.check(["flowemf-rollups"])


def test_the_decorator_is_compared_with_the_lines_that_it_writes(session: Session) -> None:
    """The hooks write the same two lines as the decorated call: a start and an end with the flow's identifier."""
    shapes = [[sorted(json.loads(line)) for line in session.lines(way, 1)] for way in ("two-lines", "decorated-call")]
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) == 2
    assert "flow_id" in shapes[0][1]
    assert "parent_flow_id" not in shapes[0][1]


def test_it_prints_every_way_and_target_as_json(tmp_path: Path) -> None:
    """One run with the smallest sizes, from another directory, gives a number for everything that it compares."""
    command = [sys.executable, str(BENCHMARKS / "emit.py"), "--rounds=1", "--milliseconds=1", "--events=2000", "--json"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    found = json.loads(finished.stdout)
    measured = {(each["way"], each["target"]) for each in found["events"]}
    expected = {*SAME_DOCUMENT, "flowemf-rollups", "constant"} - set(found["unavailable"])
    assert measured == {(way, target) for way in expected for target in TARGETS}
    assert all(each["wall_seconds"] > 0 for each in found["events"])
    assert found["machine"]["variables"]["PYTHONUNBUFFERED"] is None
    assert {each["events"] for each in found["memory"]} == {2000}
    assert {"value", "goal", "reached", "what"} <= found["ratios"][0].keys()


def test_the_tables_name_every_way_and_say_which_goals_were_missed() -> None:
    """Text for a terminal: one row a way, one line a goal with its verdict in words."""
    slow, fast = Sample(80e-6, 80e-6), Sample(10e-6, 10e-6)
    ways = {"flowemf": fast, "orjson": fast, "aws": slow, "powertools": slow}
    text = "\n".join(
        results.as_lines(
            results.Results(
                machine={"cores": 2, "variables": {"PYTHONUNBUFFERED": None}, "packages": {"orjson": None}}
                | dict.fromkeys(("processor", "load", "system", "python"), "x"),
                line_bytes=514,
                events={(way, target): sample for way, sample in ways.items() for target in TARGETS},
                threads={},
                decorator={},
                memory={},
                starting={},
                unavailable={"json": "not today"},
            )
        )
    )
    assert "PYTHONUNBUFFERED unset" in text
    assert "not measured: json.dumps + sys.stdout.write: not today" in text
    assert all(WAYS[way].label in text for way in ways)
    spaced = " ".join(text.split())
    assert "8.00 x 8.00 >= 7 (aim 12) reached one event to a file, synchronous: times as fast as aws-embedded" in spaced
    assert "8.00 x 8.00 >= 9 (aim 15) MISSED one event to a file, synchronous: times as fast as Powertools" in spaced


def test_rounds_take_the_median_and_measure_each_task_once() -> None:
    """One slow round changes nothing, and the order changes from round to round."""
    order: list[str] = []

    def task(name: str, costs: Iterator[int]) -> Sample:
        order.append(name)
        cost = next(costs)
        return Sample(cost, cost * 2)

    first, second = iter([1, 900, 2]), iter([10, 20, 30])
    taken = interleaved(3, {"a": lambda: task("a", first), "b": lambda: task("b", second)})
    assert taken == {"a": Sample(2, 4), "b": Sample(20, 40)}
    assert [sorted(order[start : start + 2]) for start in (0, 2, 4)] == [["a", "b"]] * 3
