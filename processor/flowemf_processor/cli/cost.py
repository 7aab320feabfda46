"""`flowemf cost`: what the metrics of a log cost in a month, what drives that, and what would save how much.

Logs and a table of prices go in; bills come out on stdout, as tables or as JSON.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.options.building import taken
from flowemf_processor.cli.options.reading import (
    InputOptions,
    asking_options,
    chosen_paths,
    input_options,
    paths_argument,
    taken_asking,
)
from flowemf_processor.cli.output.placed_ledger import read_summary
from flowemf_processor.cli.output.progress import ReadingProgress
from flowemf_processor.cli.output.streams import data, json_data, say
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.cli.options.reading import ReadingOptions
    from flowemf_processor.cli.output.placed_ledger import PlacedLedger
    from flowemf_processor.core.insight.cost_prices import Prices
    from flowemf_processor.core.insight.usage import Usage

_PRICES = "cloudwatch_prices.json"
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([mhdw])")
_UNIT_HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}
_EPILOG = """
\b
Examples:
  flowemf cost app.log
  flowemf cost 'logs:///aws/ecs/chat?since=1d'
  flowemf cost app.log --span 1h --no-free-tier
  flowemf cost app.log --format json
  flowemf cost app.log --prices my-prices.json

Only metric lines are counted; the other lines of a log cost as much for each byte. What a month costs is extrapolated
from the time between the first and the last event, so give a log of an ordinary day. flowemf schema show
cloudwatch-prices tells what a table of prices has to look like.

Exits with 0 if it was computed, 2 if an option is wrong or there is no such PATH, 3 if a source could not be read to
its end, so that the bill lacks something.
"""


def _span_hours(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    found = _SPAN.fullmatch(text)
    hours = float(found[1]) * _UNIT_HOURS[found[2]] if found else 0.0
    if not hours:
        raise click.BadParameter(f"{text!r} is no time; write minutes, hours, days or weeks: 30m, 1h, 7d, 2w.")
    return hours


@click.command(epilog=_EPILOG)
@paths_argument
@click.option(
    "--format",
    "answer_form",
    type=click.Choice(("table", "json")),
    default="table",
    help="How to answer. Default: table, whose numbers are rounded.",
)
@click.option("--prices", metavar="FILE", help="Compute with these prices. Default: those of us-east-1.")
@click.option(
    "--span",
    "span_hours",
    metavar="TIME",
    callback=_span_hours,
    help="How long the log took: 30m, 1h, 7d. Default: from its first to its last event.",
)
@click.option(
    "--no-free-tier",
    "pays_all",
    is_flag=True,
    help="Leave the free tier out, since other applications of the account use it up.",
)
@input_options
@asking_options
def cost(
    paths: tuple[str, ...],
    answer_form: str,
    prices: str | None,
    span_hours: float | None,
    pays_all: bool,
    **options: Any,
) -> int:
    """Say what the metrics of logs cost in a month, and what would save how much.

    Unique metrics by dimension and roll-up, PutMetricData requests and log bytes, on both roads, with and without
    merging. PATH is a file, a directory (every file in it), a pattern, s3://BUCKET/KEY, logs://GROUP?since=1h or - for
    standard input; without any, standard input is read. Nothing is sent and nothing is written.
    """
    from flowemf_processor.cli import cost_output
    from flowemf_processor.cli.output.placed_ledger import PlacedLedger
    from flowemf_processor.core.insight.cost import Terms, months_per_log

    inputs, reading = taken(InputOptions, options), taken_asking(options)
    table = _prices(prices)
    ledger = PlacedLedger()
    usage = _usage(chosen_paths(paths), inputs, reading, ledger)
    say(f"flowemf cost: {read_summary(ledger)}")
    exit_code = TryAgainLaterError.exit_code if ledger.unreadable_sources else 0
    if usage is None:
        say("flowemf cost: there is no metric line, so there is nothing to pay for (flowemf check says more)")
        return exit_code
    terms = Terms(table, months_per_log(usage, table, span_hours), not pays_all)
    if answer_form == "json":
        json_data(cost_output.as_json(usage, terms))
    else:
        for line in cost_output.tables(usage, terms):
            data(line)
    return exit_code


def _usage(paths: Sequence[str], inputs: InputOptions, reading: ReadingOptions, ledger: PlacedLedger) -> Usage | None:
    from flowemf_processor.clock import SystemClock
    from flowemf_processor.core.insight.usage import UsageCounter
    from flowemf_processor.pipeline.steps import events_of, steps_of

    sources = inputs.open(paths)
    counter = UsageCounter()
    with reading.guards(sources, paths, ledger) as guards, ReadingProgress(sources) as progress:
        for step in steps_of(sources, ledger, SystemClock(), None, progress.advance, guards, keeps_text=True):
            for event in events_of(step):
                counter.add(event)
    return counter.close()


def _prices(file: str | None) -> Prices:
    from flowemf_processor.core import insight
    from flowemf_processor.core.insight.cost_prices import read_prices

    if file is None:
        return read_prices(json.loads(resources.files(insight).joinpath(_PRICES).read_text(encoding="utf-8")))
    try:
        return read_prices(json.loads(Path(file).read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationError(f"--prices {file}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # no JSON, no text, not of the schema
        raise ConfigurationError(
            f"--prices {file}: {error}; flowemf schema show cloudwatch-prices tells how it has to look"
        ) from error
