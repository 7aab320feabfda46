"""Each event's metrics, units, dimensions and values, as the table of metrics promises them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowemf import Monitor

FLOW_END = {"FlowCompleted": "Count", "FlowDuration": "Milliseconds"}
TOKENS = {
    "TokensUsed": "Count",
    "InputTokens": "Count",
    "OutputTokens": "Count",
    "CacheReadTokens": "Count",
    "CacheWriteTokens": "Count",
    "ReasoningTokens": "Count",
}
EVERYTHING = {
    "duration_ms": 900.5,
    "tokens_used": 20,
    "input_tokens": 12,
    "output_tokens": 7,
    "cache_read_tokens": 4,
    "cache_write_tokens": 3,
    "reasoning_tokens": 2,
    "time_to_first_token_ms": 80.25,
}
EVENTS: list[Any] = [
    pytest.param(
        lambda monitor: monitor.on_flow_start("chat"),
        {"FlowStarted": "Count"},
        {"FlowName": "chat"},
        {"FlowStarted": 1},
        id="flow start",
    ),
    pytest.param(
        lambda monitor: monitor.on_flow_end("chat", 12.5),
        FLOW_END,
        {"FlowName": "chat", "Status": "Success"},
        {"FlowCompleted": 1, "FlowDuration": 12.5},
        id="flow end",
    ),
    pytest.param(
        lambda monitor: monitor.on_flow_error("chat", 7, TimeoutError("late")),
        {"FlowError": "Count", "FlowDuration": "Milliseconds"},
        {"FlowName": "chat", "Status": "Error", "ErrorType": "Timeout"},
        {"FlowError": 1, "FlowDuration": 7},
        id="flow error",
    ),
    pytest.param(
        lambda monitor: monitor.on_flow_error("chat", 7, None),
        {"FlowError": "Count", "FlowDuration": "Milliseconds"},
        {"FlowName": "chat", "Status": "Error", "ErrorType": "Unknown"},
        {"FlowError": 1, "FlowDuration": 7},
        id="flow error without an error",
    ),
    pytest.param(
        lambda monitor: monitor.on_flow_cancelled("chat", 3),
        {"FlowCancelled": "Count", "FlowDuration": "Milliseconds"},
        {"FlowName": "chat", "Status": "Cancelled"},
        {"FlowCancelled": 1, "FlowDuration": 3},
        id="flow cancelled",
    ),
    pytest.param(
        lambda monitor: monitor.on_generate("nova", duration_ms=5),
        {"GenerationCount": "Count", "GenerationDuration": "Milliseconds"},
        {"ModelID": "nova"},
        {"GenerationCount": 1, "GenerationDuration": 5},
        id="generation without usage",
    ),
    pytest.param(
        lambda monitor: monitor.on_generate("nova", **EVERYTHING),
        {
            "GenerationCount": "Count",
            "GenerationDuration": "Milliseconds",
            "TimeToFirstToken": "Milliseconds",
            **TOKENS,
        },
        {"ModelID": "nova"},
        {
            "GenerationCount": 1,
            "GenerationDuration": 900.5,
            "TimeToFirstToken": 80.25,
            "TokensUsed": 20,
            "InputTokens": 12,
            "OutputTokens": 7,
            "CacheReadTokens": 4,
            "CacheWriteTokens": 3,
            "ReasoningTokens": 2,
        },
        id="generation with everything",
    ),
    pytest.param(
        lambda monitor: monitor.on_generate("nova", duration_ms=5, error="ThrottlingException"),
        {"GenerationCount": "Count", "GenerationError": "Count", "GenerationDuration": "Milliseconds"},
        {"ModelID": "nova", "ErrorType": "Throttling"},
        {"GenerationCount": 1, "GenerationError": 1, "GenerationDuration": 5},
        id="failed generation",
    ),
    pytest.param(
        lambda monitor: monitor.metric("Documents", 3, "Count", {"Index": "manuals"}),
        {"Documents": "Count"},
        {"Index": "manuals"},
        {"Documents": 3},
        id="own metric",
    ),
]


def units_of(document: dict[str, Any]) -> dict[str, str]:
    directives = document["_aws"]["CloudWatchMetrics"]
    return {metric["Name"]: metric["Unit"] for directive in directives for metric in directive["Metrics"]}


def sets_of(document: dict[str, Any], metric: str) -> list[list[str]]:
    for directive in document["_aws"]["CloudWatchMetrics"]:
        if metric in [definition["Name"] for definition in directive["Metrics"]]:
            found: list[list[str]] = directive["Dimensions"]
            return found
    raise AssertionError(f"{metric} is in no directive")


@pytest.mark.parametrize(("write", "units", "dimensions", "values"), EVENTS)
def test_an_event_carries_what_the_table_of_metrics_says(
    monitor: Monitor, captured: Any, write: Callable[[Monitor], None], units: Any, dimensions: Any, values: Any
) -> None:
    """Metrics, units, dimension values and numbers are those of the table, and nothing else is a metric."""
    write(monitor)
    document = captured.last
    assert units_of(document) == units
    assert {key: document[key] for key in dimensions} == dimensions
    assert {name: document[name] for name in values} == values
    assert {key for directive in document["_aws"]["CloudWatchMetrics"] for key in directive["Dimensions"][0]} == set(
        dimensions
    )
    assert len(captured.lines) == 1
    assert monitor.stats() == {"lines_written": 1}


def test_a_line_names_the_parts_in_a_fixed_order(make_monitor: Any, captured: Any) -> None:
    """Metadata, dimensions, metrics, properties: what a reader wants first stands first."""
    monitor = make_monitor(custom_dimensions={"Team": "ai"})
    monitor.bind(request="r-1")
    monitor.on_flow_error("chat", 2.5, ValueError("no"))
    assert list(captured.last) == [
        "_aws",
        *("Team", "FlowName", "Status", "ErrorType"),
        *("FlowError", "FlowDuration"),
        *("event", "schema_version", "error_message", "request"),
    ]


def test_the_dimension_sets_of_a_failed_flow_stand_in_two_directives(make_monitor: Any, captured: Any) -> None:
    """FlowError has an error type and FlowDuration has none, so that one series holds every failed flow's."""
    make_monitor(custom_dimensions={"Team": "ai"}).on_flow_error("chat", 2, ValueError("no"))
    document = captured.last
    assert sets_of(document, "FlowError") == [
        ["Team", "FlowName", "Status", "ErrorType"],
        ["FlowName"],
        ["ErrorType"],
        [],
    ]
    assert sets_of(document, "FlowDuration") == [["Team", "FlowName", "Status"], ["FlowName"], []]
    assert len(document["_aws"]["CloudWatchMetrics"]) == 2


