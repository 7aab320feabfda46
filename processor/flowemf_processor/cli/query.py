"""`flowemf query`: answers questions about the metrics of a log, in SQL or ready-made; shows how CloudWatch is asked.

A question, logs or a store, and a format go in; the answer comes out on stdout or in a file.
"""

from __future__ import annotations

import os
import re
import textwrap
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.options.building import taken
from flowemf_processor.cli.options.metrics_input import metrics_options, taken_metrics_input
from flowemf_processor.cli.output.streams import data, json_data, say
from flowemf_processor.cli.query_output import FORMATS, PARQUET, TABLE, OutputOptions, output_options
from flowemf_processor.core.insight.cloudwatch_queries import LOGS_REMARK, METRICS_REMARK, cloudwatch_queries
from flowemf_processor.core.insight.questions import DEFAULT_BY, QUESTION_BY_NAME, QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.cli.options.metrics_input import MetricsInput
    from flowemf_processor.core.insight.questions import Question
    from flowemf_processor.sinks.metrics_reader import MetricsReader


_EPILOG = """
\b
Examples:
  flowemf query --list
  flowemf query top-models app.log
  flowemf query error-rate --database metrics.duckdb --since 1d
  flowemf query cost --by Team app.log
  flowemf query "SELECT * FROM METRICS LIMIT 5" app.log
  flowemf query "DESCRIBE METRICS" app.log
  flowemf query slow-flows logs/ --format csv -o slow.csv
  flowemf query top-models --cloudwatch --namespace MyApp/GenKit

\b
METRICS has one row for each value of a record: Timestamp (UTC), Namespace,
MetricName, Value, SampleCount, Unit, one column for each dimension, and one
for each metric that holds what the row adds to its sum.

Exits with 0 if it was answered, 2 if the SQL or an option is wrong or there is no such PATH, 3 if a source could not be
read to its end, so that the answer lacks something.
"""
_HAS_DIMENSION = "SELECT 1 FROM METRICS WHERE Dimensions[$by] IS NOT NULL LIMIT 1"
_DIMENSIONS = "SELECT DISTINCT UNNEST(map_keys(Dimensions)) AS key FROM METRICS WHERE ModelID IS NOT NULL ORDER BY key"
_NAME = re.compile(r"[\w-]+")
_COMMENT = re.compile(r"--(\s|[^\n=]*\n)")
_EXAMPLE_NAMESPACE = "MyApp/GenKit"
_COLUMNS = ("Name", "Question")
_WIDTH = 80


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the user wants to know.

    Attributes:
        sql: the question.
        parameters: what its parameters stand for.
    """

    sql: str
    parameters: dict[str, str]


class _QueryCommand(click.Command):
    """A command whose argument may begin as SQL's comments do: `-- Top models` is no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f" {each}" if _COMMENT.match(each) else each for each in args])


@click.command(cls=_QueryCommand, epilog=_EPILOG)
@click.argument("question", metavar="[SQL|NAME]", required=False)
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=str)
@click.option("--list", "lists", is_flag=True, help="List the ready-made questions.")
@click.option(
    "--cloudwatch",
    is_flag=True,
    help="Print the question NAME as CloudWatch Logs Insights and Metrics Insights ask it, for --namespace.",
)
@click.option("--by", metavar="KEY", help=f"The dimension that the question `cost` is asked of. Default: {DEFAULT_BY}.")
@output_options
@metrics_options
def query(
    question: str | None,
    paths: tuple[str, ...],
    lists: bool,
    cloudwatch: bool,
    by: str | None,
    **options: Any,
) -> int:
    """Ask questions about the metrics of logs, or of a local store.

    The question is SQL over the table METRICS, or the name of a ready-made one (--list). PATH is a file, a directory
    (every file in it), a pattern, s3://BUCKET/KEY, logs://GROUP?since=1h or - for standard input; without any, the
    local store is asked. Nothing but the files of -o and --rejects is written.
    """
    output = taken(OutputOptions, options)
    metrics = taken_metrics_input(options)
    if lists:
        return _list(question, output)
    if question is None:
        raise click.UsageError("no question: give SQL or a NAME; flowemf query --list shows the ready-made ones.")
    if cloudwatch:
        return _show_in_cloudwatch(question, paths, by, metrics, output)
    asked = _asked(question, by)
    statements = output.statements_of(asked.sql)
    with output.exporting() as exporting, metrics.open(paths, "query", exports=exporting.file) as opened:
        exporting.answer(opened.reader, statements, asked.parameters)
        if asked.parameters:
            _warn_of_missing_dimension(opened.reader, asked.parameters)
    return opened.exit_code


