"""Says what is wrong with SQL, and what was probably meant.

An exception of DuckDB and the names that there are go in; one of our errors comes out.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from typing import TYPE_CHECKING

import duckdb

from flowemf_processor.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_MISSING_COLUMN = re.compile(r'(?:Referenced column|does not have a column named) "([^"]*)"')
_MISSING_TABLE = re.compile(r"Table with name (.*?) does not exist")
_SUGGESTION = re.compile(r'Did you mean "([^"]*)"')
_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
_KIND = re.compile(r"^[A-Z][\w ]* Error: ")
_NAMES_SHOWN = 3


@contextlib.contextmanager
def explained(sql: str, names: Callable[[], Sequence[str]]) -> Iterator[None]:
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
