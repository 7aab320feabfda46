"""Runs the benchmark of reading with a small log: that it compares like with like, never how fast."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from measuring.rounds import Sample
from reading import results
from reading.log import all_shapes, log_lines, write_log
from reading.results import Results
from reading.runs import WAYS, totals
from reading.script import gather

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
pytestmark = pytest.mark.xdist_group("benchmarks")


def test_the_log_is_what_it_is_said_to_be() -> None:
    """60 % metric lines of about 450 bytes in 30 shapes, and the same log for the same seed."""
    lines = list(log_lines(20_000, 5))
    metric = [line for line in lines if '"_aws"' in line]
    assert lines == list(log_lines(20_000, 5))
    assert len(metric) / len(lines) == pytest.approx(0.6, abs=0.02)
    assert sum(map(len, metric)) / len(metric) == pytest.approx(450, abs=50)
    assert len(all_shapes()) == 30
    broken = Counter(_is_whole(line) for line in metric)[False]
    assert 0 < broken < len(lines) * 0.006


def _is_whole(line: str) -> bool:
    try:
        metadata = json.loads(line)["_aws"]
    except ValueError:
        return False
    return type(metadata["Timestamp"]) is int and "Namespace" in metadata["CloudWatchMetrics"][0]


def test_the_script_and_flowemf_find_the_same_totals(tmp_path: Path) -> None:
    """Else there would be nothing to compare; 2,000 series are in them."""
    log = tmp_path / "app.log"
    write_log(log, 20_000, 5)
    series, digest = totals(log).split(" series, ")
    assert 1500 < int(series) <= 2000
    assert len(digest) == 64


def test_the_script_counts_what_it_can_read(tmp_path: Path) -> None:
    """Broken lines are passed over, arrays count each value."""
    directive = {"Namespace": "n", "Dimensions": [["d"]], "Metrics": [{"Name": "m"}]}
    line = {"_aws": {"Timestamp": 60_000, "CloudWatchMetrics": [directive]}, "d": "x", "m": [1, 1, 2]}
    log = tmp_path / "app.log"
    log.write_text(json.dumps(line) + '\nnot json\n{"_aws": 1}\n' + json.dumps(line | {"m": 5}) + "\n")
    assert gather(str(log)) == {(("n", "m", (("d", "x"),), "None"), 1): {1: 2, 2: 1, 5: 1}}


def test_it_prints_every_way_as_json(tmp_path: Path) -> None:
    """One run with the smallest sizes, from another directory, measures everything, memory included."""
    command = [sys.executable, str(BENCHMARKS / "replay.py"), "--lines=2000", "--rounds=1", "--json"]
    command += ["--memory", "0.001", "0.002"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=150)
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    assert found["ways"].keys() == WAYS.keys()
    assert all(each["wall_seconds"] > 0 for each in found["ways"].values())
    assert (found["lines"], len(found["memory"])) == (2000, 2)
    assert {"value", "goal", "reached", "what"} <= found["ratios"][0].keys()


def test_the_tables_say_which_goals_were_missed() -> None:
    """One row a way, one line a goal with its verdict in words."""
    ways = dict.fromkeys(WAYS, Sample(2.0, 2.0)) | {"script": Sample(8.0, 8.0)}
    text = "\n".join(
        results.as_lines(
            Results(
                machine={"cores": 2, "variables": {}, "packages": {}}
                | dict.fromkeys(("processor", "load", "system", "python"), "x"),
                lines=1_000_000,
                size_bytes=400_000_000,
                totals="2000 series, 0",
                ways=ways,
                memory={0.2: 100_000_000, 2.0: 101_000_000},
            )
        )
    )
    spaced = " ".join(text.split())
    assert all(way.label in text for way in WAYS.values())
    assert "4.00 x 4.00 >= 2.5 (aim 4) reached gathering, on one core: times as fast as json.loads" in spaced
    assert "4.00 x 4.00 >= 4.5 (aim 7) MISSED gathering, with --jobs 2: times as fast as json.loads" in spaced
    assert "1.01 x - <= 1.2 reached the most memory, gathering a log some times as large: of the memory for" in spaced
