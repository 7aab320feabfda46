"""Runs the benchmark of delivering with the smallest sizes: that it runs and compares like with like, not how fast."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from delivering import results
from delivering.results import Results
from measuring.rounds import Sample

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
pytestmark = pytest.mark.xdist_group("benchmarks")


def test_what_arrives_is_the_same_and_everything_is_measured(tmp_path: Path) -> None:
    """One run with the smallest sizes, from another directory; it ends with an error where the totals differ."""
    sizes = ["--lines=2000", "--events=2000", "--rounds=1", "--sends=1", "--json"]
    command = [sys.executable, str(BENCHMARKS / "deliver.py"), *sizes]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=170)
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    assert "series and minutes" in found["totals"]
    assert set(found["replays"]) == {"script", "flowemf", "no-checkpoint"}
    assert {(each["values"], each["way"]) for each in found["requests"]} == {
        (values, way) for values in (1, 30) for way in ("boto3", "flowemf")
    }
    assert {each["datapoints"] for each in found["counted"].values()} == {2000 * 6}
    assert list(tmp_path.iterdir()) == []


def test_the_tables_say_which_goals_were_missed() -> None:
    """One row a way, one line a goal with its verdict in words."""
    slow, fast = Sample(8.0, 8.0), Sample(1.0, 1.0)
    text = "\n".join(
        results.as_lines(
            Results(
                machine={"cores": 2, "variables": {}, "packages": {}}
                | dict.fromkeys(("processor", "load", "system", "python"), "x"),
                lines=1000,
                size_bytes=1_000_000,
                totals="9 series and minutes",
                replays={"script": slow, "flowemf": fast, "no-checkpoint": fast},
                requests={(1, "boto3"): slow, (1, "flowemf"): fast, (30, "boto3"): slow, (30, "flowemf"): slow},
                events=1_000_000,
                counted={"exact": {"requests": 30, "datapoints": 6_000_000}},
            )
        )
    )
    spaced = " ".join(text.split())
    assert "8.00 x 8.00 >= 5 reached a log to PutMetricData, checkpoint on: times as fast as json.loads" in spaced
    assert "0.12 x 0.12 <= 0.166667 reached a request of 1,000 datums with 1 value each: of the time of boto3" in spaced
    assert (
        "1.00 x 1.00 <= 0.166667 MISSED a request of 1,000 datums with 30 values each: of the time of boto3" in spaced
    )
    assert "exact 30 6,000,000" in spaced
