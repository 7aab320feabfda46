"""The price table: what a generation costs, exactly; and what is said about a wrong table."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowemf
from flowemf import ConfigurationError, Monitor
from flowemf._generations.prices import checked_prices
from flowemf._tally import Tally
from flowemf_schemas import names, validator

NOVA = {"input": "0.06", "output": "0.24", "cache_read": "0.015", "cache_write": "0.075"}
USED: dict[str, Any] = {"input_tokens": 1000, "output_tokens": 500}


def cost_of(captured: Any) -> float | None:
    found: float | None = captured.last.get("EstimatedCost")
    return found


def test_a_generation_carries_its_cost(make_monitor: Any, captured: Any) -> None:
    """In US dollars, under the dimensions of every metric of a generation; CloudWatch has no unit for money."""
    make_monitor(prices={"nova": NOVA}).record_generation("nova", duration_ms=1, **USED)
    assert cost_of(captured) == 0.00018
    directive = captured.last["_aws"]["CloudWatchMetrics"][0]
    assert {"Name": "EstimatedCost", "Unit": "None"} in directive["Metrics"]
    assert directive["Dimensions"] == [["ModelID"], []]


def test_a_block_carries_its_cost_too(make_monitor: Any, captured: Any) -> None:
    """Whichever way the usage came."""
    with make_monitor(prices={"nova": NOVA}).generation("nova") as generation:
        generation.record_response({"usage": {"inputTokens": 1000, "outputTokens": 500, "totalTokens": 1500}})
    assert cost_of(captured) == 0.00018


def test_without_prices_there_is_no_cost(monitor: Monitor, captured: Any) -> None:
    """There are none of ours, which would grow old."""
    monitor.record_generation("amazon.nova-lite-v1:0", duration_ms=1, **USED)
    assert cost_of(captured) is None
    assert monitor.stats() == {"lines_written": 1}


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ({"input_tokens": 100, "output_tokens": 0, "cache_read_tokens": 60}, (40 * 60 + 60 * 15) / 1e9),
        ({"input_tokens": 100, "output_tokens": 0, "cache_write_tokens": 60}, (40 * 60 + 60 * 75) / 1e9),
        ({"input_tokens": 100, "output_tokens": 0, "cache_read_tokens": 60, "cache_write_tokens": 40}, 0.0000039),
        ({"input_tokens": 10, "output_tokens": 7, "reasoning_tokens": 5}, (10 * 60 + 7 * 240) / 1e9),
        ({"input_tokens": 0, "output_tokens": 0}, 0),
    ],
)
def test_cached_tokens_cost_their_own_price_alone(
    make_monitor: Any, captured: Any, used: dict[str, int], expected: float
) -> None:
    """They are part of the input and not paid twice; reasoning is part of the output and costs what that costs."""
    make_monitor(prices={"nova": NOVA}).record_generation("nova", duration_ms=1, **used)
    assert cost_of(captured) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("price", "used"),
    [
        (NOVA, {}),
        (NOVA, {"tokens_used": 1500}),
        (NOVA, {"input_tokens": 1000}),
        (NOVA, {"output_tokens": 500}),
        ({"input": 1}, {"input_tokens": 1000, "output_tokens": 1}),
        ({"output": 1}, {"input_tokens": 1, "output_tokens": 500}),
        ({"input": 1, "output": 1}, {**USED, "cache_read_tokens": 1}),
        ({"input": 1, "output": 1}, {**USED, "cache_write_tokens": 1}),
    ],
)
def test_a_cost_that_is_not_known_is_not_written(
    make_monitor: Any, captured: Any, price: dict[str, Any], used: dict[str, int]
) -> None:
    """Neither as 0 nor as the part that is known: a sum over the month would be wrong and nobody would see it."""
    monitor = make_monitor(prices={"nova": price})
    monitor.record_generation("nova", duration_ms=1, **used)
    assert cost_of(captured) is None
    assert monitor.stats() == {"lines_written": 1}


@pytest.mark.parametrize(
    ("price", "used", "expected"),
    [
        ({"input": "0.02"}, {"input_tokens": 1000}, 0.00002),
        ({"input": "0.02"}, {"input_tokens": 1000, "output_tokens": 0}, 0.00002),
        ({"input": 0, "output": 0}, USED, 0),
        ({"input": 1, "output": 1, "cache_read": 1}, USED, 0.0015),
    ],
)
def test_what_is_not_used_needs_no_price_and_free_is_a_price(
    make_monitor: Any, captured: Any, price: dict[str, Any], used: dict[str, int], expected: float
) -> None:
    """An embedding has no output; a model of one's own may cost nothing."""
    make_monitor(prices={"nova": price}).record_generation("nova", duration_ms=1, **used)
    assert cost_of(captured) == expected


