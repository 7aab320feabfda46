"""The second line of a flow takes a shorter way than the first, and says the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowemf
from flowemf import Monitor

VALUES = st.one_of(st.text(max_size=40), st.integers(), st.floats(), st.booleans(), st.none())
NAMES = st.one_of(
    st.text(max_size=60), st.sampled_from(["chat", "AKIAIOSFODNN7EXAMPLE", "ada@example.com", "caf\u00e9"])
)


def run(monitor: Monitor, name: Any, duration_ms: Any) -> None:
    """Write the two lines of a flow, with an identifier of a flow around them."""
    monitor.on_flow_start(name)
    monitor.on_flow_end(name, duration_ms)


@settings(max_examples=150, deadline=None)
@given(
    name=NAMES,
    duration_ms=st.one_of(st.floats(min_value=0), st.integers(min_value=0), st.floats()),
    bound=st.dictionaries(st.one_of(st.text(max_size=20), st.sampled_from(["Status", "Team"])), VALUES, max_size=4),
)
def test_any_flow_is_written_the_same_way_again(
    captured_class: Callable[[], Any],
    clock_class: Callable[[], Any],
    name: str,
    duration_ms: Any,
    bound: dict[str, Any],
) -> None:
    """Names, numbers and properties of any kind: lines and counts of the second run equal those of the first."""
    captured = captured_class()
    monitor = Monitor("App/Test", sink=captured, clock=clock_class(), custom_dimensions={"Team": "ai"})
    monitor.unbind()
    monitor.bind(**bound)
    dropped_by_bind = monitor.stats()
    run(monitor, name, duration_ms)
    first, counted = list(captured.lines), monitor.stats()
    run(monitor, name, duration_ms)
    monitor.unbind()
    assert captured.lines == first * 2
    for reason, times in monitor.stats().items():
        before = dropped_by_bind.get(reason, 0)
        assert times - before == 2 * (counted[reason] - before), reason


def test_what_is_bound_between_two_runs_stands_in_the_second(monitor: Monitor, captured: Any) -> None:
    """The short way keeps nothing of the request before."""
    monitor.bind(request="r-1")
    run(monitor, "chat", 1.5)
    monitor.unbind()
    monitor.bind(request="r-2", FlowName="mine")
    with monitor.flow("around"):
        run(monitor, "chat", 2.5)
    start, end = captured.documents[-3:-1]
    assert [line["request"] for line in (start, end)] == ["r-2", "r-2"]
    assert end["FlowDuration"] == 2.5
    assert start["flow_id"] == end["flow_id"] == captured.last["flow_id"]
    assert monitor.stats()["property_collision"] == 1


def test_a_line_that_grows_too_long_is_cut_and_counted_as_before(make_monitor: Any, captured: Any) -> None:
    """Properties are cut last-added first, the line stays within its size, and both lines say so."""
    monitor = make_monitor(max_line_bytes=4096)
    run(monitor, "chat", 1.5)
    monitor.bind(first="kept", second="x" * 4000)
    run(monitor, "chat", 1.5)
    assert {len(line) <= 4096 for line in captured.lines} == {True}
    assert [line["first"] for line in captured.documents[2:]] == ["kept", "kept"]
    assert monitor.stats() == {"lines_written": 4, "properties_too_large": 2}


@pytest.mark.parametrize("setting", [{"enable_flow_metrics": False}, {"disabled": True}])
def test_what_is_switched_off_stays_off(make_monitor: Any, captured: Any, setting: dict[str, bool]) -> None:
    """No number of calls opens a way to the sink."""
    monitor = make_monitor(**setting)
    for _ in range(3):
        run(monitor, "chat", 1.5)
    assert captured.lines == []


def test_merged_flows_have_no_short_way(make_monitor: Any, captured: Any) -> None:
    """What is gathered is gathered from the second run on, too."""
    monitor = make_monitor(metric_buffer_size=100)
    for duration_ms in (1.5, 2.5, 3.5, 4.5):
        monitor.on_flow_end("chat", duration_ms)
    assert flowemf.flush()
    assert captured.last["FlowDuration"] == [1.5, 2.5, 3.5, 4.5]


def test_the_bound_on_series_holds_for_short_ways(make_monitor: Any, captured: Any) -> None:
    """A flow that was admitted goes on under its name, one that was not under `_other`, each counted every time."""
    monitor = make_monitor(max_series=2)
    for _ in range(3):
        monitor.on_flow_end("first", 1.5)
        monitor.on_flow_end("second", 1.5)
        monitor.on_flow_end("third", 1.5)
    assert [line["FlowName"] for line in captured.documents] == ["first", "second", "_other"] * 3
    assert monitor.stats()["series_limited"] == 3


def test_more_flows_than_are_remembered_are_all_written(make_monitor: Any, captured: Any) -> None:
    """Short ways are forgotten when there are too many, never lines."""
    monitor = make_monitor(max_series=5000)
    names = [f"flow {number // 26}{chr(97 + number % 26)}" for number in range(1500)]
    for name in names * 2:
        monitor.on_flow_end(name, 1.5)
    assert len(captured.lines) == 3000
    assert [line["FlowName"] for line in captured.documents[-5:]] == names[-5:]


_numbers = st.none() | st.integers(-5, 10**6) | st.floats() | st.booleans() | st.sampled_from(["7", 10**400, 1e-320])


@settings(max_examples=200, deadline=None)
@given(
    model=st.one_of(st.text(max_size=40), st.sampled_from(["100%d of %s", "ada@example.com", "caf\u00e9"]), st.none()),
    measured=st.fixed_dictionaries(
        {"duration_ms": _numbers},
        optional=dict.fromkeys(("tokens_used", "input_tokens", "output_tokens", "cache_read_tokens"), _numbers),
    ),
    resolved=st.none() | st.text(max_size=10),
    bound=st.dictionaries(st.sampled_from(["ModelID", "Team", "tenant", "100%"]), VALUES, max_size=3),
)
def test_any_generation_is_written_the_same_way_again(
    captured_class: Callable[[], Any],
    clock_class: Callable[[], Any],
    model: Any,
    measured: dict[str, Any],
    resolved: str | None,
    bound: dict[str, Any],
) -> None:
    """Models, numbers and properties of any kind: lines and counts of the second and third equal those of the first."""
    captured = captured_class()
    monitor = Monitor("App/Test", sink=captured, clock=clock_class(), custom_dimensions={"Team": "50%d"})
    monitor.unbind()
    monitor.bind(**bound)
    before = monitor.stats()
    monitor.record_generation(model, resolved_model_id=resolved, **measured)
    first, counted = list(captured.lines), monitor.stats()
    for _ in range(2):
        monitor.record_generation(model, resolved_model_id=resolved, **measured)
    monitor.unbind()
    assert captured.lines == first * 3
    for reason, times in monitor.stats().items():
        assert times - before.get(reason, 0) == 3 * (counted[reason] - before.get(reason, 0)), reason


def test_a_generation_whose_numbers_change_keeps_to_the_rules(monitor: Monitor, captured: Any) -> None:
    """What the short way cannot write as it is, the general way looks at: each time."""
    for tokens in (7, 8, float("nan"), -1, 9):
        monitor.record_generation("gemini", duration_ms=1.5, tokens_used=tokens)  # type: ignore[arg-type]
    assert [line.get("TokensUsed") for line in captured.documents] == [7, 8, None, None, 9]
    assert monitor.stats()["lines_written"] == 5


def test_a_failed_generation_takes_no_short_way(monitor: Monitor, captured: Any) -> None:
    """Success, failure, cancellation, success: each says what it was."""
    for error in (None, None, TimeoutError("slow"), GeneratorExit(), None):
        monitor.record_generation("gemini", duration_ms=1.5, error=error)
    said = [(line.get("ErrorType"), line.get("generation_status")) for line in captured.documents]
    assert said == [(None, None), (None, None), ("Timeout", None), (None, "Cancelled"), (None, None)]


def test_a_generation_that_is_too_long_is_cut_in_the_short_way_too(
    make_monitor: Callable[..., Monitor], captured: Any
) -> None:
    """The longest line holds for every way."""
    monitor = make_monitor(max_line_bytes=4096)
    monitor.record_generation("gemini", duration_ms=1.5)
    monitor.record_generation("gemini", duration_ms=1.5)
    monitor.bind(story="x" * 4000)
    monitor.record_generation("gemini", duration_ms=1.5)
    assert monitor.stats()["properties_too_large"] == 1
    assert max(map(len, captured.lines)) <= 4096
    assert [line["GenerationDuration"] for line in captured.documents] == [1.5, 1.5, 1.5]