def _asked(question: str, by: str | None) -> _Asked:
    """Tell a name from SQL."""
    if _NAME.fullmatch(question):
        found = _named(question)
        if found.takes_by:
            return _Asked(found.sql, {"by": by or DEFAULT_BY})
        sql = found.sql
    elif _is_path(question):
        raise click.UsageError(f"{question} is no question; SQL or a NAME comes first, then PATH.")
    else:
        sql = question
    if by is not None:
        raise click.UsageError("--by belongs to the question cost; leave it out.")
    return _Asked(sql, {})


def _is_path(question: str) -> bool:
    # Of any text whatever: Path.exists() raises on what is too long for a name.
    return os.path.exists(question) or re.fullmatch(r"\S+://\S+", question) is not None  # noqa: PTH110


def _warn_of_missing_dimension(reader: MetricsReader, parameters: dict[str, str]) -> None:
    """Say so where nothing has the dimension that was asked for, and which ones there are."""
    if list(reader.ask(_HAS_DIMENSION, parameters).rows):
        return
    there = ", ".join(key for (key,) in reader.ask(_DIMENSIONS).rows)
    if there:
        say(f"flowemf query: no metric has the dimension {parameters['by']}; --by takes one of these: {there}")


def _named(name: str) -> Question:
    found = QUESTION_BY_NAME.get(name)
    if found is None:
        near = get_close_matches(name, QUESTION_BY_NAME, n=3, cutoff=0.4)
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise click.UsageError(f"there is no ready-made question {name!r}.{meant} flowemf query --list shows them.")
    return found


def _list(question: str | None, output: OutputOptions) -> int:
    if question is not None:
        raise click.UsageError("--list answers nothing; leave the question out, or leave out --list.")
    if output.answer_form == "json":
        json_data(_listed_as_json())
    elif output.answer_form == PARQUET:
        raise click.UsageError(f"--list has the formats {', '.join(name for name in FORMATS if name != PARQUET)}.")
    else:
        output.print(_COLUMNS, _listed())
    return 0


def _listed() -> Iterator[tuple[str, str]]:
    """Give a row for each question: name and sentence."""
    return ((question.name, question.sentence) for question in QUESTIONS)


def _listed_as_json() -> list[dict[str, Any]]:
    """Give everything that is known of each question."""
    return [
        {
            "name": question.name,
            "question": question.sentence,
            "columns": dict(question.columns),
            "sql": question.sql,
        }
        for question in QUESTIONS
    ]


def _show_in_cloudwatch(
    question: str, paths: tuple[str, ...], by: str | None, metrics: MetricsInput, output: OutputOptions
) -> int:
    if not _NAME.fullmatch(question):
        raise click.UsageError("--cloudwatch is for ready-made questions; flowemf query --list shows their names.")
    found = _named(question)
    if paths:
        raise click.UsageError("--cloudwatch reads no PATH: it prints what you ask CloudWatch; leave PATH out.")
    if by is not None and not found.takes_by:
        raise click.UsageError("--by belongs to the question cost; leave it out.")
    namespace, *others = metrics.reading.namespace or (_EXAMPLE_NAMESPACE,)
    if others or namespace.endswith("*"):
        raise click.UsageError("--cloudwatch asks one namespace: give --namespace once, without a *.")
    if output.answer_form == "json":
        json_data(_in_cloudwatch_as_json(found, namespace, by or DEFAULT_BY))
    elif output.answer_form in (None, TABLE):
        for line in _in_cloudwatch(found, namespace, by or DEFAULT_BY):
            data(line)
    else:
        raise click.UsageError("--cloudwatch has --format json, or text without --format.")
    return 0


def _in_cloudwatch(question: Question, namespace: str, by: str) -> Iterator[str]:
    """Write a question in CloudWatch's languages, for people.

    Args:
        question: the question.
        namespace: the namespace of the metrics.
        by: the dimension, where the question takes one.

    Yields:
        The lines.
    """
    asked = cloudwatch_queries(question.name, namespace=namespace, by=by)
    yield question.sentence
    if asked.logs_insights:
        yield from ("", "CloudWatch Logs Insights (choose the log group of the application):", "")
        yield from asked.logs_insights.splitlines()
        yield from ("", *_wrapped(LOGS_REMARK))
    if asked.metrics_insights:
        yield from ("", "CloudWatch Metrics Insights:")
        for query in asked.metrics_insights:
            yield from ("", query)
        yield from ("", *_wrapped(METRICS_REMARK))
    if asked.lacking:
        yield from ("", *_wrapped(asked.lacking))


def _wrapped(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from textwrap.wrap(line, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _in_cloudwatch_as_json(question: Question, namespace: str, by: str) -> dict[str, Any]:
    """Write the same for programs; `logs_insights` is null where the question cannot be asked there."""
    asked = cloudwatch_queries(question.name, namespace=namespace, by=by)
    return {
        "name": question.name,
        "question": question.sentence,
        "logs_insights": asked.logs_insights or None,
        "metrics_insights": list(asked.metrics_insights),
        "lacking": asked.lacking,
    }