@pytest.mark.parametrize(
    ("model", "resolved", "dollars"),
    [
        ("amazon.nova-lite-v1:0", None, 2),
        ("amazon.nova-pro-v1:0", None, 3),
        ("us.amazon.nova-pro-v1:0", None, 4),
        ("titan-1", None, 5),
        ("titan-10", None, None),
        ("AMAZON.NOVA-PRO-V1:0", None, None),
        ("our-chat", "amazon.nova-lite-v1:0", 2),
        ("amazon.nova-pro-v1:0", "amazon.nova-lite-v1:0", 3),
        ("our-chat", None, None),
        ("our-chat", 7, None),
        (7, None, None),
    ],
)
def test_a_name_goes_before_patterns_and_the_first_pattern_before_others(
    make_monitor: Any, captured: Any, model: Any, resolved: Any, dollars: float | None
) -> None:
    """The model that was asked for, else the one that answered; upper and lower case differ."""
    table = {"amazon.nova-*": 3, "*nova*": 4, "amazon.nova-lite-v1:0": 2, "titan-?": 5}
    monitor = make_monitor(prices={name: {"input": price} for name, price in table.items()})
    for _ in range(2):  # found, and remembered
        monitor.record_generation(model, duration_ms=1, input_tokens=1_000_000, resolved_model_id=resolved)
        assert cost_of(captured) == dollars


def test_more_cached_tokens_than_input_are_a_mistake_that_is_counted(make_monitor: Any, captured: Any) -> None:
    """Somebody has passed on Anthropic's numbers as they are: the input must include the cache."""
    monitor = make_monitor(prices={"claude": NOVA})
    monitor.record_generation("claude", duration_ms=1, input_tokens=11, output_tokens=7, cache_read_tokens=22)
    assert cost_of(captured) is None
    assert monitor.stats() == {"lines_written": 1, "cache_exceeds_input": 1}


def test_inventing_models_takes_no_memory(make_monitor: Any, captured: Any) -> None:
    """What was looked up is remembered within bounds."""
    monitor = make_monitor(prices={"m*": {"input": 1}})
    prices = monitor.lines._settings.prices
    for number in range(3000):
        assert prices.cost(f"m{number}", None, {"InputTokens": 1}, monitor.tally) == 1e-6
    assert len(prices._found) <= 1024


def test_the_table_may_be_a_file(make_monitor: Any, captured: Any, tmp_path: Path) -> None:
    """Its numbers are taken as the decimals that stand there."""
    path = tmp_path / "prices.json"
    path.write_text('{"nova": {"input": 0.06, "output": 2.4e-1, "currency": "USD"}}')
    for given_path in (path, str(path)):
        make_monitor(prices=given_path).record_generation("nova", duration_ms=1, **USED)
        assert cost_of(captured) == 0.00018


def test_the_environment_names_the_file(
    monkeypatch: pytest.MonkeyPatch, make_monitor: Any, captured: Any, tmp_path: Path
) -> None:
    """FLOWEMF_PRICES; an argument goes before it."""
    path = tmp_path / "prices.json"
    path.write_text('{"nova": {"input": 1, "output": 1}}')
    monkeypatch.setenv("FLOWEMF_PRICES", str(path))
    make_monitor().record_generation("nova", duration_ms=1, **USED)
    assert cost_of(captured) == 0.0015
    make_monitor(prices={}).record_generation("nova", duration_ms=1, **USED)
    assert cost_of(captured) is None


@pytest.mark.parametrize(
    ("prices", "words"),
    [
        (3, "no table"),
        (["nova"], "no table"),
        ({"": {"input": 1}}, "no model"),
        ({3: {"input": 1}}, "no model"),
        ({"nova": 1}, "no price"),
        ({"nova": {}}, "has no price"),
        ({"nova": {"currency": "USD"}}, "has no price"),
        ({"nova": {"input": 1, "currency": "EUR"}}, "another currency"),
        ({"nova": {"Input": 1}}, "input, output, cache_read, cache_write, currency"),
        ({"nova": {"input": -1}}, "no price"),
        ({"nova": {"input": None}}, "no price"),
        ({"nova": {"input": True}}, "no price"),
        ({"nova": {"input": "free"}}, "no price"),
        ({"nova": {"input": (0, (1,), 0)}}, "no price"),
        ({"nova": {"input": float("nan")}}, "no price"),
        ({"nova": {"input": float("inf")}}, "no price"),
        ({"nova": {"input": "1e400"}}, "no price"),
        ({"nova": {"input": "0.0000000000001"}}, "too many decimals"),
        ("/no/such/file.json", "No such file"),
        ("", "No such file"),
    ],
)
def test_a_wrong_table_fails_at_configure(prices: Any, words: str) -> None:
    """With the model, the value and the remedy."""
    with pytest.raises(ConfigurationError, match=words) as raised:
        flowemf.configure(prices=prices)
    assert "prices" in str(raised.value)
    assert "; " in str(raised.value)


