"""The embedded store: a DuckDB file.

Events and marks go in, both in one transaction; questions in SQL are answered from the view METRICS, which has one row
for each value of a record, one column for each dimension key, and one column for each metric name that holds what the
row adds to that metric's sum.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.model import Mark
from flowemf_processor.sinks.store_tables import (
    FROM_VERSION_1,
    INSERT,
    SCHEMA_VERSION,
    TABLES,
    first_names,
    insertions,
    metrics_view,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    from flowemf_processor.model import Event

# DuckDB would fetch an extension for a file that looks like another database's: no network, ever.
_CONFIGURATION: dict[str, Any] = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
_CANNOT_BE_WRITTEN = (duckdb.OperationalError, duckdb.FatalException)


class LocalStore:
    """A DuckDB file that holds events; use it as a context manager.

    Args:
        path: the file; it is created where there is none. None keeps everything in memory, for questions asked once.

    Raises:
        ConfigurationError: the file is no store of this version.
        TryAgainLaterError: another process has it open.
    """

    name = "local"

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._connection = _in_memory() if path is None else _open(path)
        self._named: tuple[set[str], set[str]] | None = None  # the dimension keys and metric names with a column

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

        Raises:
            TryAgainLaterError: the file cannot be written; nothing was kept.
        """
        try:
            self._connection.begin()
            try:
                named = self._keep(events, marks)
                self._connection.commit()
            except BaseException:
                with contextlib.suppress(duckdb.Error):  # a commit that failed has rolled back already
                    self._connection.rollback()
                raise
        except _CANNOT_BE_WRITTEN as error:
            raise TryAgainLaterError(
                f"{self.path}: could not be written, nothing of this part was stored ({_first_line(error)}); make room "
                "or mend the disk, and run again"
            ) from error
        self._named = named

    def _keep(self, events: Sequence[Event], marks: Iterable[Mark]) -> tuple[set[str], set[str]]:
        """Write within a transaction; give the names that have a column then."""
        for parameters in insertions(events):
            self._connection.execute(INSERT, parameters)
        for mark in marks:
            self._connection.execute(
                "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?)",
                [mark.source, mark.offset_bytes, mark.lines, mark.digest, mark.state],
            )
        return self._update_view(events)

    def _update_view(self, events: Iterable[Event]) -> tuple[set[str], set[str]]:
        """Write the view anew where a name has no column yet; to look through all points each time would be slow."""
        before = self._named if self._named is not None else self._names_in_points()
        measurements = [measurement for event in events for measurement in event.measurements]
        keys = before[0].union(key for each in measurements for pairs in each.dimension_sets for key, _ in pairs)
        metrics = before[1].union(each.name for each in measurements)
        if self._named is None or (keys, metrics) != before:
            self._connection.execute(metrics_view(keys, metrics))
        return set(first_names(keys)), set(first_names(metrics))

    def _names_in_points(self) -> tuple[set[str], set[str]]:
        keys = self._connection.execute("SELECT DISTINCT unnest(map_keys(Dimensions)) FROM points").fetchall()
        metrics = self._connection.execute("SELECT DISTINCT MetricName FROM points").fetchall()
        return {key for (key,) in keys}, {metric for (metric,) in metrics}

    def mark(self, source: str) -> Mark | None:
        """Give the mark of the source with this identity."""
        row = self._connection.execute(
            "SELECT source, offset_bytes, lines, digest, coalesce(state, ''::BLOB) FROM marks WHERE source = ?",
            [source],
        ).fetchone()
        return Mark(*row) if row else None

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection, for who asks more of it than `query` does."""
        return self._connection

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


def open_read_only(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a store to read it; nothing in it or beside it changes.

    Args:
        path: the file.

    Returns:
        The connection.

    Raises:
        ConfigurationError: there is no such file, or it is no store.
        TryAgainLaterError: another process writes to it.
    """
    if not path.exists():
        raise ConfigurationError(
            f"{path}: there is no such store; make one with flowemf replay LOG --to local --database {path}, or name "
            "the logs themselves as PATH (- for standard input)"
        )
    with _translated(path):
        if _version(path) is None:
            raise ConfigurationError(f"{path}: is an empty database, not a store; name another --database")
        return _connect(path, read_only=True)


def _in_memory() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config=_CONFIGURATION)
    connection.execute(TABLES)
    return connection


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    with _translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
        version = _version(path)
        connection = _connect(path)
        if version is None:
            connection.execute(TABLES)
        elif version == 1:
            connection.execute(FROM_VERSION_1)
        return connection


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        if "could not set lock" in str(error).lower():
            raise TryAgainLaterError(
                f"{path}: another process has the store open; wait for it, or name another --database"
            ) from None
        raise ConfigurationError(
            f"{path}: cannot be used as a store; name another --database ({_first_line(error)})"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be reached ({error.strerror}); name another --database") from None


def _create(path: Path) -> None:
    """Make an empty database beside and link it into place, since DuckDB refuses what a dying process leaves of one."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as beside:
        made = Path(beside, "new.duckdb")
        _connect(made).close()
        try:
            os.link(made, path)
        except FileExistsError:  # another process was faster
            return
        except OSError:  # a file system without hard links
            made.rename(path)


def _version(path: Path) -> int | None:
    """Refuse what is not ours, without touching it; give the version of what is, None for an empty database."""
    with _connect(path, read_only=True) as connection:
        tables = _tables(connection)
        row = connection.execute("SELECT schema_version FROM flowemf").fetchone() if "flowemf" in tables else None
    version = row[0] if row else None
    if tables and version not in (1, SCHEMA_VERSION):
        found = f"version {version}" if row else "other tables"
        raise ConfigurationError(
            f"{path}: holds {found}, not a store of version {SCHEMA_VERSION}; name another --database"
        )
    return version


def _connect(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    # An absolute path, since DuckDB reads :memory:, md:x and sqlite:x as something else than files.
    return duckdb.connect(str(path.absolute()), read_only=read_only, config=_CONFIGURATION)


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
