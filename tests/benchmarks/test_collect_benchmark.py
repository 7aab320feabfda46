"""Runs the benchmark of collecting with the smallest sizes: that it measures what it says, never how fast that is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import collect
import pytest
from collecting import results, spans
from collecting.ways import BATCH, FLOWEMF, LABELS, NOBODY, SIMPLE, listener
from measuring.rounds import Sample
from opentelemetry.trace import Tracer

from flowemf._collecting.genkit_spans import usage_in
from flowemf.integrations import otel

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "collect.py"
pytestmark = pytest.mark.xdist_group("benchmarks")


def test_it_prints_every_span_and_listener_as_json(tmp_path: Path) -> None:
    """One run with the smallest sizes, from another directory, gives a number for everything that it compares."""
    command = [sys.executable, str(BENCHMARK), "--rounds=1", "--milliseconds=0.1", "--json"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    found = json.loads(finished.stdout)
    measured = {(each["span"], each["way"]) for each in found["spans"]}
    assert measured == {(kind, way) for kind in spans.KINDS for way in LABELS}
    assert all(each["wall_seconds"] > 0 for each in found["spans"])
    assert 400 < found["line_bytes"] < 1200
    assert [(each["goal"], each["aim"], each["unit"]) for each in found["ratios"]] == [
        (2, None, "us"),
        (20, 15, "us"),
        (20, 15, "us"),
        (35, None, "us"),
    ]


@pytest.mark.parametrize("size_bytes", [1000, 100_000])
def test_the_outputs_have_the_size_that_they_are_named_for(size_bytes: int) -> None:
    """With quotation marks and line breaks in them, and the usage behind what was said."""
    output = spans.output(size_bytes)
    assert size_bytes * 0.98 <= len(output) <= size_bytes
    assert '\\"' in output
    assert "\\n" in output
    usage = usage_in(output)
    assert usage is not None
    assert usage["totalTokens"] == spans.TOTAL_TOKENS


def test_a_span_that_writes_something_else_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is measured the lines are read, and a difference ends the run."""
    ours = listener(FLOWEMF, tmp_path)
    try:
        assert collect.check(ours, tmp_path / "lines.log") > 0
        silent = spans.Kind("a silent span", "genkit-tracer", {}, _say_nothing)
        monkeypatch.setitem(spans.KINDS, spans.SHORT, silent)
        with pytest.raises(ValueError, match="a silent span gives lines with"):
            collect.check(ours, tmp_path / "lines.log")
    finally:
        otel.uninstall()


def _say_nothing(tracer: Tracer, around: object) -> None:
    """Open no span."""


def test_the_tables_say_what_flowemf_adds_and_which_goals_were_missed() -> None:
    """One row a span and listener, one line a goal with its verdict in words."""
    cost = {NOBODY: 10e-6, FLOWEMF: 26e-6, SIMPLE: 80e-6, BATCH: 70e-6}
    measured = {(kind, way): Sample(cost[way], cost[way]) for kind in spans.KINDS for way in LABELS}
    machine = {"cores": 2, "variables": {}, "packages": {}}
    machine |= dict.fromkeys(("processor", "load", "system", "python"), "x")
    text = "\n".join(results.as_lines(results.Results(machine=machine, line_bytes=759, spans=measured)))
    spaced = " ".join(text.split())
    assert "759 bytes a line" in spaced
    assert "16.00 us - <= 2 MISSED an unrelated span (HTTP client): added, beside BatchSpanProcessor" in spaced
    assert "16.00 us - <= 20 (aim 15) reached a Genkit model, 1 KB output" in spaced
    assert "16.00 us - <= 35 reached a Genkit model, 100 KB output" in spaced