def test_a_failed_generation_counts_twice_over(make_monitor: Any, captured: Any) -> None:
    """It is in GenerationCount like any other, and in GenerationError with its type."""
    make_monitor(custom_dimensions={"Team": "ai"}).on_generate("nova", duration_ms=1, error=TimeoutError())
    assert sets_of(captured.last, "GenerationError") == [
        ["Team", "ModelID", "ErrorType"],
        ["ModelID"],
        ["ErrorType"],
        [],
    ]
    assert sets_of(captured.last, "GenerationCount") == [["Team", "ModelID"], ["ModelID"], []]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"tokens_used": 50, "input_tokens": 10, "output_tokens": 5}, 50),
        ({"input_tokens": 10, "output_tokens": 5}, 15),
        ({"input_tokens": 10}, 10),
        ({"output_tokens": 5}, 5),
        ({"tokens_used": 0}, 0),
        ({"cache_read_tokens": 3}, None),
        ({}, None),
    ],
)
def test_tokens_used_is_the_reported_total_or_input_and_output(
    monitor: Monitor, captured: Any, given: dict[str, int], expected: int | None
) -> None:
    """Cached and reasoning tokens are parts of input and output and are not added again."""
    monitor.on_generate("nova", duration_ms=1, **given)
    assert captured.last.get("TokensUsed") == expected


def test_a_high_resolution_says_so_and_the_usual_one_does_not(monitor: Monitor, captured: Any) -> None:
    """StorageResolution is written only where it is 1."""
    monitor.metric("Fast", 1, "Count", resolution=1)
    assert captured.last["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [
        {"Name": "Fast", "Unit": "Count", "StorageResolution": 1}
    ]
    monitor.metric("Usual", 1, "Count")
    assert captured.last["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "Usual", "Unit": "Count"}]


def test_an_own_metric_can_go_to_another_namespace(monitor: Monitor, captured: Any) -> None:
    """The configured namespace holds for everything that names none."""
    monitor.metric("Documents", 1)
    assert captured.last["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "App/Test"
    monitor.metric("Documents", 1, namespace="Other")
    assert captured.last["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Other"


def test_the_dashboards_and_alarms_of_the_original_find_their_sets(make_monitor: Any, captured: Any) -> None:
    """Its dashboard names FlowName alone and its alarms no dimension: both sets are published by default."""
    monitor = make_monitor(custom_dimensions={"Environment": "Production"})
    monitor.on_flow_end("chatFlow", 1)
    assert ["FlowName"] in sets_of(captured.last, "FlowCompleted")
    monitor.on_flow_error("chatFlow", 1, "no")
    assert [] in sets_of(captured.last, "FlowError")
    monitor.on_generate("nova", duration_ms=1, tokens_used=5)
    assert [] in sets_of(captured.last, "TokensUsed")
    assert ["ModelID"] in sets_of(captured.last, "TokensUsed")
