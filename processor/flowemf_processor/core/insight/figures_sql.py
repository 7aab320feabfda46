"""The SQL of the report's figures, over the view METRICS.

Codes, periods and filters go in; statements with what their parameters stand for come out. Names from a log only ever
stand among the latter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowemf_processor.core.insight.axes import NamedValues, TimeAxis

    Statement = tuple[str, dict[str, Any]]

LEAVES = "report_leaves"
FLOW_DURATIONS = (names.FLOW_DURATION,)
GENERATION_DURATIONS = (names.GENERATION_DURATION, names.TIME_TO_FIRST_TOKEN)
FLOW_SUMS = tuple(metric for metric in names.FLOW_METRICS if metric not in FLOW_DURATIONS)
GENERATION_SUMS = tuple(metric for metric in names.GENERATION_METRICS if metric not in GENERATION_DURATIONS)
_OURS = (*names.FLOW_METRICS, *names.GENERATION_METRICS)


def _listed(metrics: Iterable[str]) -> str:
    return ", ".join(f"'{metric}'" for metric in metrics)  # names of ours: no quotes in them


_IS_OURS = f"MetricName IN ({_listed(_OURS)})"

SPAN = f"SELECT epoch_ms(min(Timestamp)), epoch_ms(max(Timestamp)) FROM METRICS WHERE {_IS_OURS}"  # noqa: S608 - our own constants
"""The first and the last moment, in milliseconds since the epoch."""

CUSTOM_VALUES = f"""
WITH ours AS (SELECT Namespace, Dimensions, SampleCount FROM METRICS WHERE {_IS_OURS}),
keyed AS (
    SELECT Dimensions, SampleCount, unnest(map_keys(Dimensions)) AS key FROM ours
), counted AS (
    SELECT key, Dimensions[key] AS value, count(*) AS records, sum(SampleCount) AS n
    FROM keyed WHERE key NOT IN ({_listed(names.BUILT_IN_DIMENSIONS)}) GROUP BY ALL
    UNION ALL SELECT '{names.NAMESPACE}', Namespace, count(*), sum(SampleCount) FROM ours GROUP BY ALL
), ranked AS (
    SELECT key, value, sum(records) OVER (PARTITION BY key) AS records,
           row_number() OVER (PARTITION BY key ORDER BY n DESC, value) AS rank
    FROM counted
)
SELECT key, value, records >= (SELECT count(*) FROM ours) FROM ranked WHERE rank <= $most ORDER BY key, rank
"""  # noqa: S608 - our own constants
"""For each custom dimension its $most most frequent values, and whether every record has one."""

OTHERS = f"""
SELECT Namespace, MetricName, any_value(Unit), sum(SampleCount) AS n, sum(Value * SampleCount), min(Minimum),
       max(Maximum)