@pytest.mark.parametrize("text", ["{", "[1]", '{"nova": {"input": NaN}}', '{"nova": {"input": "x"}}', "\udcff"])
def test_a_wrong_file_is_named(text: str, tmp_path: Path) -> None:
    """Whoever reads the message finds the file."""
    path = tmp_path / "prices.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigurationError, match=r"prices\.json"):
        Monitor(prices=path)


@pytest.mark.parametrize(
    ("prices", "valid"),
    [
        ({"nova": NOVA}, True),
        ({"nova": {"input": 0.06, "output": 1, "currency": "USD"}}, True),
        ("prices.json", True),
        ({"nova": {}}, False),
        ({"nova": {"currency": "USD"}}, False),
        ({"nova": {"input": -1}}, False),
        ({"nova": {"input": "free"}}, False),
        ({"nova": {"input": 1, "currency": "EUR"}}, False),
        ({"nova": {"tokens": 1}}, False),
        ({"": NOVA}, False),
        (3, False),
    ],
)
def test_the_schema_of_the_configuration_agrees(prices: Any, valid: bool) -> None:
    """A table that a tool has checked is not told something else at the start."""
    assert validator("configuration").is_valid({"prices": prices}) is valid
    if isinstance(prices, dict) and not valid:
        with pytest.raises(ConfigurationError):
            checked_prices(prices, "prices")


def test_prices_that_nobody_gave_load_nothing(run_python: Any) -> None:
    """`decimal` and `fnmatch` are for those who use them."""
    program = (
        "import sys, os, flowemf\n"
        "flowemf.configure(sink=os.devnull)\n"
        "flowemf.record_generation('nova', duration_ms=1, input_tokens=1, output_tokens=1)\n"
        "print([name for name in ('decimal', 'fnmatch', 'flowemf._generations.prices') if name in sys.modules])"
    )
    assert run_python(program).stdout == b"[]\n"


PRICE = st.decimals(min_value=0, max_value=10_000, places=6)
COUNT = st.integers(0, 10**9)


@settings(max_examples=150)
@given(prices=st.tuples(PRICE, PRICE, PRICE, PRICE), counts=st.tuples(COUNT, COUNT, COUNT, COUNT))
def test_the_cost_is_the_float_nearest_to_the_exact_one(
    prices: tuple[Decimal, ...], counts: tuple[int, int, int, int]
) -> None:
    """Rounded once, at the end: a thousandth of a cent adds up over a million calls."""
    plain, output, read, written = counts
    kinds = ("input", "output", "cache_read", "cache_write")
    table = checked_prices({"nova": dict(zip(kinds, map(str, prices), strict=True))}, "prices")
    assert table is not None
    measured = {
        names.INPUT_TOKENS: plain + read + written,
        names.OUTPUT_TOKENS: output,
        names.CACHE_READ_TOKENS: read,
        names.CACHE_WRITE_TOKENS: written,
    }
    exact = sum(Fraction(price) * count for price, count in zip(prices, counts, strict=True)) / 1_000_000
    assert table.cost("nova", None, measured, Tally()) == float(exact)


@settings(max_examples=50)
@given(price=st.floats(0, 1000).map(lambda value: round(value, 9)))
def test_a_float_is_the_decimal_that_it_is_written_with(price: float) -> None:
    """In a dictionary, as text and in a file alike."""
    cost = [
        checked_prices({"nova": {"input": given_price}}, "prices").cost(  # type: ignore[union-attr]
            "nova", None, {names.INPUT_TOKENS: 123_457}, Tally()
        )
        for given_price in (price, repr(price), Decimal(repr(price)), json.loads(repr(price), parse_float=Decimal))
    ]
    assert set(cost) == {float(Fraction(repr(price)) * 123_457 / 1_000_000)}
