"""Which values become numbers of a line, and that they stay the same numbers."""

from __future__ import annotations

import enum
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowemf import Monitor
from flowemf._encoding.values import REFUSALS, amount, number


class Level(enum.IntEnum):
    HIGH = 3


class Half(float):
    """As numpy.float64 is one: a subclass of float whose repr is no JSON."""

    def __repr__(self) -> str:
        return "Half(0.5)"


class Indexed:
    """As numpy.int64 is one: an integer that is no int."""

    def __index__(self) -> int:
        return 7


class Floated:
    """As numpy.float32 is one: a number that converts to float."""

    def __float__(self) -> float:
        return 0.25

    def __eq__(self, other: object) -> bool:
        return other == 0.25

    __hash__ = None  # type: ignore[assignment]


class Broken:
    def __float__(self) -> float:
        raise RuntimeError("no")


BIG = 2**360
VALUES: list[Any] = [
    (0, 0),
    (-0.0, 0.0),
    (7, 7),
    (-1.5, -1.5),
    (BIG, BIG),
    (-float(BIG), -float(BIG)),
    (2.0**-360, 2.0**-360),
    (2**53 + 1, 2**53 + 1),
    (Level.HIGH, 3),
    (Half(0.5), 0.5),
    (Indexed(), 7),
    (Floated(), 0.25),
    (Decimal("0.5"), 0.5),
    (Fraction(1, 4), 0.25),
    (Decimal("0.1"), 0.1),
    (Fraction(1, 3), 1 / 3),
    pytest.param(Fraction(10**400), "value_out_of_range", id="a fraction beyond floats"),
    (True, "value_not_a_number"),
    ("12", "value_not_a_number"),
    (b"12", "value_not_a_number"),
    (None, "value_not_a_number"),
    ([1], "value_not_a_number"),
    ({}, "value_not_a_number"),
    (1j, "value_not_a_number"),
    (Broken(), "value_not_a_number"),
    (object(), "value_not_a_number"),
    (math.nan, "value_not_finite"),
    (math.inf, "value_not_finite"),
    (-math.inf, "value_not_finite"),
    (Decimal("NaN"), "value_not_finite"),
    (Decimal("Infinity"), "value_not_finite"),
    (BIG + 1, "value_out_of_range"),
    (-BIG - 1, "value_out_of_range"),
    pytest.param(10**5000, "value_out_of_range", id="5001 digits"),
    (2.0**-361, "value_out_of_range"),
    (-5e-324, "value_out_of_range"),
]


@pytest.mark.parametrize(("value", "expected"), VALUES)
def test_a_value_is_written_as_a_plain_number_or_left_out(value: Any, expected: Any) -> None:
    """A plain int or float comes out, or the reason why nothing does."""
    plain, reason = number(value)
    if isinstance(expected, str):
        assert (plain, reason) == (None, expected)
        assert reason in REFUSALS
    else:
        assert plain == expected
        assert type(plain) in (int, float)
        assert reason == ""


@given(st.one_of(st.integers(), st.floats(), st.decimals(), st.fractions(), st.booleans(), st.text()))
def test_what_is_written_is_the_number_that_was_given(value: Any) -> None:
    """Integers and floats are never rounded; other numbers are the nearest float, as in CloudWatch."""
    plain, _ = number(value)
    if plain is not None:
        assert plain == (value if isinstance(value, (int, float)) else float(value))
        assert -BIG <= plain <= BIG


@pytest.mark.parametrize("value", [-1, -0.001, -float(BIG)])
def test_durations_and_tokens_cannot_be_negative(value: float) -> None:
    """A clock that went back or a wrong counter is left out."""
    assert amount(value) == (None, "value_negative")


def test_a_value_that_cannot_be_written_costs_only_itself(
    monitor: Monitor, captured: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other numbers of the line stay; each loss is counted, each kind said once."""
    broken: Any = "3"
    monitor.on_generate("nova", duration_ms=1, input_tokens=5, output_tokens=broken, reasoning_tokens=-1)
    monitor.on_generate("nova", duration_ms=1, input_tokens=5, time_to_first_token_ms=math.nan)
    monitor.metric("Documents", True)
    first, second = captured.documents
    assert (first["InputTokens"], first["TokensUsed"]) == (5, 5)
    assert "OutputTokens" not in first
    assert "ReasoningTokens" not in first
    assert "TimeToFirstToken" not in second
    counts = {"lines_written": 2, "value_not_finite": 1, "value_negative": 1, "value_not_a_number": 2}
    assert monitor.stats() == counts
    assert capsys.readouterr().err.count("\n") == 3


@pytest.mark.parametrize("duration_ms", [math.nan, -1, None, "12"])
def test_an_end_without_a_usable_duration_still_counts(monitor: Monitor, captured: Any, duration_ms: Any) -> None:
    """A clock gone wrong costs the duration alone: started stays completed + failed + cancelled."""
    monitor.on_flow_end("chat", duration_ms)
    monitor.on_flow_error("chat", duration_ms, "no")
    monitor.on_flow_cancelled("chat", duration_ms)
    monitor.on_generate("nova", duration_ms=duration_ms, input_tokens=5)
    completed, failed, cancelled, generated = captured.documents
    assert (completed["FlowCompleted"], failed["FlowError"], cancelled["FlowCancelled"]) == (1, 1, 1)
    assert (generated["GenerationCount"], generated["InputTokens"]) == (1, 5)
    assert not {"FlowDuration", "GenerationDuration"} & {*completed, *failed, *cancelled, *generated}
    assert monitor.stats()["duration_missing"] == 4
