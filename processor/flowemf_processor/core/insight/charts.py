"""The pictures that an application's metrics can fill, for a dashboard of whatever kind.

An inventory goes in; charts come out, each curve of which names series that exist, with what had to be left out of them
and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.core.insight.panels import PANELS, SUM, Panel
from flowemf_schemas import names, units

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.core.insight.inventory import Inventory
    from flowemf_processor.model import Dimensions

AVERAGE, MAXIMUM = "Average", "Maximum"
MOST_GROUPS = 20
"""A rate needs its metrics by name, so a picture shows it for so many groups, those with the most datapoints."""
MOST_OWN = 40
"""So many of the application's own metrics get a picture."""

_OURS = (*names.FLOW_METRICS, *names.GENERATION_METRICS)
_TIMES = (units.SECONDS, units.MILLISECONDS, units.MICROSECONDS)


@dataclass(frozen=True, slots=True)
class Curve:
    """What a picture draws.

    Attributes:
        label: what it is called; where there is one for each value of a dimension, these values name it.
        metric: the metric.
        statistic: CloudWatch's name for what is drawn of it.
        dimensions: the dimension set; None stands for every set with the picture's keys, new ones included.
        of: where there are any, the percentage of the sum of these metrics is drawn.
    """

    label: str
    metric: str
    statistic: str
    dimensions: Dimensions | None
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture: what it shows, in which namespace, with which curves."""

    panel: Panel
    namespace: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What would have been shown, and why it is not."""

    title: str
    reason: str


def charts(inventory: Inventory) -> tuple[list[Chart], list[LeftOut]]:
    """Make the pictures.

    Args:
        inventory: what is published.

    Returns:
        The pictures, namespace by namespace, and what was left out of them.
    """
    drawn: list[Chart] = []
    left_out: list[LeftOut] = []
    for namespace in inventory.namespaces:
        metrics = inventory.metrics(namespace)
        panels = [*PANELS] if set(_OURS) & set(metrics) else []
        own = [name for name in metrics if name not in _OURS]
        panels += [_own_panel(inventory, namespace, name) for name in own[:MOST_OWN]]
        left_out += [LeftOut(name, f"only {MOST_OWN} metrics beyond flowemf's are drawn") for name in own[MOST_OWN:]]
        for panel in panels:
            curves = tuple(_curves(panel, inventory, namespace))
            if curves:
                drawn.append(Chart(panel, namespace, curves))
            left_out += _missing(panel, inventory, namespace, has_curves=bool(curves))
    return drawn, left_out


def _own_panel(inventory: Inventory, namespace: str, name: str) -> Panel:
    """Make a panel for a metric of the application's own, under its smallest dimension set."""
    unit = inventory.units.get((namespace, name), units.NONE)
    if unit == units.COUNT:
        statistics: tuple[str, ...] = (SUM,)
    else:
        statistics = ("p50", "p95") if unit in _TIMES else (AVERAGE, MAXIMUM)
    keys = inventory.key_sets(namespace, name)[0]
    return Panel(f"own-{name}", name, "", (name,), statistics, keys, unit)


def _curves(panel: Panel, inventory: Inventory, namespace: str) -> Iterator[Curve]:
    there = [name for name in panel.metrics if inventory.publishes(namespace, name, panel.dimensions)]
    if panel.of and not all(inventory.publishes(namespace, name, panel.dimensions) for name in panel.of):
        return
    for name in there:
        for statistic in panel.statistics:
            label = _label(panel, name, statistic)
            if not panel.dimensions:
                yield Curve(label, name, statistic, (), panel.of)
            elif not panel.of and is_searchable(namespace, name, *panel.dimensions):
                yield Curve(label, name, statistic, None)
            else:
                for group in _groups(panel, inventory, namespace, name)[:MOST_GROUPS]:
                    values = " ".join(value for _, value in group)
                    yield Curve(values, name, statistic, group, panel.of)


def is_searchable(*texts: str) -> bool:
    """Tell whether a search expression can name these: it has no way to write a quotation mark in a name."""
    return not any(mark in text for text in texts for mark in "'\"\\")


def _label(panel: Panel, name: str, statistic: str) -> str:
    if len(panel.statistics) == 1:
        return name
    return statistic if len(panel.metrics) == 1 else f"{name} {statistic}"


def _groups(panel: Panel, inventory: Inventory, namespace: str, name: str) -> list[Dimensions]:
    """List the groups of a panel: wherever a part of the whole was seen, the rate can be told."""
    found = [each for metric in (*panel.of, name) for each in inventory.sets(namespace, metric, panel.dimensions)]
    return list(dict.fromkeys(found))


def _missing(panel: Panel, inventory: Inventory, namespace: str, *, has_curves: bool) -> Iterator[LeftOut]:
    absent = [name for name in panel.metrics if not inventory.publishes(namespace, name, panel.dimensions)]
    if not has_curves and absent:
        yield LeftOut(panel.title, inventory.why_absent(namespace, absent[0], panel.dimensions))
    if panel.of and panel.dimensions and has_curves:
        more = len(_groups(panel, inventory, namespace, panel.metrics[0])) - MOST_GROUPS
        if more > 0:
            key = ", ".join(panel.dimensions)
            yield LeftOut(f"{panel.title}: {more} values of {key}", f"a picture of rates shows {MOST_GROUPS} at most")
