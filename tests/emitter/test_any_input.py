"""Whatever is passed in, in any order: each output is one valid line with the same numbers."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowemf import Monitor
from flowemf._encoding.shapes import ROLLUPS
from flowemf._encoding.values import MOST, REFUSALS, amount

GENERATION = {
    "duration_ms": "GenerationDuration",
    "time_to_first_token_ms": "TimeToFirstToken",
    "tokens_used": "TokensUsed",
    "input_tokens": "InputTokens",
    "output_tokens": "OutputTokens",
    "cache_read_tokens": "CacheReadTokens",
    "cache_write_tokens": "CacheWriteTokens",
    "reasoning_tokens": "ReasoningTokens",
}
TEXT = st.text(max_size=40)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    TEXT,
    st.binary(max_size=5),
    st.lists(TEXT, max_size=2),
    st.dictionaries(TEXT, TEXT, max_size=2),
)
NUMBERS = st.one_of(st.integers(min_value=0, max_value=2**360), st.floats(min_value=2.0**-360, max_value=2.0**360))
DIMENSIONS = st.dictionaries(
    st.one_of(TEXT, st.sampled_from(["FlowName", "Team", "a"])), st.one_of(TEXT, ODD), max_size=35
)
ERRORS = st.one_of(TEXT, st.none(), st.builds(ValueError, TEXT), st.builds(TimeoutError), ODD)


@settings(max_examples=150)
@given(
    properties=st.dictionaries(st.one_of(TEXT, st.sampled_from(["Team", "FlowName", "_aws", "M"])), ODD, max_size=4),
    name=st.one_of(TEXT, ODD),
    dimensions=DIMENSIONS,
    duration_ms=NUMBERS,
    error=ERRORS,
    rollups=st.sampled_from(ROLLUPS),
)
def test_any_event_is_a_valid_line_with_its_numbers(
    captured_class: Any, properties: Any, name: Any, dimensions: Any, duration_ms: Any, error: Any, rollups: str
) -> None:
    """Names, errors, properties and dimensions of any kind; the numbers come out as they went in."""
    captured = captured_class()
    monitor = Monitor("App/Test", sink=captured, rollups=rollups, custom_dimensions={"Team": "ai"})
    monitor.bind(**properties)
    monitor.on_flow_start(name)
    monitor.on_flow_end(name, duration_ms)
    monitor.on_flow_error(name, duration_ms, error)
    monitor.on_generate(name, duration_ms=duration_ms, error=error)
    monitor.metric("M", duration_ms, dimensions=dimensions)
    monitor.unbind()
    start, end, failed, generation, own = captured.documents
    assert start["FlowStarted"] == end["FlowCompleted"] == failed["FlowError"] == generation["GenerationCount"] == 1
    assert end["FlowDuration"] == failed["FlowDuration"] == generation["GenerationDuration"] == own["M"] == duration_ms
    assert start["Team"] == own["Team"] == "ai"
    assert "internal_error" not in monitor.stats()


@settings(max_examples=150)
@given(
    name=st.one_of(TEXT, ODD),
    value=ODD,
    unit=st.one_of(st.sampled_from(["Count", "ms"]), ODD),
    dimensions=st.one_of(DIMENSIONS, ODD),
    resolution=st.one_of(st.sampled_from([1, 60]), ODD),
    namespace=st.one_of(st.none(), TEXT),
    rollups=st.sampled_from(ROLLUPS),
)
def test_any_call_of_metric_is_one_valid_line_or_a_counted_loss(
    captured_class: Any, rollups: str, **given_: Any
) -> None:
    """Never an exception, never half a line, never silence."""
    captured = captured_class()
    monitor = Monitor("App/Test", sink=captured, rollups=rollups, custom_dimensions={"Team": "ai"})
    monitor.metric(**given_)
    documents = captured.documents
    losses = {reason: count for reason, count in monitor.stats().items() if reason != "lines_written"}
    assert len(documents) == 1 or losses
    if documents:
        assert documents[0][given_["name"]] == given_["value"]


@settings(max_examples=100)
@given(values=st.dictionaries(st.sampled_from(sorted(GENERATION)), st.one_of(NUMBERS, ODD)), error=ERRORS)
def test_any_generation_is_a_valid_line_with_the_numbers_that_can_be_written(
    captured_class: Any, values: Any, error: Any
) -> None:
    """Each number that is finite and not negative stands in the line; the others are counted."""
    captured = captured_class()
    monitor = Monitor("App/Test", sink=captured)
    monitor.on_generate("nova", **{"duration_ms": 1, "error": error, **values})
    usable = {name: value for name, value in values.items() if amount(value)[0] is not None}
    (document,) = captured.documents
    plain = {name: value if isinstance(value, (int, float)) else float(value) for name, value in usable.items()}
    assert {name: document[GENERATION[name]] for name in usable} == plain
    refused = [name for name, value in values.items() if name not in usable and value is not None]
    counted = [amount(usable.get(name, 0))[0] or 0 for name in ("input_tokens", "output_tokens")]
    too_many = sum(counted) > MOST  # then TokensUsed is one more that is refused
    losses = sum(count for reason, count in monitor.stats().items() if reason in REFUSALS)
    assert len(refused) <= losses <= len(refused) + too_many
