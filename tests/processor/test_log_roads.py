"""Reasons about roads, and sends lines the other way without losing or doubling a number."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import NOW_MS, document, documents, event, points_of

from flowemf_processor.core.log_batches import LogEvent, LogStream, plan
from flowemf_processor.core.roads import (
    MOST_SERIES,
    Expectation,
    Found,
    GroupFacts,
    closes_extraction,
    detour,
    road_for,
)
from flowemf_processor.model import Batch, Outcome, State
from flowemf_schemas.request_rules import examine_metric_request

GROUP = "/chat/app"


@pytest.mark.parametrize(
    ("facts", "road", "because"),
    [
        (GroupFacts(GROUP, Found.THERE, "STANDARD"), "PutLogEvents", "keeps events for ever"),
        (GroupFacts(GROUP, Found.THERE, "STANDARD", 3), "PutLogEvents", "for 3 days"),
        (GroupFacts(GROUP, Found.THERE, "INFREQUENT_ACCESS"), "PutMetricData", "INFREQUENT_ACCESS"),
        (GroupFacts(GROUP, Found.THERE, "DELIVERY"), "PutMetricData", "DELIVERY"),
        (
            GroupFacts(GROUP, Found.MISSING, said="none in eu-west-1"),
            "PutMetricData",
            "there is no log group /chat/app (none in eu-west-1)",
        ),
        (GroupFacts(GROUP, Found.FORBIDDEN, said="AccessDenied"), "PutMetricData", "may not be used (AccessDenied)"),
        (GroupFacts(GROUP, Found.UNREACHABLE, said="no route"), "PutMetricData", "cannot be reached (no route)"),
    ],
)
def test_the_road_follows_from_the_facts(facts: GroupFacts, road: str, because: str) -> None:
    """Extraction only where it is known to work; the reason names the fact."""
    chosen = road_for(facts)
    assert chosen.name == road
    assert because in chosen.because


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("outcome", "closes_first", "closes_later"),
    [
        (Outcome(State.PENDING, "access-denied"), True, True),
        (Outcome(State.PENDING, "no-log-group"), True, True),
        (Outcome(State.PENDING, "unreachable"), True, False),
        (Outcome(State.PENDING, "throttled"), False, False),
        (Outcome(State.AMBIGUOUS, "no-answer"), False, False),
        (Outcome(State.AMBIGUOUS, "access-denied"), False, False),
        (Outcome(State.PENDING, "access-denied", sent_again=1), False, False),
        (Outcome(State.REFUSED, "InvalidParameterException"), False, False),
        (Outcome(State.ACCEPTED), False, False),
    ],
)
def test_only_a_definite_no_closes_the_road(
    outcome: Outcome, closes_first: bool, closes_later: bool, is_first: bool
) -> None:
    """What may have been taken stays on its road; an endpoint that was reached before will be back."""
    assert closes_extraction(outcome, is_first=is_first) is (closes_first if is_first else closes_later)


def request_of(several: list[dict[str, Any]]) -> Batch:
    """Plan one request of documents."""
    lines = [LogEvent(NOW_MS, json.dumps(each).encode(), event(each).datapoints) for each in several]
    [batch] = plan(LogStream(GROUP, "s"), lines)
    return batch


@given(st.lists(documents(), min_size=1, max_size=5))
@settings(max_examples=60)
def test_a_detour_carries_exactly_what_was_not_taken(several: list[dict[str, Any]]) -> None:
    """Its datapoints are those of the events, no more and no fewer, in requests inside every limit."""
    batch = request_of(several)
    chosen = [index for index in range(len(several)) if index % 2 == 0]
    other = detour(batch, chosen, now_ms=NOW_MS)
    assert not [problem for each in other.batches for problem in examine_metric_request(each.request)]
    assert other.datapoints == sum(batch.parts[index] for index in chosen)
    wanted = points_of(several[index] for index in chosen)
    assert sum(wanted.values()) == other.datapoints - sum(count for _, count in other.refused)


def test_what_the_other_road_refuses_too_is_said() -> None:
    """A dimension that PutMetricData does not take."""
    batch = request_of([document({"M": 1}, dimensions={"City": "Zürich"}), document({"M": 2})])
    other = detour(batch, [0, 1], now_ms=NOW_MS)
    assert other.refused == (("dimension-not-ascii", 1),)
    assert [each.datapoints for each in other.batches] == [1]


def mixed_request() -> Batch:
    """Plan a request of a line without metrics between two that have some."""
    lines = [
        json.dumps(document({"Depth": 2})),
        "no metric, though it says CloudWatchMetrics",
        json.dumps(document({"Depth": 3})),
    ]
    [batch] = plan(
        LogStream(GROUP, "s"), [LogEvent(NOW_MS + place, each.encode(), 0) for place, each in enumerate(lines)]
    )
    return batch


def test_a_line_without_metrics_takes_no_other_road() -> None:
    """There is nothing in it that PutMetricData could bring."""
    assert detour(mixed_request(), [1], now_ms=NOW_MS).batches == ()
    assert detour(mixed_request(), [0, 1], now_ms=NOW_MS).datapoints == 1


@pytest.mark.parametrize(("left_out", "samples"), [((), 2), ((1,), 2), ((0,), 1), ((0, 1, 2), 0)])
def test_what_was_taken_is_expected_and_nothing_else(left_out: tuple[int, ...], samples: int) -> None:
    """A line without metrics is expected nowhere; nor is one that the service left out."""
    expectation = Expectation()
    expectation.take(mixed_request(), left_out)
    assert sum(each.samples for each in expectation.all) == samples
    for each in expectation.all:
        assert (each.first_ms, each.last_ms) == (NOW_MS + 2 * (0 in left_out), NOW_MS + 2)


@pytest.mark.parametrize("beyond", [0, 1])
def test_no_more_series_are_expected_than_one_question_asks_for(beyond: int) -> None:
    """At the limit and one beyond it; what is left away is told."""
    expectation = Expectation()
    several = [document({"Depth": 1}, dimensions={"Queue": str(number)}) for number in range(MOST_SERIES + beyond)]
    expectation.take(request_of(several), ())
    assert len(expectation.all) == MOST_SERIES
    assert expectation.is_partial is bool(beyond)
