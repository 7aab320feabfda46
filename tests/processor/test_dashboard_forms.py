"""What dashboards and an exporter name of metrics that are published in unusual ways."""

from __future__ import annotations

from typing import Any

import pytest

from flowemf_processor.core.insight.charts import MOST_GROUPS, MOST_OWN, charts
from flowemf_processor.core.insight.dashboard import dashboard
from flowemf_processor.core.insight.exporter_config import exporter_config
from flowemf_processor.core.insight.grafana import grafana_dashboard
from flowemf_processor.core.insight.inventory import Inventory
from flowemf_schemas import units

Sets = list[tuple[tuple[str, str], ...]]


def inventory_of(sets: dict[str, Sets], unit: str = units.COUNT) -> Inventory:
    """Give what is published: the dimension sets of each metric, the first with the most datapoints."""
    found = Inventory("app.log")
    for metric, several in sets.items():
        for place, dimensions in enumerate(several):
            found.add("App", metric, dimensions, datapoints=len(several) - place, unit=unit)
    return found


def flows(count: int) -> Sets:
    """Give the sets of so many flows, and the empty one."""
    return [(("FlowName", f"f{number:02}"),) for number in range(count)] + [()]


@pytest.mark.parametrize("beyond", [0, 1, 7])
def test_a_picture_of_rates_shows_so_many_groups_and_says_how_many_more_there_are(beyond: int) -> None:
    """Those with the most datapoints are drawn; the others are named as left out, and only where there are any."""
    sets = flows(MOST_GROUPS + beyond)
    drawn, left_out = charts(inventory_of({"FlowCompleted": sets, "FlowError": sets}))
    [rates] = [each for each in drawn if each.panel.key == "error-rate-by-flow"]
    assert [curve.dimensions for curve in rates.curves] == sets[:MOST_GROUPS]
    more = [each.title for each in left_out if each.title.startswith(rates.panel.title)]
    assert more == ([f"Error rate by flow: {beyond} values of FlowName"] if beyond else [])


@pytest.mark.parametrize("beyond", [0, 2])
def test_so_many_of_the_applications_own_metrics_are_drawn(beyond: int) -> None:
    """At the limit and beyond it."""
    own: dict[str, Sets] = {f"Own{number:02}": [()] for number in range(MOST_OWN + beyond)}
    drawn, left_out = charts(inventory_of(own))
    assert len(drawn) == MOST_OWN
    assert [each.title for each in left_out] == sorted(own)[MOST_OWN:]


def labels(widget: dict[str, Any]) -> list[str]:
    """Give the labels of what a widget draws, each with the expression that finds it."""
    return [f"{row[0]['expression'].split(chr(39))[3]}: {row[0]['label']}" for row in widget["properties"]["metrics"]]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (units.COUNT, ["Sum: ${PROP('Dim.Queue')}"]),
        (units.MILLISECONDS, ["p50: ${PROP('Dim.Queue')} p50", "p95: ${PROP('Dim.Queue')} p95"]),
        ("Bytes", ["Average: ${PROP('Dim.Queue')} Average", "Maximum: ${PROP('Dim.Queue')} Maximum"]),
    ],
)
def test_curves_that_are_searched_for_bear_their_statistic_where_there_are_several(
    unit: str, expected: list[str]
) -> None:
    """A search finds a curve for each value of the dimension; two have to be told apart, in both dashboards."""
    drawn, _ = charts(inventory_of({"Wait": [(("Queue", "a"),), (("Queue", "b"),)]}, unit))
    [_, widget] = dashboard(drawn, region="us-east-1")["widgets"]
    assert labels(widget) == expected
    [_, panel] = grafana_dashboard(drawn, title="App")["panels"]
    assert [f"{each['statistic']}: {each['label']}" for each in panel["targets"]] == expected


@pytest.mark.parametrize(
    ("sets", "asked"),
    [
        ([()], [None]),
        ([(), (("Queue", "a"),)], ['["Queue"]']),
        ([(("Queue", "a"),), (("Team", "b"),)], ['["Queue"]', '["Team"]']),
    ],
)
def test_an_exporter_asks_for_dimensions_only_where_there_are_any(sets: Sets, asked: list[str | None]) -> None:
    """A list without names would ask for nothing that exists; each full set has an entry of its own."""
    text = exporter_config(inventory_of({"Depth": sets}), region="eu-west-1")
    entries = text.split("- aws_namespace: ")[1:]
    dimensions = [
        next((line.split(": ")[1] for line in entry.splitlines() if "aws_dimensions" in line), None)
        for entry in entries
    ]
    assert dimensions == asked
    assert all('aws_statistics: ["Sum"]' in entry for entry in entries)
