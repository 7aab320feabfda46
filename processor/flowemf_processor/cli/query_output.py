"""How `flowemf query` answers: --format, -o, --limit, --timeout.

The options go in, and with each question a reader; the answer comes out on stdout or in a file.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.options.building import together
from flowemf_processor.cli.output import answers
from flowemf_processor.cli.output.streams import binary_data, counted, data, is_terminal, printable, say, written_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowemf_processor.sinks.metrics_reader import MetricsReader

TABLE, JSON, CSV, MARKDOWN, PARQUET = FORMATS = ("table", "json", "csv", "markdown", "parquet")
_SUFFIXES = {".json": JSON, ".csv": CSV, ".md": MARKDOWN, ".parquet": PARQUET}
# Of several answers in one stream only these can be told apart.
_FOR_SEVERAL = (TABLE, MARKDOWN)

TERMINAL_ROWS = 100
"""So many rows of a table are shown on a terminal."""

TERMINAL_SECONDS = 60.0
"""So long somebody at a terminal waits for an answer."""


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What the user chose; each member is the option of its name, `answer_form` that of --format."""

    answer_form: str | None
    output: str | None
    limit: int | None
    timeout: float | None

    @property
    def chosen_form(self) -> str:
        """The format: that of the option, else what the file's name says, else a table."""
        return self.answer_form or _SUFFIXES.get(Path(self.output or "").suffix.lower(), TABLE)

    @property
    def is_for_people(self) -> bool:
        """Whether somebody looks at the answer directly."""
        return self.output is None and is_terminal(sys.stdout)

    def print(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print a list of our own."""
        for line in _lines(self.chosen_form, columns, rows, self.width):
            data(line)

    @contextlib.contextmanager
    def exporting(self) -> Iterator[Exporting]:
        """Open what is to be written.

        Yields:
            What writes answers there; a file of -o is there when the block ends without an error.

        Raises:
            ConfigurationError: the file cannot be written.
            click.UsageError: the format does not go there.
        """
        if self.chosen_form == PARQUET and self.is_for_people:
            raise click.UsageError(
                "--format parquet is not for a terminal; name a file with -o, or redirect the output."
            )
        if self.output is not None:
            with written_whole(Path(self.output)) as file:
                yield Exporting(self, file, None if self.chosen_form == PARQUET else file)
        elif self.chosen_form == PARQUET:
            with tempfile.TemporaryDirectory(prefix="flowemf-") as directory:
                file = Path(directory, "answer.parquet")
                yield Exporting(self, file, None)
                binary_data(file.read_bytes())
        else:
            yield Exporting(self, None, None)

    @property
    def rows_limit(self) -> int | None:
        """How many rows are shown at most; None for all."""
        return self.limit or (TERMINAL_ROWS if self.is_for_people and self.chosen_form == TABLE else None)

    def statements_of(self, sql: str) -> list[str]:
        """Divide the user's SQL.

        Raises:
            ConfigurationError: it is no question.
            click.UsageError: there are several, and the format has room for one.
        """
        from flowemf_processor.sinks.metrics_reader import questions

        statements = questions(sql)
        if len(statements) > 1 and self.chosen_form not in _FOR_SEVERAL:
            raise click.UsageError(
                f"{len(statements)} questions: --format {self.chosen_form} has room for one; ask them one at a time, "
                f"or use --format {' or '.join(_FOR_SEVERAL)}."
            )
        return statements

    @property
    def width(self) -> int | None:
        """How many characters fit in a line; None for any number."""
        return shutil.get_terminal_size().columns if self.is_for_people else None


@dataclass(frozen=True, slots=True)
class Exporting:
    """Writes answers where they are wanted.

    Attributes:
        options: what the user chose.
        file: the file that the reader may write; None where nothing but text leaves.
        text_file: the file that takes text; None for stdout.
    """

    options: OutputOptions
    file: Path | None
    text_file: Path | None

    def answer(self, reader: MetricsReader, statements: Sequence[str], parameters: Mapping[str, str]) -> None:
        """Answer questions, one after the other.

        Args:
            reader: knows the answers.
            statements: the questions.
            parameters: what their parameters stand for.

        Raises:
            ConfigurationError: the SQL is wrong, or takes too long.
        """
        seconds = self.options.timeout or (TERMINAL_SECONDS if self.options.is_for_people else None)
        with reader.limited(seconds):
            if self.options.chosen_form == PARQUET and self.file is not None:
                reader.write_parquet(statements[0], self.file, parameters)
            elif self.text_file is not None:
                with self.text_file.open("w", encoding="utf-8", newline="\n") as stream:
                    self._write(reader, statements, parameters, lambda line: stream.write(f"{line}\n"))
            else:
                self._write(reader, statements, parameters, data)

    def _write(
        self,
        reader: MetricsReader,
        statements: Sequence[str],
        parameters: Mapping[str, str],
        write: Callable[[str], object],
    ) -> None:
        options = self.options
        for number, statement in enumerate(statements):
            if number:
                write("")
            answer = reader.ask(statement, parameters)
            rows = _Rows(answer.rows, options.rows_limit)
            for line in _lines(options.chosen_form, answer.columns, rows, options.width):
                write(printable(line) if options.is_for_people else line)
            if rows.are_more:
                say(f"flowemf query: {counted(rows.count, 'row')} shown, and there are more (--limit N, or -o FILE)")
            if not rows.count:
                say(f"flowemf query: no rows{_why(reader)}")


class _Rows:
    """Rows up to a limit; counts them as they pass."""

    def __init__(self, rows: Iterator[tuple[Any, ...]], limit: int | None) -> None:
        self._rows = rows
        self._limit = limit
        self.count = 0
        self.are_more = False

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for row in self._rows:
            if self.count == self._limit:
                self.are_more = True
                return
            self.count += 1
            yield row


def _why(reader: MetricsReader) -> str:
    is_empty = not list(reader.ask("SELECT 1 FROM METRICS LIMIT 1").rows)
    return (
        "; METRICS itself is empty here: no metric lines, or none that --since, --until, --where or --namespace leave"
        if is_empty
        else ""
    )


def _lines(form: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], width: int | None) -> Iterator[str]:
    if form == TABLE:
        return answers.table(columns, rows, width=width)
    write = {JSON: answers.json_array, CSV: answers.comma_separated, MARKDOWN: answers.markdown}[form]
    return write(columns, rows)


_format = click.option(
    "--format",
    "answer_form",
    type=click.Choice(FORMATS),
    help="How to answer. Default: what the name of -o says, else a table, whose numbers are rounded; the others are "
    "exact.",
)
_output = click.option("-o", "--output", metavar="FILE", help="Write the answer into this file instead of to stdout.")
_limit = click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1),
    help=f"At most N rows. Default: all; on a terminal {TERMINAL_ROWS} of a table.",
)
_timeout = click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(0, min_open=True),
    help=f"Give up after so many seconds. Default: never; on a terminal {TERMINAL_SECONDS:g}.",
)
output_options = together(_format, _output, _limit, _timeout)
"""Adds them to a command, which gets `answer_form`, `output`, `limit` and `timeout`."""
