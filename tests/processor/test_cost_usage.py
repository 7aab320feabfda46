"""What is counted for a bill, and how a bill is made of it: tables of small logs and prices."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_lines import NOW_MS, document, event

from flowemf_processor.core.insight.cost import Terms, billed_metrics, bills, dimension_sets, dimensions, months_per_log
from flowemf_processor.core.insight.cost_prices import Prices, Tariff
from flowemf_processor.core.insight.usage import Usage, UsageCounter

ONE = Tariff(0, ((math.inf, 1.0),))
PRICES = Prices("2030-01", "here", "EUR", "a leaflet", 730, 1000, ONE, ONE, ONE)
TERMS = Terms(PRICES, None)
METRICS = Tariff(10, ((10_000, 0.30), (250_000, 0.10), (1_000_000, 0.05), (math.inf, 0.02)))
HOUR_MS = 3_600_000


def usage_of(documents: Iterable[Mapping[str, Any]], **bounds: int) -> Usage:
    """Count documents."""
    counter = UsageCounter(**bounds)
    for each in documents:
        counter.add(replace(event(each), text=json.dumps(each, separators=(",", ":")).encode()))
    usage = counter.close()
    assert usage is not None
    return usage


@pytest.mark.parametrize(
    ("metrics", "free_tier", "charge"),
    [
        (0, True, 0),
        (10, True, 0),
        (11, True, 0.30),
        (11, False, 3.30),
        (10_000, False, 3000),
        (10_001, False, 3000.10),
        (250_000, False, 27_000),
        (1_000_000, False, 64_500),
        (1_000_001, False, 64_500.02),
        (1_000_000, True, 64_497),
    ],
)
def test_each_tier_has_its_price(metrics: int, free_tier: bool, charge: float) -> None:
    """At each end of a tier and one beyond it; the free units are the first ones."""
    assert METRICS.charge(metrics, free_tier=free_tier) == pytest.approx(charge)


@given(st.floats(0, 2e6), st.floats(0, 2e6))
def test_more_never_costs_less(one: float, other: float) -> None:
    """Whatever the tiers."""
    assert METRICS.charge(min(one, other)) <= METRICS.charge(max(one, other))


def test_units_make_no_metrics_and_sets_do() -> None:
    """One name under two sets is two metrics; in another unit it is the same."""
    flow = {"FlowName": "a"}
    usage = usage_of(
        [
            document({"M": 1}, dimensions=flow, sets=[["FlowName"], []]),
            document({"M": 1}, dimensions=flow, sets=[["FlowName"], []], unit="Bytes"),
        ]
    )
    assert len(usage.hours_of) == 2
    assert usage.datapoints == 4


def test_a_dimension_saves_the_metrics_that_fall_together_without_it() -> None:
    """Three builds of one flow are one metric without the build, and the roll-up it falls together with."""
    usage = usage_of(
        document({"M": 1}, dimensions={"Build": build, "FlowName": "a"}, sets=[["Build", "FlowName"], ["FlowName"]])
        for build in "123"
    )
    build, flow = dimensions(usage, TERMS)
    assert (build.key, build.values, build.metrics, build.saved_metrics, build.saves) == ("Build", 3, 3, 3, 3.0)
    assert (flow.key, flow.saved_metrics) == ("FlowName", 0)
    full, rollup = dimension_sets(usage, TERMS)
    assert (full.keys, full.metrics, full.rollups, full.saves) == (("Build", "FlowName"), 3, 0, 0)
    assert (rollup.keys, rollup.metrics, rollup.rollups, rollup.saves) == (("FlowName",), 1, 1, 1.0)


def test_a_metric_is_billed_for_the_hours_in_which_it_is_sent_once_a_log_shows_a_day() -> None:
    """Sent in one hour of 25: a twenty-fifth of a metric. In a shorter log it counts as one."""
    day = [document({"Always": 1}, timestamp_ms=NOW_MS + hour * HOUR_MS) for hour in range(25)]
    usage = usage_of([*day, document({"Once": 1})])
    assert billed_metrics(usage.hours_of, usage) == pytest.approx(1 + 1 / 25)
    short = usage_of([*day[:24], document({"Once": 1})])
    assert billed_metrics(short.hours_of, short) == 2


def test_requests_follow_lines_minutes_and_logs() -> None:
    """Three lines, two of them in one minute, of two namespaces."""
    usage = usage_of(
        [
            document({"M": 1}),
            document({"M": 2}),
            document({"M": 3}, timestamp_ms=NOW_MS + 60_000, namespace="Other"),
            document({"M": 4}, timestamp_ms=NOW_MS + 120_000),
        ]
    )
    counts = usage.requests
    assert (counts.line_by_line, counts.each_minute, counts.at_once) == (4, 3, 2)


def test_merged_lines_are_as_long_as_if_they_were_written() -> None:
    """A hundred values to a line, the rest in another; here written out and measured."""
    values = [index + 0.5 for index in range(101)]
    usage = usage_of(document({"M": value}, dimensions={"FlowName": "a"}) for value in values)
    whole = document({"M": values[:100]}, dimensions={"FlowName": "a"})
    last = document({"M": values[100]}, dimensions={"FlowName": "a"})
    size_bytes = sum(len(json.dumps(each, separators=(",", ":"))) + 26 for each in (whole, last))
    assert (usage.merged.lines, usage.merged.size_bytes) == (2, size_bytes)


@pytest.mark.parametrize(
    "other",
    [
        document({"M": 1}, timestamp_ms=NOW_MS + 60_000),
        document({"M": [1, 2]}),
        document({"M": {"Values": [1], "Counts": [2]}}),
        document({"M": 1}, unit="Bytes"),
        document({"M": 1}, namespace="Other"),
        document({"M": 1}, dimensions={"FlowName": "a"}),
    ],
)
def test_what_differs_is_not_merged(other: dict[str, Any]) -> None:
    """Time, values of its own, unit, namespace, dimensions."""
    assert usage_of([document({"M": 1}), other]).merged.lines == 2


@pytest.mark.parametrize("most_groups", [1, 7, 1000])
def test_however_little_is_held_at_once_only_what_is_planned_together_changes(most_groups: int) -> None:
    """Metrics, lines and datapoints are those of the log; what is cut apart makes more requests and lines."""
    several = [
        document({"M": number}, dimensions={"FlowName": f"f{number % 5}"}, timestamp_ms=NOW_MS + number * 61_000)
        for number in range(60)
    ]
    whole, cut = usage_of(several), usage_of(several, most_groups=most_groups)
    assert (cut.hours_of, cut.written, cut.datapoints) == (whole.hours_of, whole.written, whole.datapoints)
    assert cut.requests.line_by_line == whole.requests.line_by_line
    assert (whole.requests.at_once, whole.merged.lines) == (1, 60)
    assert cut.requests.at_once == math.ceil(60 / most_groups)
    assert cut.requests.each_minute >= whole.requests.each_minute
    assert cut.merged.lines >= whole.merged.lines


def test_merged_lines_that_are_counted_early_hold_what_came_by_then() -> None:
    """Ten lines of one kind: one merged line where all are held, ten where none is."""
    several = [document({"M": number}) for number in range(10)]
    assert [usage_of(several, most_groups=most).merged.lines for most in (1, 2, 100)] == [10, 1, 1]


def test_bills_of_a_log_without_a_length_are_those_of_the_log() -> None:
    """Nothing is multiplied then."""
    usage = usage_of([document({"M": 1})])
    assert months_per_log(usage, PRICES) is None
    assert months_per_log(usage, PRICES, 73.0) == 10
    assert [bill.requests for bill in bills(usage, TERMS)] == [0, 0, 1, 1, 1]
    assert [bill.log_bytes for bill in bills(usage, TERMS)][:2] == [usage.written.size_bytes] * 2
