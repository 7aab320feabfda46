"""`record_generation`: a generation in one call, for those who have the numbers already."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import flowemf
from flowemf import Monitor

RESPONSE = {
    "model": "claude-1",
    "usage": {"input_tokens": 11, "output_tokens": 7, "cache_read_input_tokens": 22, "cache_creation_input_tokens": 3},
}


def test_the_numbers_of_a_response_become_the_line(monitor: Monitor, captured: Any) -> None:
    """As `record_response` reads them, with the model that answered."""
    monitor.record_generation("claude", duration_ms=812.5, time_to_first_token_ms=80, response=RESPONSE)
    document = captured.last
    assert (document["ModelID"], document["resolved_model_id"]) == ("claude", "claude-1")
    assert (document["GenerationDuration"], document["TimeToFirstToken"]) == (812.5, 80)
    assert (document["InputTokens"], document["OutputTokens"], document["TokensUsed"]) == (36, 7, 43)
    assert (document["CacheReadTokens"], document["CacheWriteTokens"]) == (22, 3)


def test_what_is_given_goes_before_what_the_response_says(monitor: Monitor, captured: Any) -> None:
    """The caller knows better: numbers, model and error."""
    response = {**RESPONSE, "error": {"code": "rate_limit_exceeded"}}
    given: dict[str, Any] = {"output_tokens": 0, "resolved_model_id": "mine", "error": TimeoutError()}
    monitor.record_generation("claude", duration_ms=1, response=response, **given)
    document = captured.last
    assert (document["InputTokens"], document["OutputTokens"]) == (36, 0)
    assert (document["resolved_model_id"], document["ErrorType"]) == ("mine", "Timeout")


def test_an_error_in_the_response_fails_the_generation(monitor: Monitor, captured: Any) -> None:
    """Where nothing else was said."""
    monitor.record_generation("gemini", duration_ms=1, response={"error": {"status": "UNAVAILABLE"}})
    assert (captured.last["GenerationError"], captured.last["ErrorType"]) == (1, "Connection")
    assert monitor.stats() == {"lines_written": 1}


def test_a_response_that_says_nothing_is_counted(monitor: Monitor, captured: Any) -> None:
    """The line is written with what was given."""
    monitor.record_generation("nova", duration_ms=1, input_tokens=3, response=object())
    assert captured.last["InputTokens"] == 3
    assert monitor.stats() == {"lines_written": 1, "usage_not_found": 1}


def test_the_hook_is_the_same_thing(monitor: Monitor, captured: Any) -> None:
    """One implementation, two names: beside `generation`, and beside the hooks of flows."""
    assert inspect.signature(monitor.on_generate) == inspect.signature(monitor.record_generation)
    monitor.on_generate("nova", duration_ms=1, input_tokens=3)
    monitor.record_generation("nova", duration_ms=1, input_tokens=3)
    assert captured.lines[0] == captured.lines[1]


@pytest.mark.parametrize("record", [flowemf.record_generation, flowemf.on_generate])
def test_the_front_door_writes_through_the_configured_monitor(record: Any, captured: Any) -> None:
    """And counts what comes before; nothing is raised."""
    record("nova", duration_ms=1, response=RESPONSE)
    assert flowemf.stats()["not_configured"] == 1
    flowemf.configure("App/Test", sink=captured)
    with flowemf.flow("chat") as flow:
        record("nova", duration_ms=1, response=RESPONSE)
        assert captured.last["flow_id"] == flow.flow_id
    assert captured.documents[1]["TokensUsed"] == 43


def test_nothing_is_read_where_nothing_is_written(make_monitor: Any, captured: Any) -> None:
    """A response costs nothing where generations are off."""
    touched = []

    class Touchy:
        def __getattr__(self, name: str) -> Any:
            touched.append(name)

    make_monitor(enable_model_metrics=False).record_generation("nova", duration_ms=1, response=Touchy())
    assert (captured.lines, touched) == ([], [])
    make_monitor().record_generation("nova", duration_ms=1, response=Touchy())
    assert touched
