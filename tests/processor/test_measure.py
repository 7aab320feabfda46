"""Reading measurements out of documents: a defect takes what it names and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from metric_lines import NOW_MS, Point, document, documents, event, points_of, read, reasons

from flowemf_processor.model import Event, Measurement, Rejected, StatisticSet


def measured(one: dict[str, Any]) -> dict[str, Measurement]:
    """Give the measurements of a document by metric name."""
    return {measurement.name: measurement for measurement in event(one).measurements}


def points_read(one: Event) -> list[Point]:
    """List every number under every dimension set."""
    points = []
    for each in one.measurements:
        for dimensions in each.dimension_sets:
            series = (each.namespace, each.name, dimensions, each.unit, each.resolution_seconds)
            start_s = one.timestamp_ms // 1000 // each.resolution_seconds * each.resolution_seconds
            points += [(series, start_s, value, count) for value, count in each.values]
            if each.statistic_set is not None:
                statistic_set = each.statistic_set
                members = (statistic_set.count, statistic_set.total, statistic_set.minimum, statistic_set.maximum)
                points.append((series, start_s, members, 1.0))
    return points


@settings(max_examples=100)
@given(documents())
def test_every_number_of_a_good_document_is_read_once_for_each_dimension_set(one: dict[str, Any]) -> None:
    """The datapoints are those that a plain reading of the document gives."""
    read_event = event(one)
    assert read_event.findings == ()
    assert Counter(points_read(read_event)) == points_of([one])
    assert read_event.datapoints == points_of([one]).total()


@pytest.mark.parametrize(
    ("target", "values"),
    [
        (12, [(12, 1)]),
        (-0.0, [(0, 1)]),
        (2**53 + 1, [(2.0**53, 1)]),
        (2**360, [(2.0**360, 1)]),
        (5e-324, [(5e-324, 1)]),
        ([1, 1, 2], [(1, 1), (1, 1), (2, 1)]),
        ([0] * 100, [(0, 1)] * 100),
        ({"Values": [1, 2], "Counts": [0.5, 3]}, [(1, 0.5), (2, 3)]),
        ({"Values": [1], "Counts": [2], "Sum": 99, "Count": 99, "Min": 0, "Max": 9}, [(1, 2)]),
        ({"Min": 4, "Max": 4, "Sum": 12, "Count": 3}, [(4, 3)]),
        ({"Min": 1, "Max": 9, "Sum": 5, "Count": 1}, [(5, 1)]),
    ],
)
def test_a_target_gives_its_values_with_their_counts(target: Any, values: list[tuple[float, float]]) -> None:
    """Numbers, arrays, Values with Counts, and statistic sets that say what every value was."""
    measurement = measured(document({"Latency": target}))["Latency"]
    assert measurement.values == tuple((float(value), float(count)) for value, count in values)
    assert measurement.statistic_set is None


def test_a_statistic_set_that_hides_its_values_stays_one() -> None:
    """Its values are not known, so it is one datapoint of its own."""
    measurement = measured(document({"Latency": {"Min": 1, "Max": 9, "Sum": 12, "Count": 3}}))["Latency"]
    assert measurement.values == ()
    assert measurement.statistic_set == StatisticSet(count=3, total=12, minimum=1, maximum=9)
    assert measurement.datapoints == 1


DIMENSIONS = {"FlowName": "chat", "Status": "Success"}
SETS = [["FlowName", "Status"], ["FlowName"], []]
METRIC_DEFECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "missing": ("value-missing", {}),
    "text": ("value-not-a-number", {"Bad": "12"}),
    "true": ("value-not-a-number", {"Bad": True}),
    "null": ("value-not-a-number", {"Bad": None}),
    "too large": ("value-out-of-range", {"Bad": 2**361}),
    "beyond floats": ("value-out-of-range", {"Bad": -(10**400)}),
    "no values": ("values-empty", {"Bad": []}),
    "101 values": ("too-many-values", {"Bad": [1] * 101}),
    "Counts too short": ("counts-mismatch", {"Bad": {"Values": [1, 2], "Counts": [1]}}),
    "count 0": ("count-not-positive", {"Bad": {"Values": [1], "Counts": [0]}}),
    "no Sum": ("statistic-set-incomplete", {"Bad": {"Min": 1, "Max": 2, "Count": 2}}),
    "Min above Max": ("statistic-set-incoherent", {"Bad": {"Min": 3, "Max": 2, "Sum": 5, "Count": 2}}),
}


@pytest.mark.parametrize(("reason", "members"), METRIC_DEFECTS.values(), ids=METRIC_DEFECTS.keys())
def test_a_defect_of_a_metric_costs_that_metric_alone(reason: str, members: dict[str, Any]) -> None:
    """The other metrics of the directive are read under all their dimension sets."""
    one = document({"Bad": 0, "Latency": 12}, dimensions=DIMENSIONS, sets=SETS)
    del one["Bad"]
    record = read({**one, **members})
    assert isinstance(record, Event)
    assert reasons(record) == [reason]
    [measurement] = record.measurements
    assert (measurement.name, len(measurement.dimension_sets), record.datapoints) == ("Latency", 3, 3)


SET_DEFECTS: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "missing": ("dimension-value-missing", ["FlowName", "Team"], {}),
    "a number": ("dimension-value-not-a-string", ["FlowName", "Team"], {"Team": 7}),
    "too long": ("dimension-value-too-long", ["Team"], {"Team": "x" * 1025}),
    "a key twice": ("dimension-key-repeated", ["FlowName", "FlowName"], {}),
    "a set twice": ("dimension-set-repeated", ["Status", "FlowName"], {}),
}


@pytest.mark.parametrize(("reason", "keys", "members"), SET_DEFECTS.values(), ids=SET_DEFECTS.keys())
def test_a_defect_of_a_dimension_set_costs_that_set_alone(
    reason: str, keys: list[str], members: dict[str, Any]
) -> None:
    """The metrics are read under the other sets."""
    record = read({**document({"Latency": 12}, dimensions=DIMENSIONS, sets=[*SETS, keys]), **members})
    assert isinstance(record, Event)
    assert reasons(record) == [reason]
    [measurement] = record.measurements
    assert measurement.dimension_sets == (
        (("FlowName", "chat"), ("Status", "Success")),
        (("FlowName", "chat"),),
        (),
    )


def test_a_directive_without_a_usable_set_gives_nothing_and_the_other_directive_everything() -> None:
    """Indexes of findings count within their directive."""
    first = document({"Latency": 1}, sets=[["Team"]])
    second = document({"Depth": 2, "Bad": 3}, sets=[[], ["Nobody"]])
    directives = first["_aws"]["CloudWatchMetrics"] + second["_aws"]["CloudWatchMetrics"]
    both = {"_aws": {"Timestamp": NOW_MS, "CloudWatchMetrics": directives}, "Latency": 1, "Depth": 2, "Bad": "x"}
    record = read(both)
    assert isinstance(record, Event)
    assert [(each.name, each.dimension_sets) for each in record.measurements] == [("Depth", ((),))]
    assert sorted(reasons(record)) == ["dimension-value-missing"] * 2 + ["value-not-a-number"]


def test_a_line_of_which_nothing_is_left_is_rejected() -> None:
    """All metrics lost, or all dimension sets."""
    assert isinstance(read(document({"Latency": "12"})), Rejected)
    assert isinstance(read(document({"Latency": 12}, sets=[["Team"]])), Rejected)


def test_a_line_that_defines_no_metric_is_a_metric_line_with_a_note() -> None:
    """There is nothing wrong with it, and nothing in it."""
    record = read(document({}))
    assert isinstance(record, Event)
    assert (reasons(record), record.datapoints) == (["metrics-empty"], 0)


def test_an_empty_dimension_value_rejects_the_line() -> None:
    """CloudWatch would silently publish the metrics without any dimension."""
    assert isinstance(read(document({"Latency": 12}, dimensions={"Team": ""}, sets=[["Team"], []])), Rejected)


def test_a_wrong_storage_resolution_costs_its_metric_alone() -> None:
    """Only 1 and 60 are known; 1.0 is 1."""
    one = document({"Latency": 12, "Depth": 1}, resolution=7)
    one["_aws"]["CloudWatchMetrics"][0]["Metrics"][1]["StorageResolution"] = 1.0
    record = read(one)
    assert isinstance(record, Event)
    assert reasons(record) == ["storage-resolution-invalid"]
    assert [(each.name, each.resolution_seconds) for each in record.measurements] == [("Depth", 1)]


def test_a_metric_may_be_called_like_a_dimension_key_of_another_directive() -> None:
    """One member at the root cannot be both: the number is no dimension, and the dimension no number."""
    record = read(document({"Team": 3, "Latency": 1}, sets=[["Team"], []]))
    assert isinstance(record, Event)
    assert reasons(record) == ["dimension-value-not-a-string"]
    assert [(each.name, each.dimension_sets) for each in record.measurements] == [("Team", ((),)), ("Latency", ((),))]
