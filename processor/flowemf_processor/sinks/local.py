"""The embedded store: a DuckDB file.

Events and marks go in, both in one transaction; questions in SQL are answered from the view METRICS, which has one row
for each value of a record, one column for each dimension key, and one column for each metric name that holds what the
row adds to that metric's sum.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.model import Mark
from flowemf_processor.sinks.metrics_view import metrics_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from flowemf_processor.model import Event, Measurement

SCHEMA_VERSION = 1

_TABLES = """
CREATE TABLE flowemf (schema_version INTEGER);
INSERT INTO flowemf VALUES (1);
CREATE TABLE points (
    Timestamp TIMESTAMP_MS NOT NULL,
    Namespace VARCHAR NOT NULL,
    MetricName VARCHAR NOT NULL,
    Value DOUBLE NOT NULL,
    SampleCount DOUBLE NOT NULL,
    Minimum DOUBLE NOT NULL,
    Maximum DOUBLE NOT NULL,
    Unit VARCHAR NOT NULL,
    Dimensions MAP(VARCHAR, VARCHAR) NOT NULL,
);
CREATE TABLE marks (source VARCHAR PRIMARY KEY, offset_bytes BIGINT, lines BIGINT, digest VARCHAR);
"""
_INSERT = """
INSERT INTO points
SELECT make_timestamp_ms(t), n, m, v, c, lo, hi, u, d::JSON::MAP(VARCHAR, VARCHAR)
FROM (SELECT unnest($1::BIGINT[]) AS t, unnest($2::VARCHAR[]) AS n, unnest($3::VARCHAR[]) AS m,
             unnest($4::DOUBLE[]) AS v, unnest($5::DOUBLE[]) AS c, unnest($6::DOUBLE[]) AS lo,
             unnest($7::DOUBLE[]) AS hi, unnest($8::VARCHAR[]) AS u, unnest($9::VARCHAR[]) AS d)
"""

_Row = tuple[int, str, str, float, float, float, float, str, str]


class LocalStore:
    """A DuckDB file that holds events; use it as a context manager.

    Args:
        path: the file; it is created where there is none.

    Raises:
        ConfigurationError: the file is no store of this version.
        TryAgainLaterError: another process has it open.
    """

    name = "local"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = _open(path)

    def __enter__(self) -> LocalStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def store(self, events: Sequence[Event], marks: Iterable[Mark]) -> None:
        """Keep events and marks, both or none.

        Args:
            events: what was read.
            marks: how far the sources have been read with them.
        """
        self._connection.begin()
        try:
            columns = [list(column) for column in zip(*_rows(events), strict=True)]
            if columns:
                self._connection.execute(_INSERT, columns)
            for mark in marks:
                self._connection.execute(
                    "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)",
                    [mark.source, mark.offset_bytes, mark.lines, mark.digest],
                )
            self._connection.execute(metrics_view(self._connection))
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise

    def mark(self, source: str) -> Mark | None:
        """Give the mark of the source with this identity."""
        row = self._connection.execute("SELECT * FROM marks WHERE source = ?", [source]).fetchone()
        return Mark(*row) if row else None

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Answer a question in SQL over the view METRICS.

        Args:
            sql: one statement.
            parameters: what its question marks stand for.

        Returns:
            The rows.
        """
        rows: list[tuple[Any, ...]] = self._connection.execute(sql, list(parameters)).fetchall()
        return rows


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(str(path))
        tables = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if not tables:
            connection.execute(_TABLES)
            connection.execute(metrics_view(connection))
            return connection
        row = connection.execute("SELECT schema_version FROM flowemf").fetchone() if "flowemf" in tables else None
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise TryAgainLaterError(
                f"{path}: another process has the store open; wait for it, or name another --database"
            ) from None
        raise ConfigurationError(
            f"{path}: cannot be opened as a DuckDB file; name another --database ({_first_line(error)})"
        ) from None
    except (duckdb.Error, OSError) as error:
        raise ConfigurationError(
            f"{path}: cannot be used as a store; name another --database ({_first_line(error)})"
        ) from None
    if row != (SCHEMA_VERSION,):
        connection.close()
        found = f"version {row[0]}" if row else "other tables"
        raise ConfigurationError(
            f"{path}: holds {found}, not a store of version {SCHEMA_VERSION}; name another --database"
        )
    return connection


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


def _rows(events: Iterable[Event]) -> Iterator[_Row]:
    for event in events:
        for measurement, dimensions in _merged(event):
            for value, count, low, high in _values(measurement):
                yield (
                    event.timestamp_ms,
                    measurement.namespace,
                    measurement.name,
                    value,
                    count,
                    low,
                    high,
                    measurement.unit,
                    dimensions,
                )


def _merged(event: Event) -> Iterator[tuple[Measurement, str]]:
    """Give each metric of a record once, with all its dimensions as JSON, however many directives and sets name it."""
    dimensions: dict[tuple[str, str], dict[str, str]] = {}
    first: dict[tuple[str, str], Measurement] = {}
    for measurement in event.measurements:
        key = (measurement.namespace, measurement.name)
        first.setdefault(key, measurement)
        gathered = dimensions.setdefault(key, {})
        for each in measurement.dimension_sets:
            gathered.update(each)
    for key, measurement in first.items():
        yield measurement, json.dumps(dimensions[key])


def _values(measurement: Measurement) -> Iterator[tuple[float, float, float, float]]:
    """Give each value with its count, smallest and largest; of a statistic set the mean."""
    for value, count in measurement.values:
        yield value, count, value, value
    statistic_set = measurement.statistic_set
    if statistic_set is not None:
        mean = statistic_set.total / statistic_set.count
        yield mean, statistic_set.count, statistic_set.minimum, statistic_set.maximum
