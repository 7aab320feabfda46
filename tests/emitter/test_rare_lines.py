"""Lines that are rare: numbers beyond bounds, dimensions that leave no room, names that never end, a full disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowemf import Monitor
from flowemf._encoding.document import Measure, parts
from flowemf.structlog import Renderer

SMALLEST = 4096


def dimensions_of(document: dict[str, Any]) -> Any:
    return document["_aws"]["CloudWatchMetrics"][0]["Dimensions"]


def test_a_total_that_is_too_large_is_left_out_and_its_parts_stay(monitor: Monitor, captured: Any) -> None:
    """CloudWatch takes numbers up to 2^360: each half is one, their sum is none, and that is counted."""
    monitor.on_generate("nova", duration_ms=1.5, input_tokens=2**360, output_tokens=2**360)
    assert (captured.last["InputTokens"], captured.last["OutputTokens"]) == (2**360, 2**360)
    assert "TokensUsed" not in captured.last
    assert monitor.stats() == {"lines_written": 1, "value_out_of_range": 1}


def test_a_log_event_has_no_metric_whose_dimensions_have_no_room(make_monitor: Callable[..., Monitor]) -> None:
    """Its other sets are written, as `metric` would; the value that is lost under one of them is counted."""
    monitor = make_monitor(max_line_bytes=SMALLEST)
    event = {"event": "asked", **monitor.fields({"Depth": 3}, {f"D{index}": "x" * 1000 for index in range(5)})}
    lines = [json.loads(line) for line in Renderer()(None, "info", event).splitlines()]
    assert [dimensions_of(line) for line in lines] == [[[]]]
    assert (lines[0]["Depth"], lines[0]["event"]) == (3, "asked")
    assert monitor.stats() == {"lines_written": 0, "line_too_large": 1}


def test_a_log_event_whose_values_have_no_room_is_several_lines(make_monitor: Callable[..., Monitor]) -> None:
    """One metric's values are divided; none is missing, and none stands twice."""
    monitor = make_monitor(max_line_bytes=SMALLEST)
    values = [each / 7 for each in range(100)]
    fields = monitor.fields({"Depth": values}, {f"D{index}": "x" * 1000 for index in range(3)})
    lines = Renderer()(None, "info", fields).splitlines(keepends=True)
    assert max(map(len, lines)) <= SMALLEST
    documents = [json.loads(line) for line in lines]
    assert all(dimensions_of(each) == [["D0", "D1", "D2"], []] for each in documents)
    found = [each["Depth"] for each in documents]
    assert [value for each in found for value in (each if isinstance(each, list) else [each])] == values
    assert monitor.stats() == {"lines_written": 0}


def test_names_that_hold_identifiers_stay_within_bounded_memory(monitor: Monitor, captured: Any) -> None:
    """They are all one series, however many there are, and each is cleaned and counted."""
    for number in range(1500):
        monitor.on_flow_start(f"job {number:08}-5717-4562-b3fc-2c963f66afa6")
    (shape,) = monitor.lines._shapes.values()
    assert 0 < len(shape.prepared) <= 1024
    assert len({document["FlowName"] for document in captured.documents}) == 1
    assert monitor.stats() == {"lines_written": 1500, "dimension_identifier": 1500}


def test_a_line_of_which_a_full_disk_takes_nothing_leaves_no_trace(run_python: Any, tmp_path: Path) -> None:
    """It is counted; the next one, when there is room again, follows the one before without an empty line."""
    program = """
import os, resource, sys, flowemf
monitor = flowemf.Monitor("App", sink=sys.argv[1])
monitor.on_flow_start("first")
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(sys.argv[1]), hard))
monitor.on_flow_start("second")
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
monitor.on_flow_start("third")
print(monitor.stats())
"""
    path = tmp_path / "metrics.log"
    finished = run_python(program, arguments=[str(path)])
    assert finished.stdout.decode().strip() == "{'lines_written': 2, 'output_failed': 1}"
    assert finished.stderr.count(b"File too large") == 1
    assert [json.loads(line)["FlowName"] for line in path.read_text().splitlines()] == ["first", "third"]


def test_equal_dimension_sets_are_published_once() -> None:
    """Sets may become equal when the name of a metric is left out of them; CloudWatch would count each."""
    sets = [{"Service": "shop", "Depth": "x"}, {"Service": "shop"}]
    found = list(parts("App", sets, [Measure("Depth", "None", 60, [3])]))
    assert [(part.dimension_sets, part.values) for part in found] == [([{"Service": "shop"}], {"Depth": 3})]


def test_short_ways_and_answering_models_stay_within_bounded_memory(make_monitor: Callable[..., Monitor]) -> None:
    """They are forgotten when there are too many; every generation is written."""
    monitor = make_monitor(max_series=5000)
    for number in range(1500):
        monitor.on_generate(f"model {number}", duration_ms=1.5, resolved_model_id=f"revision {number}")
    short = monitor.lines._short
    assert 0 < len(short._ways) <= 1024
    assert 0 < len(short._resolved) <= 512
    assert monitor.stats() == {"lines_written": 1500}
