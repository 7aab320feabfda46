"""Answers questions in SQL over the view METRICS, whoever asked them, and says what is wrong with one.

A connection to a store and SQL go in; the columns and rows of an answer come out. Nothing that the SQL says can write,
or reach a file, the network or a variable of this process.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from flowemf_processor.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")
_ROWS_AT_ONCE = 1000
# What nobody divides by gives NULL, as in a rate of nothing; the names of the settings differ between versions.
_LIKE_NULL = {"ieee_floating_point_ops": "false", "error_on_division_by_zero": "false"}
# https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview: once locked, no SQL can open these again.
_LOCKS = {
    "temp_directory": "''",
    "python_enable_replacements": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
}
# A pivot is several statements to DuckDB.
_ANSWERED = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI}

_MISSING_COLUMN = re.compile(r'(?:Referenced column|does not have a column named) "([^"]*)"')
_MISSING_TABLE = re.compile(r"Table with name (.*?) does not exist")
_SUGGESTION = re.compile(r'Did you mean "([^"]*)"')
_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
_KIND = re.compile(r"^[A-Z][\w ]* Error: ")
_NAMES_SHOWN = 3


def questions(sql: str) -> list[str]:
    """Divide SQL into its statements, before anything is opened or read.

    Args:
        sql: the user's words.

    Returns:
        At least one statement.

    Raises:
        ConfigurationError: it is no SQL, it is empty, or a statement does something else than ask.
    """
    with duckdb.connect() as connection, _explained(sql, tuple):
        statements = connection.extract_statements(sql)
    if not statements:
        raise ConfigurationError("the SQL is empty; ask something, such as SELECT * FROM METRICS LIMIT 10")
    for each in statements:
        if each.type not in _ANSWERED:
            word = str(each.type).rpartition(".")[2]
            raise ConfigurationError(
                f"SQL: {word} is not answered: questions only read; begin with SELECT, WITH, FROM, DESCRIBE, SUMMARIZE "
                "or EXPLAIN"
            )
    return [each.query for each in statements]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question gave.

    Attributes:
        columns: the names of the columns.
        rows: the rows, which are fetched as they are asked for.
    """

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which rows METRICS has.

    Attributes:
        since_ms: those from this time on, in milliseconds since the epoch.
        until_ms: those before this time.
        namespaces: those of these namespaces; none means all. A `*` at the end stands for any ending.
        dimensions: those with these values of these dimension keys.
    """

    since_ms: int | None = None
    until_ms: int | None = None
    namespaces: tuple[str, ...] = ()
    dimensions: tuple[tuple[str, str], ...] = ()


class MetricsReader:
    """Answers questions over a store.

    Args:
        connection: to the store; from now on it serves for questions alone.
        narrowing: which rows METRICS is to have.
        exports: the one file that `write_parquet` may write.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        narrowing: Narrowing = Narrowing(),
        *,
        exports: Path | None = None,
    ) -> None:
        self._connection = connection
        self._deadline: float | None = None
        _narrow(connection, narrowing)
        _lock(connection, exports)

    def ask(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Answer:
        """Answer one question.

        Args:
            sql: one statement of those that `questions` gives.
            parameters: what `$name` stands for in it.

        Returns:
            The answer; its rows have to be taken before the next question is asked.

        Raises:
            ConfigurationError: it names what is not there, or what nobody may reach.
        """
        with _explained(sql, self._names):
            cursor = self._interruptibly(lambda: self._connection.execute(sql, dict(parameters or {})))
            columns = tuple(column[0] for column in cursor.description or ())
        return Answer(columns, self._rows(cursor, sql))

    def keep(self, name: str, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Keep the answer to a question in memory, as a table for further ones.

        Args:
            name: of the table, a word; what was kept under it before is gone.
            sql: one statement.
            parameters: what `$name` stands for in it.

        Raises:
            ConfigurationError: as `ask`.
        """
        with _explained(sql, self._names):
            made = f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}"
            self._interruptibly(lambda: self._connection.execute(made, dict(parameters or {})))

    def write_parquet(self, sql: str, path: Path, parameters: Mapping[str, Any] | None = None) -> None:
        """Write the answer into a Parquet file: that which was named when the reader was made.

        Raises:
            ConfigurationError: as `ask`; or a column has a type that Parquet lacks.
        """
        with _explained(sql, self._names):
            self._interruptibly(
                lambda: self._connection.sql(sql, params=dict(parameters or {})).write_parquet(str(path))
            )

    @contextlib.contextmanager
    def limited(self, seconds: float | None) -> Iterator[None]:
        """Give up what is asked within this block when it takes longer.

        Args:
            seconds: how long it may take; None for as long as it takes.

        Raises:
            ConfigurationError: the time is over.
        """
        self._deadline = None if seconds is None else monotonic() + seconds
        try:
            yield
        except TimeoutError:
            raise ConfigurationError(
                f"no answer within {seconds:g} s; ask for less (--since 1d), or give it more with --timeout"
            ) from None
        finally:
            self._deadline = None

    def _interruptibly(self, work: Callable[[], T]) -> T:
        """Work beside the main thread, which hears Ctrl-C and the end of the time: DuckDB itself may miss both.

        Raises:
            TimeoutError: the time is over.
        """
        left = None if self._deadline is None else max(0.0, self._deadline - monotonic())
        with ThreadPoolExecutor(1) as beside:
            future = beside.submit(work)
            try:
                if not wait([future], left).done:
                    raise TimeoutError
                return future.result()
            finally:
                while not future.done():  # DuckDB forgets an interruption that comes before it has begun
                    self._connection.interrupt()
                    wait([future], 0.1)

    def _rows(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> Iterator[tuple[Any, ...]]:
        with _explained(sql, self._names):
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                yield from rows

    def _names(self) -> Sequence[str]:
        found = self._connection.execute("SELECT column_name FROM (DESCRIBE METRICS)").fetchall()
        return [name for (name,) in found]


def _narrow(connection: duckdb.DuckDBPyConnection, narrowing: Narrowing) -> None:
    """Put a view of the chosen rows before that of all."""
    conditions = list(_conditions(narrowing))
    if conditions:
        [(database,)] = connection.execute("SELECT current_database()").fetchall()
        everything = f'"{database.replace(chr(34), chr(34) * 2)}".main.METRICS'
        connection.execute(
            f"CREATE TEMP VIEW METRICS AS SELECT * FROM {everything} WHERE {' AND '.join(conditions)}"  # noqa: S608 - quoted
        )


def _conditions(narrowing: Narrowing) -> Iterator[str]:
    if narrowing.since_ms is not None:
        yield f"epoch_ms(Timestamp) >= {narrowing.since_ms}"
    if narrowing.until_ms is not None:
        yield f"epoch_ms(Timestamp) < {narrowing.until_ms}"
    if narrowing.namespaces:
        yield f"({' OR '.join(map(_of_namespace, narrowing.namespaces))})"
    for key, value in narrowing.dimensions:
        yield f"Dimensions[{_text(key)}] = {_text(value)}"


def _of_namespace(pattern: str) -> str:
    beginning = pattern.removesuffix("*")
    return f"Namespace = {_text(pattern)}" if beginning == pattern else f"starts_with(Namespace, {_text(beginning)})"


def _lock(connection: duckdb.DuckDBPyConnection, exports: Path | None) -> None:
    known = {name for (name,) in connection.execute("SELECT name FROM duckdb_settings()").fetchall()}
    for name, value in _LIKE_NULL.items():
        if name in known:
            connection.execute(f"SET {name} = {value}")
    if exports is not None:
        connection.execute(f"SET allowed_paths = [{_text(str(exports))}]")
    for name, value in _LOCKS.items():
        connection.execute(f"SET {name} = {value}")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


# --- What is wrong with SQL, and what was probably meant --------------------------------------------------------------


@contextlib.contextmanager
def _explained(sql: str, names: Callable[[], Sequence[str]]) -> Iterator[None]:
    """Translate what DuckDB raises within this block.

    Args:
        sql: the user's words.
        names: gives the columns of METRICS; asked only where it helps.

    Raises:
        ConfigurationError: in place of what DuckDB raised.
    """
    try:
        yield
    except duckdb.Error as error:
        raise ConfigurationError(f"SQL{_place(sql, error)}: {_explanation(str(error), names)}") from None
    except (OverflowError, ValueError) as error:  # a date that Python has not
        raise ConfigurationError(f"SQL: a value of the answer cannot be shown ({error}); cast it to VARCHAR") from None


def _explanation(said: str, names: Callable[[], Sequence[str]]) -> str:
    if found := _MISSING_COLUMN.search(said):
        return f'there is no column "{found[1]}"; {_near(found[1], names())}'
    if found := _MISSING_TABLE.search(said):
        return f'there is no table "{found[1]}"; the metrics are in METRICS: SELECT * FROM METRICS LIMIT 10'  # noqa: S608 - a message
    if "file system operations are disabled" in said or "external" in said.lower():
        return f"{_first_line(said)}; questions read METRICS and nothing else"
    if found := _SUGGESTION.search(said):
        return f"{_first_line(said)} did you mean {found[1]}?"
    return _first_line(said)


def _near(wanted: str, names: Sequence[str]) -> str:
    """Name the columns that look like the one wanted, in whichever case."""
    by_lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(wanted.lower(), by_lower, n=_NAMES_SHOWN, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(by_lower[each] for each in near)}?"
    return "DESCRIBE METRICS lists the columns"


def _first_line(said: str) -> str:
    return _KIND.sub("", said.split("\n", 1)[0]).strip()


def _place(sql: str, error: duckdb.Error) -> str:
    found = _LINE.search(str(error))
    return f" line {found[1]}" if found and "\n" in sql.strip() else ""
