"""Writes the SQL of the view METRICS.

A DuckDB connection with the table `points` goes in; the statement that makes the view over what is in it comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import duckdb

FIXED_COLUMNS = ("Timestamp", "Namespace", "MetricName", "Value", "SampleCount", "Minimum", "Maximum", "Unit")
COLUMN_LIMIT = 1000
"""At most so many dimension keys and so many metric names get a column; the rest stay in the column Dimensions."""

_OUTCOMES = (names.FLOW_COMPLETED, names.FLOW_ERROR, names.FLOW_CANCELLED)
_FLOW_END = (*_OUTCOMES, names.FLOW_DURATION)


def metrics_view(connection: duckdb.DuckDBPyConnection) -> str:
    """Write the statement.

    SQL does not tell upper from lower case in names: of keys that differ only in case, and of a key spelled like a
    fixed column, the first gets the column; the others are found in the column Dimensions, a map.

    Args:
        connection: where the table `points` is.

    Returns:
        `CREATE OR REPLACE VIEW METRICS AS ...`
    """
    keys = connection.execute(
        "SELECT DISTINCT unnest(map_keys(Dimensions)) AS key FROM points ORDER BY key LIMIT ?", [COLUMN_LIMIT]
    ).fetchall()
    metrics = connection.execute(
        "SELECT DISTINCT MetricName FROM points ORDER BY MetricName LIMIT ?", [COLUMN_LIMIT]
    ).fetchall()
    taken = {column.lower() for column in (*FIXED_COLUMNS, "Dimensions")}
    columns = [*FIXED_COLUMNS]
    columns += [
        f"Dimensions[{_text(key)}] AS {_name(key)}" for key in _free((*names.BUILT_IN_DIMENSIONS, *_first(keys)), taken)
    ]
    columns += [
        f"{_metric(name)} AS {_name(name)}"
        for name in _free((*names.FLOW_METRICS, *names.GENERATION_METRICS, *_first(metrics)), taken)
    ]
    return f"CREATE OR REPLACE VIEW METRICS AS SELECT {', '.join(columns)}, Dimensions FROM points"  # noqa: S608 - quoted by _name and _text


def _first(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    return (row[0] for row in rows)


def _free(wanted: Iterable[str], taken: set[str]) -> Iterator[str]:
    """Give the names that no column has yet, and take them."""
    for name in wanted:
        if name.lower() not in taken:
            taken.add(name.lower())
            yield name


def _metric(name: str) -> str:
    """Write what a row adds to a metric's sum; a flow's outcomes are 0, not NULL, at its end, for rates to come out."""
    here = f"CASE WHEN MetricName = {_text(name)} THEN Value * SampleCount"
    if name in _OUTCOMES:
        return f"{here} WHEN MetricName IN ({', '.join(map(_text, _FLOW_END))}) THEN 0 END"
    return f"{here} END"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
