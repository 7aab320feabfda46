"""Log events that carry metrics: `flowemf.fields`, and the renderer of `flowemf.structlog`."""

from __future__ import annotations

import copy
import datetime
import doctest
import json
import logging
import pickle
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

import flowemf
import flowemf.structlog
from flowemf.structlog import Renderer, add_context
from flowemf_schemas import rules, validator

Document = dict[str, Any]


@pytest.fixture
def configured(captured: Any, clock: Any) -> flowemf.Monitor:
    return flowemf.configure("App/Test", sink=captured, clock=clock, custom_dimensions={"Team": "ai"})


def rendered(event: Document) -> Document:
    """Render one event and judge the line: what any reader may stumble over is an error."""
    line = Renderer()(None, "info", event)
    assert "\n" not in line
    assert line.isascii()
    document: Document = json.loads(line, parse_constant=pytest.fail)
    if "_aws" in document:
        assert [error.message for error in validator("emf-written").iter_errors(document)] == []
        assert rules.examine(document, size_bytes=len(line) + 1) == []
    return document


@pytest.fixture
def _log_settings() -> Iterator[None]:
    """Put back what `configure_logging` changes."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_log_settings")
def test_the_examples_of_the_documentation_run(configured: flowemf.Monitor) -> None:
    """What the docstrings of `flowemf.structlog` show is what happens."""
    assert doctest.testmod(flowemf.structlog).failed == 0


def test_an_event_with_fields_is_an_emf_document(configured: flowemf.Monitor, clock: Any) -> None:
    """Metrics, units, resolutions and dimensions stand as in a line of `metric`; the event's members are properties."""
    metrics = {"Latency": (12, "Milliseconds"), "Tokens": [3, 4], "Load": (0.5, "Percent", 1)}
    document = rendered({"event": "answered", "user": 7, **flowemf.fields(metrics, {"Route": "chat"})})
    assert document == {
        "_aws": {
            "Timestamp": int(clock.now_ms),
            "CloudWatchMetrics": [
                {
                    "Namespace": "App/Test",
                    "Dimensions": [["Team", "Route"], []],
                    "Metrics": [
                        {"Name": "Latency", "Unit": "Milliseconds"},
                        {"Name": "Tokens", "Unit": "None"},
                        {"Name": "Load", "Unit": "Percent", "StorageResolution": 1},
                    ],
                }
            ],
        },
        "Team": "ai",
        "Route": "chat",
        "Latency": 12,
        "Tokens": [3, 4],
        "Load": 0.5,
        "event": "answered",
        "user": 7,
    }


def test_the_same_series_as_metric_gives(configured: flowemf.Monitor, captured: Any) -> None:
    """Whether a number comes with a log event or alone makes no difference to CloudWatch."""
    flowemf.metric("Latency", 12, "Milliseconds", {"Route": "chat"}, namespace="Other", resolution=1)
    alone = captured.last["_aws"]["CloudWatchMetrics"]
    fields = flowemf.fields({"Latency": (12, "Milliseconds", 1)}, {"Route": "chat"}, namespace="Other")
    assert rendered({"event": "x", **fields})["_aws"]["CloudWatchMetrics"] == alone


def test_any_json_renderer_makes_a_valid_document(configured: flowemf.Monitor) -> None:
    """Without our renderer nothing breaks: the fields are plain JSON, and so is what pickle and copy make of them."""
    fields = flowemf.fields({"Latency": (Decimal("0.5"), "Seconds")}, {"Route": "chat"})
    for each in (fields, copy.deepcopy(fields), pickle.loads(pickle.dumps(fields))):
        line = structlog.processors.JSONRenderer()(None, "info", {"event": "x", **each})
        assert rules.examine(json.loads(line)) == []
        assert rendered({"event": "x", **each})["Latency"] == 0.5
    text = structlog.dev.ConsoleRenderer(colors=False)(None, "info", {"event": "x", **fields})
    assert "Latency=0.5" in text


