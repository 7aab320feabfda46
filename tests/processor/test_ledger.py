"""The account of a run: it balances, and its schema describes it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import document, event, read

from flowemf_processor.core.ledger import DestinationAccount, Ledger
from flowemf_processor.model import Batch, Detour, Outcome, State
from flowemf_schemas.ledger_rules import examine_ledger

records = st.sampled_from(
    [
        read(document({"Latency": [1, 2, 3]}, sets=[["A"], []])),
        read(document({"Latency": [1, 2]}, dimensions={"A": "x"}, sets=[["A"], []])),
        read(document({"Latency": "12"})),
        read(document({})),
        read("INFO"),
        read("{", terminated=False),
    ]
)
outcomes = st.sampled_from(
    [Outcome(State.ACCEPTED), Outcome(State.REFUSED, "x"), Outcome(State.PENDING, "y"), Outcome(State.AMBIGUOUS, "z")]
)


def count_batches(ledger: Ledger, settled: list[tuple[int, Outcome]], refused: int) -> None:
    """Account for batches of one destination as the pipeline does."""
    account = ledger.open_destination("metrics")
    for datapoints, outcome in settled:
        account.extracted += datapoints
        account.settle(Batch(b"{}", (datapoints,)), outcome)
    if refused:
        account.extracted += refused
        account.refuse("too-old", refused)


@settings(max_examples=100)
@given(st.lists(records, max_size=20), st.lists(st.tuples(st.integers(0, 50), outcomes), max_size=9), st.integers(0, 9))
def test_whatever_happens_the_ledger_balances(
    several: list[Any], settled: list[tuple[int, Outcome]], refused: int
) -> None:
    """Its JSON has the shape of the schema, and the sums come out."""
    ledger = Ledger()
    ledger.open_source("a.log")
    for record in several:
        ledger.count(record)
    count_batches(ledger, settled, refused)
    account = ledger.as_json()
    assert examine_ledger(account) == []
    assert account["records"]["total"] == len(several)
    assert account["destinations"][0]["requests"]["planned"] == len(settled)


def test_an_empty_run_has_a_ledger_too() -> None:
    """Nothing was read and nothing sent."""
    assert examine_ledger(Ledger().as_json()) == []


def test_each_source_and_each_destination_has_an_account_of_its_own() -> None:
    """What is counted in the one that was opened last appears there, and in no other."""
    ledger = Ledger()
    for number in (1, 2):
        ledger.open_source(f"{number}.log").lines = number
        ledger.open_destination(f"to {number}").extracted = 10 * number
    account = ledger.as_json()
    assert [(each["name"], each["lines"]) for each in account["sources"]] == [("1.log", 1), ("2.log", 2)]
    assert [each["datapoints"]["extracted"] for each in account["destinations"]] == [10, 20]
    assert account["lines"] == 3


def test_a_value_counts_once_whatever_its_dimension_sets_and_directives() -> None:
    """Three numbers are three values, under however many series CloudWatch keeps them."""
    one = document({"Latency": [1, 2, 3], "Depth": {"Min": 1, "Max": 2, "Sum": 3, "Count": 2}}, sets=[["A"], []])
    one["A"] = "x"
    one["_aws"]["CloudWatchMetrics"].append({"Namespace": "App", "Dimensions": [[]], "Metrics": [{"Name": "Latency"}]})
    ledger = Ledger()
    ledger.count(event(one))
    assert ledger.as_json()["values"] == 4
    assert event(one).datapoints == 3 * 3 + 2


def test_reasons_are_counted_for_records_that_were_used_in_part_too() -> None:
    """A finding is never lost in a good record."""
    ledger = Ledger()
    ledger.count(read(document({"Latency": 1, "Depth": "1"})))
    ledger.count(read(document({"Latency": 1, "Depth": "1"})))
    ledger.count(read("{", terminated=False))
    account = ledger.as_json()
    assert account["reasons"] == {"line-incomplete": 1, "value-not-a-number": 2}
    assert account["records"] == {
        "total": 3, "metric": 2, "other": 0, "rejected": 0, "duplicate": 0, "incomplete": 1,
    }  # fmt: skip


def test_what_became_of_a_request_is_counted_by_reason_and_by_road() -> None:
    """What was refused has its reason; what was taken has its road, without the part that was left out."""
    account = DestinationAccount("cloudwatch", extracted=20)
    account.settle(Batch(b"{}", (7,)), Outcome(State.ACCEPTED, left_out=(("too-old", 2),), road="logs"))
    account.settle(Batch(b"{}", (4,)), Outcome(State.REFUSED, "bad-datum", road="metrics"))
    account.settle(Batch(b"{}", (9,)), Outcome(State.PENDING, "throttled"))
    assert account.reasons == {"too-old": 2, "bad-datum": 4, "throttled": 9}
    assert account.roads == {"logs": 5}
    assert account.datapoints == {State.ACCEPTED: 5, State.REFUSED: 6, State.PENDING: 9}
    assert account.requests == {State.ACCEPTED: 1, State.REFUSED: 1, State.PENDING: 1}


@pytest.mark.parametrize("state", [State.ACCEPTED, State.REFUSED])
def test_a_request_that_goes_another_way_is_counted_once(state: State) -> None:
    """What the first road has taken, or refused, is counted there; the rest when it is settled."""
    account = DestinationAccount("cloudwatch", extracted=10)
    detour = Detour(batches=(Batch(b"{}", (3,)),), refused=(("too-old", 1),))
    account.redirect(Batch(b"{}", (10,)), Outcome(state, road="logs"), detour)
    taken = 10 - detour.datapoints
    assert account.requests == {state: 1}
    assert account.datapoints == {State.ACCEPTED: taken, State.REFUSED: 1}
    assert account.roads == {"logs": taken}
    assert account.reasons == {"too-old": 1}


def test_a_request_that_goes_another_way_as_a_whole_has_taken_nothing_on_the_first_road() -> None:
    """Neither a road nor a reason appears for no datapoints at all."""
    account = DestinationAccount("cloudwatch", extracted=3)
    account.redirect(Batch(b"{}", (3,)), Outcome(State.PENDING, road="logs"), Detour(batches=(Batch(b"{}", (3,)),)))
    assert account.requests == {State.REFUSED: 1}
    assert account.roads == {}
    assert account.reasons == {}


@pytest.mark.parametrize("state", [State.PENDING, State.AMBIGUOUS])
def test_a_request_that_is_left_counts_by_what_is_known_of_it(state: State) -> None:
    """One of lines without a metric has no datapoints, and so no reason."""
    account = DestinationAccount("cloudwatch", extracted=5)
    account.leave(5, "not-tried", state)
    account.leave(0, "interrupted", state)
    assert account.requests == {state: 2}
    assert account.datapoints == {state: 5}
    assert account.reasons == {"not-tried": 5}
