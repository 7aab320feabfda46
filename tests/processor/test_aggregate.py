"""Gathering values into series and periods, and planning requests of them: no number is lost, made or changed."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import NOW_MS, document, documents, event, merged, points_of

from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.model import Aggregate, Batch, Series, StatisticSet, Tally
from flowemf_schemas import limits
from flowemf_schemas.request_rules import examine_metric_request


def gather(several: Iterable[dict[str, Any]]) -> list[Aggregate]:
    """Aggregate documents in one epoch."""
    aggregator = Aggregator()
    for one in several:
        aggregator.add(event(one))
    return list(aggregator.close())


def points_gathered(aggregates: Iterable[Aggregate]) -> Counter[Any]:
    """List the numbers of aggregates."""
    points: Counter[Any] = Counter()
    for each in aggregates:
        series = (
            each.series.namespace,
            each.series.name,
            each.series.dimensions,
            each.series.unit,
            each.series.resolution_seconds,
        )
        for value, tally in each.values:
            points[series, each.period_start_s, value, tally.count] += 1
        for one in each.statistic_sets:
            points[series, each.period_start_s, (one.count, one.total, one.minimum, one.maximum), 1.0] += 1
    return points


def points_planned(batches: Iterable[Batch]) -> Counter[Any]:
    """List the numbers of requests."""
    points: Counter[Any] = Counter()
    for batch in batches:
        for datum in batch.request["MetricData"]:
            pairs = tuple((each["Name"], each["Value"]) for each in datum.get("Dimensions", ()))
            resolution = datum.get("StorageResolution", 60)
            series = (batch.request["Namespace"], datum["MetricName"], pairs, datum["Unit"], resolution)
            for value, count in zip(datum.get("Values", ()), datum.get("Counts", ()), strict=True):
                points[series, datum["Timestamp"], value, count] += 1
            if "StatisticValues" in datum:
                one = datum["StatisticValues"]
                members = (one["SampleCount"], one["Sum"], one["Minimum"], one["Maximum"])
                points[series, datum["Timestamp"], members, 1.0] += 1
    return points


def planned_of(aggregates: Iterable[Aggregate]) -> list[Batch]:
    """Plan, and hold every request to every limit of the service."""
    batches = list(plan(aggregates))
    for batch in batches:
        assert examine_metric_request(batch.request) == []
    return batches


# --- Any documents ----------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.lists(documents(), max_size=8), st.randoms(use_true_random=False))
def test_the_numbers_that_are_sent_are_the_numbers_that_were_read(several: list[dict[str, Any]], random: Any) -> None:
    """The multiset of (series, period, value, count) is the same in the lines, the aggregates and the requests."""
    expected = merged(points_of(several))
    shuffled = list(several)
    random.shuffle(shuffled)
    aggregates = gather(shuffled)
    batches = planned_of(aggregates)
    assert merged(points_gathered(aggregates)) == expected
    assert merged(points_planned(batches)) == expected
    assert sum(each.datapoints for each in aggregates) == points_of(several).total()
    assert sum(batch.datapoints for batch in batches) == points_of(several).total()


@settings(max_examples=40)
@given(st.lists(documents(), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_the_lines_does_not_show(several: list[dict[str, Any]], random: Any) -> None:
    """The same lines in another order give the same values with the same counts, to the last bit."""
    shuffled = list(several)
    random.shuffle(shuffled)
    assert points_gathered(gather(shuffled)) == points_gathered(gather(several))


@settings(max_examples=40)
@given(st.lists(documents(), max_size=8), st.data())
def test_epochs_may_end_anywhere(several: list[dict[str, Any]], data: st.DataObject) -> None:
    """However the lines are divided, they give the same numbers; fractions of counts may be rounded."""
    cut = data.draw(st.integers(0, len(several)))
    parts = points_gathered(gather(several[:cut])) + points_gathered(gather(several[cut:]))
    expected, found = merged(points_of(several)), merged(parts)
    assert found.keys() == expected.keys()
    assert all(math.isclose(found[key], expected[key], rel_tol=1e-15) for key in expected)


def test_closing_an_epoch_begins_another_one() -> None:
    """Nothing stays behind."""
    aggregator = Aggregator()
    aggregator.add(event(document({"Latency": [1, 2]}, sets=[[]])))
    assert aggregator.datapoints == 2
    assert len(aggregator.close()) == 1
    assert (aggregator.datapoints, list(aggregator.close())) == (0, [])


# --- Periods and series -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timestamp_ms", "resolution", "start_s"),
    [
        (119_999, 60, 60),
        (120_000, 60, 120),
        (119_999, 1, 119),
        (0, 60, 0),
        (999, 1, 0),
        (limits.TIMESTAMP_MS, 1, limits.TIMESTAMP_MS // 1000),
        (limits.TIMESTAMP_MS, 60, 253_402_300_740),
    ],
)
def test_a_period_begins_at_the_minute_or_at_the_second(timestamp_ms: int, resolution: int, start_s: int) -> None:
    """Storage resolution 1 keeps seconds, 60 keeps minutes; nothing is rounded up."""
    [aggregate] = gather([document({"Latency": 1}, timestamp_ms=timestamp_ms, resolution=resolution)])
    assert aggregate.period_start_s == start_s


def test_units_and_resolutions_are_kept_apart_and_order_of_dimensions_is_not() -> None:
    """A series is what CloudWatch keeps apart."""
    pair, reversed_pair = {"A": "1", "B": "2"}, {"B": "2", "A": "1"}
    several = [
        document({"Latency": 1}, dimensions=pair),
        document({"Latency": 2}, dimensions=reversed_pair),
        document({"Latency": 3}, dimensions=pair, unit="Seconds"),
        document({"Latency": 4}, dimensions=pair, resolution=1),
        document({"Latency": 5}, dimensions=pair, namespace="Other"),
        document({"Latency": 6}, dimensions={"A": "1"}),
    ]
    assert sorted([value for value, _ in each.values] for each in gather(several)) == [[1, 2], [3], [4], [5], [6]]


def test_a_series_in_two_directives_of_one_line_counts_twice() -> None:
    """A datapoint is one value under one dimension set of one directive, as CloudWatch extracts it."""
    twice = document({"Latency": 7})
    twice["_aws"]["CloudWatchMetrics"] *= 2
    [aggregate] = gather([twice])
    assert aggregate.values == ((7.0, Tally(count=2.0, datapoints=2)),)


def test_fractions_of_counts_are_added_exactly() -> None:
    """Ten tenths are one, in any order."""
    tenth = document({"Latency": {"Values": [5], "Counts": [0.1]}})
    [aggregate] = gather([tenth] * 10)
    assert aggregate.values == ((5.0, Tally(count=1.0, datapoints=10)),)


def test_statistic_sets_are_not_merged_with_anything() -> None:
    """To merge them would lose the percentiles of the values beside them."""
    wide = {"Min": 1, "Max": 3, "Sum": 4, "Count": 2}
    [aggregate] = gather([document({"Latency": target}) for target in (wide, 2, wide)])
    assert aggregate.values == ((2.0, Tally(1.0, 1)),)
    assert aggregate.statistic_sets == (StatisticSet(2, 4, 1, 3),) * 2
    assert aggregate.datapoints == 3


# --- Requests ---------------------------------------------------------------------------------------------------------


def aggregate_of(
    values: Iterable[float] = (1.0,), *, name: str = "m", namespace: str = "App", dimensions: Any = ()
) -> Aggregate:
    """Make an aggregate in which each value occurred once."""
    series = Series(namespace, name, tuple(dimensions), "Count", 60)
    return Aggregate(series, NOW_MS // 60_000 * 60, tuple((value, Tally(1.0, 1)) for value in sorted(values)))


@pytest.mark.parametrize(
    ("aggregates", "datums"), [(999, [999]), (1000, [1000]), (1001, [1000, 1]), (2000, [1000] * 2)]
)
def test_a_request_holds_at_most_a_thousand_datums(aggregates: int, datums: list[int]) -> None:
    """Exactly 1,000 fit; one more begins another request."""
    batches = planned_of(aggregate_of(name=f"m{number:04}") for number in range(aggregates))
    assert [len(batch.request["MetricData"]) for batch in batches] == datums
    assert [batch.datapoints for batch in batches] == datums


@pytest.mark.parametrize(("values", "sizes"), [(149, [149]), (150, [150]), (151, [150, 1]), (300, [150, 150])])
def test_a_datum_holds_at_most_a_hundred_and_fifty_values(values: int, sizes: list[int]) -> None:
    """Exactly 150 fit; one more begins another datum of the same series and period."""
    [batch] = planned_of([aggregate_of(map(float, range(values)))])
    assert [len(datum["Values"]) for datum in batch.request["MetricData"]] == sizes
    assert batch.datapoints == values
    assert len({json.dumps([datum["MetricName"], datum["Timestamp"]]) for datum in batch.request["MetricData"]}) == 1


def test_requests_stay_below_a_megabyte_and_use_it() -> None:
    """With dimensions of 30 KB, what limits a request is its size; no request could have taken the next datum."""
    dimensions = tuple((f"key{number:02}", "v" * 1024) for number in range(30))
    batches = planned_of(aggregate_of(name=f"m{number:03}", dimensions=dimensions) for number in range(100))
    sizes = [len(batch.body) for batch in batches]
    assert all(size <= limits.REQUEST_BYTES for size in sizes)
    datum_bytes = len(json.dumps(batches[0].request["MetricData"][0], separators=(",", ":")))
    assert all(size + datum_bytes + 1 > limits.REQUEST_BYTES for size in sizes[:-1])
    assert sum(len(batch.request["MetricData"]) for batch in batches) == 100


def test_a_request_of_exactly_a_megabyte_is_one_request_and_one_byte_more_makes_two() -> None:
    """The limit is measured on the JSON that is sent."""

    def planned_with(last_value_length: int) -> list[Batch]:
        full = tuple((f"key{number:06}", "v" * 1024) for number in range(30))
        last = (*full[:-1], ("key000029", "v" * last_value_length))
        names = [f"m{number:03}" for number in range(33)]
        return planned_of(aggregate_of(name=name, dimensions=last if name == names[-1] else full) for name in names)

    shortest = sum(len(batch.body) for batch in planned_with(1))
    missing = limits.REQUEST_BYTES - shortest + 1
    if not 1 <= missing <= 1024:  # pragma: no cover - the arrangement above has to be chosen anew
        pytest.fail(f"choose another number of metrics: {missing} bytes are missing")
    [whole] = planned_with(missing)
    assert len(whole.body) == limits.REQUEST_BYTES
    assert len(planned_with(missing + 1)) == 2


def test_a_namespace_has_requests_of_its_own() -> None:
    """PutMetricData takes one namespace a request; together they are as few as the namespaces allow."""
    several = [aggregate_of(namespace=namespace, name=name) for namespace in "AB" for name in "xyz"]
    assert [(batch.request["Namespace"], len(batch.request["MetricData"])) for batch in planned_of(several)] == [
        ("A", 3),
        ("B", 3),
    ]


def test_nothing_to_send_is_no_request() -> None:
    """An epoch of ordinary lines plans nothing."""
    assert list(plan([])) == []


def test_whole_numbers_are_written_without_a_fraction_and_remain_the_same_numbers() -> None:
    """Shorter requests, equal values."""
    values = [-0.0, 1.0, 0.1, 2.0**53, -(2.0**53) + 1, 5e-324, 2.0**360]
    [batch] = planned_of([aggregate_of(values)])
    sent = json.loads(json.dumps(batch.request["MetricData"][0]["Values"]))
    assert sent == sorted(values)
    assert [type(value) for value in sent if value == 1] == [int]