def test_a_processor_cannot_spoil_the_metrics(configured: flowemf.Monitor) -> None:
    """What stands between `fields` and the renderer may overwrite members; the document keeps those it needs."""
    event = {"event": "x", **flowemf.fields({"Latency": 12, "Level": 3}, {"Route": "chat"})}
    document = rendered({**event, "Latency": "slow", "Route": "", "Team": None, "level": "info"})
    assert (document["Latency"], document["Route"], document["Team"]) == (12, "chat", "ai")
    assert document["level"] == "info"
    assert configured.stats()["property_collision"] == 3


def test_the_other_members_are_cleaned_like_every_property_of_ours(configured: flowemf.Monitor) -> None:
    """An event that becomes a metric line keeps to the rules of metric lines: no secrets, no personal data."""
    event = {"event": "mail from ada@example.com", "key": "AKIAIOSFODNN7EXAMPLE", "ratio": float("nan")}
    document = rendered({**event, **flowemf.fields({"Mails": 1})})
    assert document["event"] == "mail from [redacted:email]"
    assert "AKIA" not in document["key"]
    assert "ratio" not in document
    assert configured.stats()["property_dropped"] == 1


def test_an_event_of_the_applications_own_stays_as_it_is(configured: flowemf.Monitor) -> None:
    """Without metrics it is not ours to change."""
    assert rendered({"event": "mail from ada@example.com"}) == {"event": "mail from ada@example.com"}


def test_what_cannot_be_written_is_left_out_and_counted(configured: flowemf.Monitor) -> None:
    """The same checks as for `metric`: nothing is raised into the log call."""
    metrics = {"A": float("nan"), "B": "many", "event": 1, "": 2, "C": (1, "ms"), "D": (), "E": [1, None], "self": 1}
    fields = flowemf.fields(metrics, {"": "x", "FlowName": "chat", "Route": ""})  # type: ignore[arg-type]
    document = rendered({"event": "x", **fields})
    assert {name for name in document if name in metrics} == {"C", "E", "event"}
    assert (document["C"], document["E"], document["event"], document["Route"]) == (1, 1, "x", "unknown")
    counts = configured.stats()
    assert counts["value_not_finite"] == 1
    assert counts["value_not_a_number"] == 3
    assert counts["metric_name_refused"] == 3
    assert counts["unit_unknown"] == 1
    assert counts["dimension_dropped"] == 2


def test_more_than_one_document_holds_is_written_at_once(configured: flowemf.Monitor, captured: Any) -> None:
    """The event carries the first 100 metrics and values; the others leave in lines of their own, and none is lost."""
    metrics: dict[str, Any] = {f"M{index}": index for index in range(130)}
    metrics["M0"] = list(range(250))
    document = rendered({"event": "x", **flowemf.fields(metrics, {"Route": "chat"})})
    lines = [document, *(json.loads(line) for line in captured.lines)]
    assert [len(line["_aws"]["CloudWatchMetrics"][0]["Metrics"]) for line in lines] == [100, 30, 1, 1]
    assert document["M0"] + lines[2]["M0"] + lines[3]["M0"] == list(range(250))
    assert sum(line.get(f"M{index}", 0) for line in lines for index in range(1, 130)) == sum(range(130))
    assert all(rules.examine(line) == [] for line in lines)


def test_a_metric_named_like_a_dimension_keeps_its_number(configured: flowemf.Monitor) -> None:
    """One member of the root cannot be both: the dimension of this call is left out and counted."""
    document = rendered({"event": "x", **flowemf.fields({"Route": 5, "Other": 1}, {"Route": "chat", "Stage": "one"})})
    assert document["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Team", "Stage"], []]
    assert (document["Route"], document["Other"]) == (5, 1)
    assert configured.stats()["dimension_dropped"] == 1


def test_before_configure_and_when_disabled_an_event_stays_plain() -> None:
    """The log call works the same; there is nothing to extract."""
    assert rendered({"event": "x", **flowemf.fields({"A": 1}, {"Route": "chat"})}) == {"event": "x"}
    assert flowemf.stats()["not_configured"] == 1
    flowemf.configure("App", disabled=True)
    assert rendered({"event": "x", **flowemf.fields({"A": 1}, {"Route": "chat"})}) == {"event": "x", "Route": "chat"}


