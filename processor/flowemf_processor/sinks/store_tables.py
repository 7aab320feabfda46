"""The tables of the embedded store: what they are, how events become rows, and the view METRICS.

Events go in, and the dimension keys and metric names that there are; SQL comes out, with the parameters of its INSERT
statement for some thousands of rows at once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.model import Event, Measurement

SCHEMA_VERSION = 2

FIXED_COLUMNS = ("Timestamp", "Namespace", "MetricName", "Value", "SampleCount", "Minimum", "Maximum", "Unit")
COLUMN_LIMIT = 1000
"""At most so many dimension keys and so many metric names get a column; the rest stay in the column Dimensions."""

_OUTCOMES = (names.FLOW_COMPLETED, names.FLOW_ERROR, names.FLOW_CANCELLED)
_FLOW_END = (*_OUTCOMES, names.FLOW_DURATION)
_BUILT_IN_METRICS = (*names.FLOW_METRICS, *names.GENERATION_METRICS)

# --- The view METRICS -------------------------------------------------------------------------------------------------


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


# --- Tables -----------------------------------------------------------------------------------------------------------

# What version 1 lacks.
FROM_VERSION_1 = f"""
BEGIN;
ALTER TABLE marks ADD COLUMN IF NOT EXISTS state BLOB;
UPDATE flowemf SET schema_version = {SCHEMA_VERSION};
COMMIT;
"""  # noqa: S608 - nothing but our own constants

# One transaction, so that a process that dies here leaves an empty database, not half a store.
TABLES = f"""
BEGIN;
CREATE TABLE flowemf (schema_version INTEGER);
INSERT INTO flowemf VALUES ({SCHEMA_VERSION});
CREATE TABLE points (
    Timestamp TIMESTAMP_MS NOT NULL,
    Namespace VARCHAR NOT NULL,
    MetricName VARCHAR NOT NULL,
    Value DOUBLE NOT NULL,
    SampleCount DOUBLE NOT NULL,
    Total DOUBLE NOT NULL,
    Minimum DOUBLE NOT NULL,
    Maximum DOUBLE NOT NULL,
    Unit VARCHAR NOT NULL,
    Dimensions MAP(VARCHAR, VARCHAR) NOT NULL,
);
CREATE TABLE marks (source VARCHAR PRIMARY KEY, offset_bytes BIGINT, lines BIGINT, digest VARCHAR, state BLOB);
{metrics_view((), ())};
COMMIT;
"""  # noqa: S608 - nothing but our own constants

# --- Rows -------------------------------------------------------------------------------------------------------------

_ROWS_AT_ONCE = 5000
_NUMBERS = {
    "t": "BIGINT",
    "v": "DOUBLE",
    "c": "DOUBLE",
    "s": "DOUBLE",
    "lo": "DOUBLE",
    "hi": "DOUBLE",
    "k": "BIGINT",
}
_TEXTS = {"n": "VARCHAR", "m": "VARCHAR", "u": "VARCHAR", "d": "MAP(VARCHAR, VARCHAR)"}

# Rows go in as two JSON texts: DuckDB 1 takes a millisecond for each value of a list that is given as a parameter. What
# many rows share, names and dimensions, stands in the second one, once: that takes a third of the time.
INSERT = f"""
INSERT INTO points
SELECT epoch_ms(row_.t), shared.each.n, shared.each.m, row_.v, row_.c, row_.s, row_.lo, row_.hi, shared.each.u,
       shared.each.d
FROM (
    SELECT {", ".join(f"unnest(numbers.{name}) AS {name}" for name in _NUMBERS)}
    FROM (SELECT from_json($1::JSON, '{json.dumps({name: [kind] for name, kind in _NUMBERS.items()})}') AS numbers)
) AS row_
JOIN (
    SELECT unnest(range(len(texts))) AS place, unnest(texts) AS each
    FROM (SELECT from_json($2::JSON, '{json.dumps([_TEXTS])}') AS texts)
) AS shared ON row_.k = shared.place
"""  # noqa: S608 - nothing but our own constants
"""Stores what `insertions` gives."""


def insertions(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    """Give the parameters of `INSERT`, each time for some thousands of rows.

    Args:
        events: what to store: one row for each number of each metric of a record, whatever its dimension sets.
    """
    part = _Part()
    for event in events:
        part.add(event)
        if len(part.numbers["t"]) >= _ROWS_AT_ONCE:
            yield part.parameters
            part = _Part()
    if part.numbers["t"]:
        yield part.parameters


class _Part:
    """Rows that go in together."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[float]] = {name: [] for name in _NUMBERS}
        self._texts: list[dict[str, Any]] = []
        self._places: dict[Any, int] = {}

    @property
    def parameters(self) -> tuple[str, str]:
        """The numbers, and the texts that they refer to."""
        return json.dumps(self.numbers), json.dumps(self._texts)

    def add(self, event: Event) -> None:
        """Add the rows of an event."""
        columns = self.numbers.values()
        for measurement, dimensions in _merged(event):
            place = self._place(measurement, dimensions)
            for numbers in _values(measurement):
                for column, number in zip(columns, (event.timestamp_ms, *numbers, place), strict=True):
                    column.append(number)

    def _place(self, measurement: Measurement, dimensions: dict[str, str]) -> int:
        key = (measurement.namespace, measurement.name, measurement.unit, *dimensions.items())
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self._texts)
            self._texts.append(
                {"n": measurement.namespace, "m": measurement.name, "u": measurement.unit, "d": dimensions}
            )
        return place


def _merged(event: Event) -> Iterator[tuple[Measurement, dict[str, str]]]:
    """Give each metric of a record once, with all its dimensions, however many directives and sets name it."""
    dimensions: dict[tuple[str, str], dict[str, str]] = {}
    first: dict[tuple[str, str], Measurement] = {}
    for measurement in event.measurements:
        key = (measurement.namespace, measurement.name)
        first.setdefault(key, measurement)
        gathered = dimensions.setdefault(key, {})
        for each in measurement.dimension_sets:
            gathered.update(each)
    for key, measurement in first.items():
        yield measurement, dimensions[key]


def _values(measurement: Measurement) -> Iterator[tuple[float, float, float, float, float]]:
    """Give each value with its count, what it adds to the sum, the smallest and the largest; of a set the mean."""
    for value, count in measurement.values:
        yield value, count, value * count, value, value
    one = measurement.statistic_set
    if one is not None:
        yield one.total / one.count, one.count, one.total, one.minimum, one.maximum
