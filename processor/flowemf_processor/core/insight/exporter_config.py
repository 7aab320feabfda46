"""A configuration of Prometheus's cloudwatch_exporter that matches what is published.

An inventory and a Region go in; the text of a YAML file comes out
(https://github.com/prometheus/cloudwatch_exporter#configuration).

The exporter names what it exports by namespace, metric and statistic, whatever the dimension set; whoever sums a metric
would count everything once for each of its sets. So each statistic is asked for under one kind of set: counts under the
full ones, whose labels Prometheus can sum over, percentiles under a roll-up, since they cannot be computed of others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_schemas import names, units

if TYPE_CHECKING:
    from flowemf_processor.core.insight.inventory import Inventory, Keys

DELAY_SECONDS = 120
_COUNTS = ("Sum",)
_VALUES = ("Sum", "SampleCount", "Maximum")
_PERCENTILES = ("p50", "p95", "p99")
_TIMES = (units.SECONDS, units.MILLISECONDS, units.MICROSECONDS)
_OUTCOMES = {names.STATUS, names.ERROR_TYPE}


@dataclass(frozen=True, slots=True)
class ExporterRule:
    """One entry: a metric, the keys of its dimension sets, and the statistics that are asked for."""

    namespace: str
    metric: str
    keys: Keys
    statistics: tuple[str, ...] = ()
    percentiles: tuple[str, ...] = ()


def exporter_rules(inventory: Inventory) -> Iterator[ExporterRule]:
    """Choose what to export.

    Args:
        inventory: what is published.

    Yields:
        Rules, namespace by namespace and metric by metric; no two give the same statistic of a metric but for sets of
        different keys that hold different datapoints. Errors that have not happened yet are among them.
    """
    for namespace in inventory.namespaces:
        yield from _errors_to_come(inventory, namespace)
        for metric in inventory.metrics(namespace):
            key_sets = inventory.key_sets(namespace, metric)
            unit = inventory.units.get((namespace, metric), "")
            is_count = unit == units.COUNT or (not unit and metric not in _DURATIONS)
            full = _full(key_sets)
            for keys in full:
                yield ExporterRule(namespace, metric, keys, _COUNTS if is_count else _VALUES)
            if unit in _TIMES or metric in _DURATIONS:
                yield ExporterRule(namespace, metric, _rollup(key_sets), percentiles=_PERCENTILES)


def _errors_to_come(inventory: Inventory, namespace: str) -> Iterator[ExporterRule]:
    for error, kin in ((names.FLOW_ERROR, names.FLOW_COMPLETED), (names.GENERATION_ERROR, names.GENERATION_COUNT)):
        if not inventory.key_sets(namespace, error):
            for keys in _full(inventory.key_sets(namespace, kin)):
                yield ExporterRule(namespace, error, tuple(sorted((*keys, names.ERROR_TYPE))), _COUNTS)


_DURATIONS = (names.FLOW_DURATION, names.GENERATION_DURATION, names.TIME_TO_FIRST_TOKEN)


def _full(key_sets: list[Keys]) -> list[Keys]:
    """Give the sets that no larger one contains: two of them come of lines with different custom dimensions."""
    return [keys for keys in key_sets if not any(set(keys) < set(other) for other in key_sets)]


def _rollup(key_sets: list[Keys]) -> Keys:
    """Give the smallest set that still tells flows or models apart."""
    telling = [keys for keys in key_sets if keys and _OUTCOMES.isdisjoint(keys)]
    return (telling or key_sets)[0]


def exporter_config(inventory: Inventory, *, region: str) -> str:
    """Write the file.

    Args:
        inventory: what is published.
        region: the Region whose metrics are exported.
    """
    lines = [
        f"region: {json.dumps(region)}",
        "period_seconds: 60",
        "# The newest data to ask for: what was extracted a minute ago may not be complete.",
        f"delay_seconds: {DELAY_SECONDS}",
        "# With CloudWatch's own timestamps, samples would be stale before anybody looks.",
        "set_timestamp: false",
        "use_get_metric_data: true",
        "metrics:",
    ]
    return "\n".join([*lines, *(line for rule in exporter_rules(inventory) for line in _entry(rule))]) + "\n"


def _entry(rule: ExporterRule) -> Iterator[str]:
    """Write one entry; JSON is YAML, whatever stands in a name."""
    yield f"- aws_namespace: {json.dumps(rule.namespace)}"
    yield f"  aws_metric_name: {json.dumps(rule.metric)}"
    if rule.keys:
        yield f"  aws_dimensions: {json.dumps(rule.keys)}"
    if rule.statistics:
        yield f"  aws_statistics: {json.dumps(rule.statistics)}"
    if rule.percentiles:
        yield f"  aws_extended_statistics: {json.dumps(rule.percentiles)}"
