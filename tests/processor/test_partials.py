"""What several machines gathered, put together: the same aggregates as one machine gathers, whoever saw what."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import document, documents, event, merged, points_of

from flowemf_processor.core import partials
from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.model import Aggregate, Series, Tally


def gathered(several: list[dict[str, Any]]) -> list[Aggregate]:
    """Gather documents as one machine does."""
    aggregator = Aggregator()
    for each in several:
        aggregator.add(event(each))
    return aggregator.close()


def points(aggregates: list[Aggregate]) -> dict[Any, float]:
    """Give the counts of equal values of a series and period."""
    counted: dict[Any, float] = {}
    for each in aggregates:
        series = each.series
        key = (series.namespace, series.name, series.dimensions, series.unit, series.resolution_seconds)
        for value, tally in each.values:
            counted[key, each.period_start_s, value] = tally.count
        for found in each.statistic_sets:
            value_of_set = (found.count, found.total, found.minimum, found.maximum)
            place = key, each.period_start_s, value_of_set
            counted[place] = counted.get(place, 0) + 1
    return counted


@settings(max_examples=60)
@given(st.lists(st.lists(documents(), max_size=4), max_size=4), st.randoms(use_true_random=False))
def test_parts_add_up_to_what_one_machine_gathers(machines: list[list[dict[str, Any]]], order: random.Random) -> None:
    """However the documents were dealt out: each series and period once, in order, with every value and its count."""
    everything = [each for machine in machines for each in machine]
    parts = [part for machine in machines for part in partials.parts_of(gathered(machine))]
    order.shuffle(parts)
    together = list(partials.merged(sorted(parts, key=lambda part: part[:2])))
    assert sum(each.datapoints for each in together) == sum(each.datapoints for each in gathered(everything))
    keys = [(each.series.namespace, each.series, each.period_start_s) for each in together]
    assert len(set(keys)) == len(keys)
    namespaces = [namespace for namespace, *_ in keys]
    assert sorted(namespaces, key=namespaces.index) == namespaces  # those of a namespace follow each other
    expected = merged(points_of(everything))
    found = points(together)
    assert found.keys() == expected.keys()
    # Counts that are fractions are added up in other orders than the reference does it.
    assert all(abs(found[key] - count) <= 1e-9 * count for key, count in expected.items())


def test_a_series_that_no_utf_8_can_hold_arrives_where_it_is_refused() -> None:
    """Half a surrogate pair in a dimension is a reason to refuse a series, and none to fail."""
    series = Series("App", "Latency", (("Service", "\ud800"),), "Count", 60)
    aggregate = Aggregate(series, 60, ((1.0, Tally(2.0, 2)),))
    assert list(partials.merged(partials.parts_of([aggregate]))) == [aggregate]


def test_series_of_one_task_share_one_object() -> None:
    """Whoever writes requests judges a series and writes its beginning once for all its periods."""
    several = [document({"Latency": 1}, timestamp_ms=minute * 60_000) for minute in range(5)]
    together = list(partials.merged(sorted(partials.parts_of(gathered(several)))))
    assert len(together) == 5
    assert all(each.series is together[0].series for each in together)