FROM METRICS WHERE NOT {_IS_OURS} GROUP BY Namespace, MetricName ORDER BY n DESC, Namespace, MetricName
"""  # noqa: S608 - our own constants
"""The metrics beyond ours, those with the most values first."""


def values_of(key: str) -> str:
    """Ask for the $most most frequent values of a built-in dimension."""
    return (
        f"SELECT {key} FROM METRICS WHERE {_IS_OURS} AND {key} IS NOT NULL "  # noqa: S608 - our own constants
        f"GROUP BY {key} ORDER BY sum(SampleCount) DESC, {key} LIMIT $most"
    )


def lacks(key: str) -> str:
    """Ask whether a flow has no FlowName, or a generation no ModelID."""
    metrics = names.FLOW_METRICS if key == names.FLOW_NAME else names.GENERATION_METRICS
    return f"SELECT 1 FROM METRICS WHERE MetricName IN ({_listed(metrics)}) AND {key} IS NULL LIMIT 1"  # noqa: S608 - our own constants


def leaves(flows: NamedValues, models: NamedValues, errors: NamedValues, filters: tuple[NamedValues, ...]) -> Statement:
    """Ask for what the figures are made of, names as codes; the answer is kept as LEAVES."""
    given: dict[str, Any] = {}

    def placed(value: Any) -> str:
        name = f"p{len(given)}"
        given[name] = value
        return f"${name}"

    def coded(named: NamedValues, column: str) -> str:
        values = placed(list(named.values))
        return f"CASE WHEN {column} IS NULL THEN -1 ELSE coalesce(list_position({values}::VARCHAR[], {column}), 0) END"

    def column_of(key: str) -> str:
        return names.NAMESPACE if key == names.NAMESPACE else f"Dimensions[{placed(key)}]"

    name = (
        f"CASE WHEN MetricName IN ({_listed(names.FLOW_METRICS)}) THEN {coded(flows, names.FLOW_NAME)} "
        f"ELSE {coded(models, names.MODEL_ID)} END"
    )
    chosen = "".join(f", {coded(each, column_of(each.key))} AS d{index}" for index, each in enumerate(filters))
    total = " ".join(f"WHEN '{metric}' THEN {metric}" for metric in _OURS)
    text = (
        f"SELECT epoch_ms(Timestamp) AS t, MetricName AS m, {name} AS name, "  # noqa: S608 - our own constants
        f"{coded(errors, names.ERROR_TYPE)} AS error{chosen}, CASE MetricName {total} END AS total, "
        f"Value AS v, SampleCount AS c FROM METRICS WHERE {_IS_OURS}"
    )
    return text, given


def rows(metrics: tuple[str, ...], axis: TimeAxis, filters: int) -> Statement:
    """Ask for the sums of metrics by period, name, error type and filters."""
    sums = ", ".join(f"coalesce(sum(total) FILTER (WHERE m = '{metric}'), 0)" for metric in metrics)
    text = (
        f"SELECT {_PERIOD} AS p, name, error{_chosen(filters)}, {sums} FROM {LEAVES} "  # noqa: S608 - our own constants
        f"WHERE m IN ({_listed(metrics)}) GROUP BY ALL ORDER BY ALL"
    )
    return text, _span(axis)


def durations(metric: str, axis: TimeAxis, filters: int, tolerance: float) -> Statement:
    """Ask for the values of a metric and how often each occurred, by period, name and filters."""
    groups = f"p, name{_chosen(filters)}"
    text = (
        f"SELECT {groups}, list(v ORDER BY v), list(n ORDER BY v) FROM "  # noqa: S608 - our own constants
        f"(SELECT {groups}, v, sum(c) AS n FROM ({_binned(filters, tolerance)} WHERE m = $metric) GROUP BY ALL) "
        "GROUP BY ALL ORDER BY ALL"
    )
    return text, {**_span(axis), "metric": metric}


def count_of_rows(axis: TimeAxis, filters: int) -> Statement:
    """Ask how many rows of sums there would be."""
    text = (
        f"SELECT count(*) FROM (SELECT DISTINCT m IN ({_listed(FLOW_SUMS)}), {_PERIOD}, name, error{_chosen(filters)} "  # noqa: S608 - our own constants
        f"FROM {LEAVES} WHERE m IN ({_listed((*FLOW_SUMS, *GENERATION_SUMS))}))"
    )
    return text, _span(axis)


def count_of_durations(axis: TimeAxis, filters: int, tolerance: float) -> Statement:
    """Ask how many distinct durations there would be."""
    metrics = _listed((*FLOW_DURATIONS, *GENERATION_DURATIONS))
    text = (
        f"SELECT count(*) FROM (SELECT DISTINCT m, p, name{_chosen(filters)}, v "  # noqa: S608 - our own constants
        f"FROM ({_binned(filters, tolerance)} WHERE m IN ({metrics})))"
    )
    return text, _span(axis)


_PERIOD = "(t - $start) // $step"


def _span(axis: TimeAxis) -> dict[str, Any]:
    return {"start": axis.start_ms, "step": axis.step_ms}


def _chosen(filters: int) -> str:
    return "".join(f", d{index}" for index in range(filters))


def _binned(filters: int, tolerance: float) -> str:
    """Give the durations; where they may be off, each as the middle of a range that is so many percent wide."""
    value = "v"
    if tolerance:
        width = f"ln({1 + tolerance} / {1 - tolerance})"
        value = f"CASE WHEN v > 0 THEN exp(round(ln(v) / {width}) * {width}) ELSE v END"
    return f"SELECT m, {_PERIOD} AS p, name{_chosen(filters)}, {value} AS v, c FROM {LEAVES}"  # noqa: S608 - our own constants
