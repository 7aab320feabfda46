"""Writes the SQL of the view METRICS.

The dimension keys and metric names that are in the table `points` go in; the statement that makes the view comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FIXED_COLUMNS = ("Timestamp", "Namespace", "MetricName", "Value", "SampleCount", "Minimum", "Maximum", "Unit")
COLUMN_LIMIT = 1000
"""At most so many dimension keys and so many metric names get a column; the rest stay in the column Dimensions."""

_OUTCOMES = (names.FLOW_COMPLETED, names.FLOW_ERROR, names.FLOW_CANCELLED)
_FLOW_END = (*_OUTCOMES, names.FLOW_DURATION)
_BUILT_IN_METRICS = (*names.FLOW_METRICS, *names.GENERATION_METRICS)


def metrics_view(keys: Iterable[str], metrics: Iterable[str]) -> str:
    """Write the statement.

    SQL does not tell upper from lower case in names: of names that differ only in case the first gets the column, and
    none takes that of a fixed column or of a dimension or metric of our own, which every ready-made query may name.
    What gets no column is found in the column Dimensions, a map, or by its MetricName.

    Args:
        keys: the dimension keys that points have.
        metrics: the metric names.

    Returns:
        `CREATE OR REPLACE VIEW METRICS AS ...`
    """
    taken = {column.lower() for column in (*FIXED_COLUMNS, "Dimensions")}
    columns = [*FIXED_COLUMNS]
    columns += map(_dimension, _free(names.BUILT_IN_DIMENSIONS, taken))
    columns += map(_metric, _free(_BUILT_IN_METRICS, taken))
    columns += map(_dimension, _free(first_names(keys), taken))
    columns += map(_metric, _free(first_names(metrics), taken))
    return f"CREATE OR REPLACE VIEW METRICS AS SELECT {', '.join(columns)}, Dimensions FROM points"  # noqa: S608 - quoted by _name and _text


def first_names(wanted: Iterable[str]) -> list[str]:
    """Give the names that may get a column, in their order; DuckDB 1 reads no statement on behind a NUL."""
    return sorted({name for name in wanted if "\0" not in name})[:COLUMN_LIMIT]


def _free(wanted: Iterable[str], taken: set[str]) -> Iterator[str]:
    """Give the names that no column has yet, and take them."""
    for name in wanted:
        if name.lower() not in taken:
            taken.add(name.lower())
            yield name


def _dimension(key: str) -> str:
    return f"Dimensions[{_text(key)}] AS {_name(key)}"


def _metric(name: str) -> str:
    """Write what a row adds to a metric's sum; a flow's outcomes are 0, not NULL, at its end, for rates to come out."""
    here = f"CASE WHEN MetricName = {_text(name)} THEN Total"
    if name in _OUTCOMES:
        here += f" WHEN MetricName IN ({', '.join(map(_text, _FLOW_END))}) THEN 0"
    return f"{here} END AS {_name(name)}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
