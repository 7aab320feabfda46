"""Metrics of the application's own: what is wrong with a call costs as little as possible, and is counted."""

from __future__ import annotations

from typing import Any

import pytest

from flowemf import Monitor


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 256, "a\nb", "\ud800", None, 3, ["a"], "FlowName", "FlowDuration", "_aws", "event", "Team"]
)
def test_a_name_that_cannot_be_a_metric_is_refused(make_monitor: Any, captured: Any, name: Any) -> None:
    """Too long, not printable, or taken by something that we write."""
    monitor = make_monitor(custom_dimensions={"Team": "ai"})
    monitor.metric(name, 1)
    monitor.metric(name, 1)
    assert captured.lines == []
    assert monitor.stats() == {"lines_written": 0, "metric_name_refused": 2}


@pytest.mark.parametrize("name", ["x" * 255, "A", "a b", "50%", "caf\u00e9", 'quote"', "a.b[0]", "%s%d"])
def test_a_printable_name_is_taken_as_it_is(monitor: Monitor, captured: Any, name: str) -> None:
    """Also where it holds what a template might take for its own."""
    monitor.metric(name, 1.5, dimensions={"50%s": "100%d"})
    assert captured.last[name] == 1.5
    assert captured.last["50%s"] == "100%25d" or captured.last["50%s"] == "100%d"


@pytest.mark.parametrize(
    ("unit", "hint"), [("ms", "'Milliseconds'"), ("count", "'Count'"), ("furlongs", ""), (None, ""), (["Count"], "")]
)
def test_an_unknown_unit_keeps_the_number(
    monitor: Monitor, captured: Any, capsys: pytest.CaptureFixture[str], unit: Any, hint: str
) -> None:
    """It is written without a unit, and the message says which one was probably meant."""
    monitor.metric("Latency", 5, unit)
    assert captured.last["Latency"] == 5
    assert captured.last["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "Latency", "Unit": "None"}]
    assert monitor.stats()["unit_unknown"] == 1
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("resolution", [0, 30, "1", None, True])
def test_an_unknown_resolution_is_the_usual_one(monitor: Monitor, captured: Any, resolution: Any) -> None:
    """CloudWatch knows 1 and 60 seconds."""
    monitor.metric("Latency", 5, resolution=resolution)
    assert "StorageResolution" not in captured.lines[-1].decode()
    assert captured.last["Latency"] == 5
    assert monitor.stats()["resolution_unknown"] == 1


@pytest.mark.parametrize("namespace", ["", "AWS/Lambda", "a\nb", 3])
def test_a_namespace_that_cloudwatch_refuses_is_refused_here(monitor: Monitor, captured: Any, namespace: Any) -> None:
    """The metric would land nowhere."""
    monitor.metric("Latency", 5, namespace=namespace)
    assert captured.lines == []
    assert monitor.stats() == {"lines_written": 0, "namespace_refused": 1}


def test_a_dimension_that_cannot_be_written_is_left_out(make_monitor: Any, captured: Any) -> None:
    """Taken, empty, no text, or the metric's own name: the others stay."""
    monitor = make_monitor(custom_dimensions={"Team": "ai"})
    given: Any = {
        "Team": "x",
        "FlowName": "x",
        "event": "x",
        "Latency": "x",
        "": "x",
        3: "x",
        "Index": "a",
        " Index": "b",
    }
    monitor.metric("Latency", 5, dimensions=given)
    document = captured.last
    assert (document["Team"], document["Index"], document["Latency"]) == ("ai", "a", 5)
    assert document["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Team", "Index"], []]
    assert monitor.stats()["dimension_dropped"] == 7


def test_a_set_never_has_more_than_thirty_dimensions(make_monitor: Any, captured: Any) -> None:
    """The first ones stay."""
    monitor = make_monitor(custom_dimensions={"Team": "ai", "Env": "x"}, rollups="all")
    monitor.metric("Latency", 5, dimensions={f"D{index}": "x" for index in range(40)})
    sets = captured.last["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert len(sets[0]) == 30
    assert "D27" in sets[0]
    assert "D28" not in captured.last
    assert monitor.stats()["dimension_dropped"] == 12


@pytest.mark.parametrize("dimensions", [["a"], "text", 3, {"a": {}}, {"a": []}])
def test_dimensions_of_a_wrong_kind_never_raise(monitor: Monitor, dimensions: Any) -> None:
    """Whatever is passed, the caller goes on, and something has been counted."""
    monitor.metric("Latency", 5, dimensions=dimensions)
    assert sum(monitor.stats().values()) >= 1


def test_dimensions_that_are_equal_by_chance_are_told_apart(monitor: Monitor, captured: Any) -> None:
    """1 and True are one key of a dictionary, and two dimension values."""
    for value in (1, True, "1", 1):
        monitor.metric("Latency", 5, dimensions={"Kind": value})  # type: ignore[dict-item]
    assert [document["Kind"] for document in captured.documents] == ["1", "true", "1", "1"]


def test_many_names_and_values_stay_within_bounded_memory(monitor: Monitor) -> None:
    """The caches are emptied when they are full."""
    for number in range(3000):
        monitor.on_flow_start(f"flow {number}")
    for number in range(1200):
        monitor.metric(f"Metric{number}", 1)
    lines = monitor.lines
    assert max(len(shape.prepared) for shape in lines._shapes.values()) <= 1024
    assert len(lines._custom_metrics) <= 512
    assert monitor.stats()["lines_written"] == 4200
