"""What log lines are in Prometheus: names by its rules, and each number of the log in one series."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import document, event
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from flowemf_processor.checkpoints import Checkpoints
from flowemf_processor.core.prometheus import BUCKETS_SECONDS, Kind, family_of, label_of
from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.model import Mark
from flowemf_processor.sinks.prometheus import PassingSums, PrometheusStore
from flowemf_schemas import units


def shown(store: PrometheusStore) -> dict[str, float]:
    """Scrape a store as Prometheus does, in both of its formats, which must say the same."""
    registry = CollectorRegistry()
    registry.register(store)
    plain = [
        each for family in text_string_to_metric_families(generate_latest(registry).decode()) for each in family.samples
    ]
    open_metrics = parse_openmetrics(generate_openmetrics(registry).decode())
    assert {_text(each): each.value for family in open_metrics for each in family.samples} == {
        _text(each): each.value for each in plain
    }
    return {_text(each): each.value for each in plain if not each.name.endswith("_bucket")}


def _text(sample: Sample) -> str:
    return " ".join((sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()))))


def store(*documents: Mapping[str, Any], max_series: int = 100) -> tuple[PrometheusStore, dict[str, int]]:
    """Add documents up; give the store and what it refused."""
    added = PrometheusStore(PassingSums(), max_series=max_series)
    return added, dict(added.store([event(each) for each in documents], []))


@pytest.mark.parametrize(
    ("namespace", "name", "unit", "expected", "kind"),
    [
        ("MyApp/GenKit", "FlowDuration", "Milliseconds", "my_app_gen_kit_flow_duration_seconds", Kind.HISTOGRAM),
        ("MyApp", "wait_seconds", "Seconds", "my_app_wait_seconds", Kind.HISTOGRAM),
        ("MyApp", "TTFBTime", "Microseconds", "my_app_ttfb_time_seconds", Kind.HISTOGRAM),
        ("MyApp", "TokensUsed", "Count", "my_app_tokens_used", Kind.COUNTER),
        ("MyApp", "errors_total", "Count", "my_app_errors", Kind.COUNTER),
        ("MyApp", "Size", "Kilobytes", "my_app_size_bytes", Kind.SUMMARY),
        ("MyApp", "Rate", "Megabits/Second", "my_app_rate_bits_per_second", Kind.SUMMARY),
        ("MyApp", "Rate", "Count/Second", "my_app_rate_per_second", Kind.SUMMARY),
        ("MyApp", "Load", "Percent", "my_app_load_percent", Kind.SUMMARY),
        ("MyApp", "Depth", "None", "my_app_depth", Kind.SUMMARY),
        ("1st", "x y", "None", "_1st_x_y", Kind.SUMMARY),
        ("Ä", "ö", "None", "_", Kind.SUMMARY),
    ],
)
def test_names_follow_the_rules_of_prometheus(namespace: str, name: str, unit: str, expected: str, kind: Kind) -> None:
    """Snake case, the base unit at the end; counters get their _total when they are shown."""
    family = family_of(namespace, name, unit)
    assert (family.name, family.kind) == (expected, kind)


@pytest.mark.parametrize("unit", units.UNITS)
def test_every_unit_has_a_family(unit: str) -> None:
    """Whatever CloudWatch knows."""
    assert family_of("A", "b", unit).in_base_unit(1.0) > 0


@settings(max_examples=100)
@given(st.text(min_size=1))
def test_every_dimension_has_a_label(key: str) -> None:
    """A name that Prometheus takes, and that is not reserved."""
    label = label_of(key)
    assert label.isascii()
    assert label.isidentifier()
    assert not label.startswith("__")
    assert label not in ("le", "quantile")


def test_roll_ups_are_not_counted_beside_what_they_roll_up() -> None:
    """A number is published under three dimension sets and stands in one series; a sum over all of them is right."""
    dimensions = {"FlowName": "chat", "Status": "Success"}
    added, refused = store(
        *[document({"Done": 2}, dimensions=dimensions, sets=[["FlowName", "Status"], ["FlowName"], []])] * 3,
        document({"Done": 1}, dimensions={"FlowName": "search"}, sets=[["FlowName"], []]),
    )
    assert shown(added) == {
        "app_done_total flow_name=chat status=Success": 6,
        "app_done_total flow_name=search": 1,
    }
    assert refused == {}


def test_sets_that_are_published_side_by_side_become_one_series() -> None:
    """Either of them follows by a query; the number is counted once."""
    added, _ = store(document({"Done": 2}, dimensions={"A": "x", "B": "y"}, sets=[["A"], ["B"]]))
    assert shown(added) == {"app_done_total a=x b=y": 2}


def test_durations_are_histograms_in_seconds() -> None:
    """Bounds belong to their bucket; what is longer than all of them falls into the last one."""
    values = [10, 10.5, 163_840, 163_841]
    added, _ = store(document({"Wait": values}, unit="Milliseconds"))
    assert shown(added) == {"app_wait_seconds_count": 4, "app_wait_seconds_sum": math.fsum(v / 1000 for v in values)}
    [family] = added.collect()
    buckets = {each.labels["le"]: each.value for each in family.samples if each.name.endswith("_bucket")}
    assert [buckets[bound] for bound in ("0.01", "0.02", "81.92", "163.84", "+Inf")] == [1, 2, 2, 3, 4]
    assert len(buckets) == len(BUCKETS_SECONDS) + 1


def test_values_with_counts_and_statistic_sets_are_added_up_too() -> None:
    """A statistic set counts as its largest value in a histogram: no quantile is understated."""
    added, _ = store(
        document({"Wait": {"Values": [100, 200], "Counts": [3, 1]}}, unit="Milliseconds"),
        document({"Wait": {"Min": 10, "Max": 5000, "Count": 2, "Sum": 5010}}, unit="Milliseconds"),
    )
    assert shown(added) == {"app_wait_seconds_count": 6, "app_wait_seconds_sum": pytest.approx(5.51)}
    [family] = added.collect()
    buckets = {each.labels["le"]: each.value for each in family.samples if each.name.endswith("_bucket")}
    assert (buckets["2.56"], buckets["5.12"]) == (4, 6)


@pytest.mark.parametrize(
    ("documents", "reason", "kept"),
    [
        ([document({"Done": -1})], "negative-count", {}),
        ([document({"Done-X": 1}), document({"Done.X": 5})], "name-taken", {"app_done_x_total": 1}),
        (
            [document({"Done": 1}), document({"Done": 5}, unit="None")],
            "name-taken",
            {"app_done_total": 1},
        ),
        (
            [document({"Wait": 1}, unit="None"), document({"Wait_Count": 5}, unit="None")],
            "name-taken",
            {"app_wait_count": 1, "app_wait_sum": 1},
        ),
        ([document({"Done": 1}, dimensions={"A b": "x", "A-b": "y"})], "labels-meet", {}),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_prometheus_cannot_tell_apart_is_left_out_and_counted(
    documents: list[Mapping[str, Any]], reason: str, kept: dict[str, float]
) -> None:
    """Whoever came first keeps the name."""
    told: list[tuple[str, str]] = []
    added = PrometheusStore(PassingSums(), max_series=9, on_refusal=lambda *what: told.append(what))
    refused = [added.store([event(each)], []) for each in documents for _ in range(2)]
    assert shown(added) == {name: 2 * value for name, value in kept.items()}
    assert dict(refused[-1]) == {reason: 1}
    assert [each for each, _ in told] == [reason]


def test_series_beyond_the_cap_are_left_out() -> None:
    """Those that are there go on."""
    added, refused = store(
        *[document({"Done": 1}, dimensions={"A": str(number % 4)}) for number in range(8)], max_series=3
    )
    assert set(shown(added)) == {f"app_done_total a={number}" for number in range(3)}
    assert refused == {"too-many-series": 2}


def test_sums_go_on_where_an_earlier_run_left_them(tmp_path: Path) -> None:
    """To the last bit, buckets and owners of names included."""
    once = [event(document({"Wait": 0.1}, unit="Seconds"))]
    for _ in range(3):
        with Checkpoints(tmp_path / "c.sqlite3", "prometheus x") as kept:
            again = PrometheusStore(kept, max_series=1)
            again.store(once, [Mark("path:/a", 1, 1, "00")])
            assert again.store([event(document({"Wait_Seconds": 1}, unit="Seconds"))], []) == {"name-taken": 1}
    assert shown(again) == {"app_wait_seconds_count": 3, "app_wait_seconds_sum": 0.1 + 0.1 + 0.1}
    [family] = again.collect()
    assert sum(each.value == 3 for each in family.samples if each.name.endswith("_bucket")) == 12


def test_nothing_is_shown_that_was_not_kept() -> None:
    """Else a counter would fall after a crash, and Prometheus would count all of it again."""

    class Broken(PassingSums):
        def keep_sums(self, changed: Mapping[str, str], marks: object) -> None:
            raise TryAgainLaterError("the disk is full")

    broken = PrometheusStore(Broken(), max_series=9)
    with pytest.raises(TryAgainLaterError):
        broken.store([event(document({"Done": 1}))], [])
    assert shown(broken) == {}


def test_marks_are_kept_with_the_sums(tmp_path: Path) -> None:
    """So that no number is added twice."""
    mark = Mark("path:/a", 1, 1, "00")
    with Checkpoints(tmp_path / "c.sqlite3", "prometheus x") as kept:
        PrometheusStore(kept, max_series=9).store([event(document({"Done": 1}))], [mark])
    with Checkpoints(tmp_path / "c.sqlite3", "prometheus x") as kept:
        assert PrometheusStore(kept, max_series=9).mark(mark.source) == mark