def test_what_is_bound_stands_on_log_events_too(configured: flowemf.Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow, the trace and `bind` reach the application's events; the event's own members are nearer."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")
    flowemf.bind(tenant="acme", user="bound")
    with flowemf.flow("outer") as outer, flowemf.flow("inner") as inner:
        event = add_context(None, "info", {"event": "asked", "user": "own"})
    assert event == {
        "event": "asked",
        "user": "own",
        "tenant": "acme",
        "flow_id": inner.flow_id,
        "parent_flow_id": outer.flow_id,
        "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
    }


# --- Values that JSON does not know


class Unprintable:
    def __str__(self) -> str:
        raise ValueError("no")


def deep(levels: int) -> Any:
    value: Any = "end"
    for _ in range(levels):
        value = [value]
    return value


CYCLE: dict[str, Any] = {}
CYCLE["self"] = CYCLE
NO_JSON = [
    (datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc), "2026-01-02 00:00:00+00:00"),
    (Decimal("0.10"), "0.10"),
    (b"caf\xc3\xa9\xff", "caf\u00e9\ufffd"),
    ({3}, [3]),
    (float("inf"), "inf"),
    ([float("nan")], ["nan"]),
    ({(1, 2): "tuple"}, {"(1, 2)": "tuple"}),
    (CYCLE, {"self": "..."}),
    (Unprintable(), "(Unprintable without a text)"),
    ("half a character: \ud800", "half a character: \ufffd"),
    ("whole: \U0001f600", "whole: \U0001f600"),
    ("two\nlines\u2028three", "two\nlines\u2028three"),
]


@pytest.mark.parametrize(("value", "expected"), NO_JSON, ids=[type(value).__name__ for value, _ in NO_JSON])
def test_a_value_that_json_does_not_know_is_written_as_its_text(value: Any, expected: Any) -> None:
    """A log call never fails over what it is given, and its line is one line of strict JSON."""
    assert rendered({"event": "x", "value": value})["value"] == expected


def test_depth_is_bounded() -> None:
    """A value nested without end costs neither the event nor the program."""
    assert rendered({"event": "x", "value": deep(100_000)})["event"] == "x"


HUGE = [
    {"event": "x" * 3_000_000},
    {"event": "x", "body": "\u20ac" * 1_000_000, "more": 1},
    {"event": "x", **{f"m{index}": "y" * 60_000 for index in range(40)}},
    {"event": "x", "list": list(range(400_000))},
    {f"n{index}" * 50: index for index in range(20_000)},
]


@pytest.mark.parametrize("event", HUGE, ids=range(len(HUGE)))
def test_a_huge_event_is_shortened_and_says_so(event: Document) -> None:
    """A line stays below what CloudWatch Logs takes for an event; which members were concerned stands in it."""
    document = rendered(event)
    assert len(json.dumps(document)) < 1_048_576
    assert document["shortened"]
    assert set(document["shortened"]) <= {name[:100] for name in event}


def test_a_huge_event_with_metrics_keeps_its_metrics(configured: flowemf.Monitor) -> None:
    """Properties make way, those added last first; numbers never do."""
    event = {"event": "x", **{f"m{index}": "y z " * 2000 for index in range(300)}}
    document = rendered({**event, **flowemf.fields({"Latency": 12})})
    assert (document["Latency"], document["event"]) == (12, "x")
    assert "m0" in document
    assert "m299" not in document
    assert configured.stats()["properties_too_large"] > 0


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes() | st.decimals(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
METRICS = st.dictionaries(st.text(max_size=9), ANYTHING | st.tuples(ANYTHING, st.text(max_size=9)), max_size=6)


@settings(max_examples=60)
@given(event=st.dictionaries(st.text(max_size=12), ANYTHING, max_size=8), metrics=METRICS, dimensions=METRICS)
def test_whatever_is_logged_one_strict_line_comes_out(event: Document, metrics: Any, dimensions: Any) -> None:
    """Any members, any metrics and any dimensions: a valid document with the numbers that can be written."""
    monitor = flowemf.Monitor("App", sink=lambda _: None)
    fields = monitor.fields(metrics, dimensions)
    document = rendered({**event, **fields})
    for name, value in metrics.items():
        if name in fields and type(value) in (int, float):
            assert document[name] == value
    assert "internal_error" not in monitor.stats()
