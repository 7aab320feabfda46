"""Lines that are rare: a total beyond every number, dimensions without room, names that never end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flowemf import Monitor
from flowemf.structlog import Renderer

SMALLEST = 4096


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
    assert [line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] for line in lines] == [[[]]]
    assert (lines[0]["Depth"], lines[0]["event"]) == (3, "asked")
    assert monitor.stats() == {"lines_written": 0, "line_too_large": 1}


def test_short_ways_and_answering_models_stay_within_bounded_memory(make_monitor: Callable[..., Monitor]) -> None:
    """They are forgotten when there are too many; every generation is written."""
    monitor = make_monitor(max_series=5000)
    for number in range(1500):
        monitor.on_generate(f"model {number}", duration_ms=1.5, resolved_model_id=f"revision {number}")
    short = monitor.lines._short
    assert 0 < len(short._ways) <= 1024
    assert 0 < len(short._resolved) <= 512
    assert monitor.stats() == {"lines_written": 1500}
