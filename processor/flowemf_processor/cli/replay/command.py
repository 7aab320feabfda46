"""`flowemf replay`: brings the metrics of a log to a destination.

Logs and options go in, or an explanation of what contradicts what comes out; else the destination gets the metrics, and
an account of every line and datapoint comes out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.options.building import allowance_option, aws_options, taken
from flowemf_processor.cli.options.metrics_input import DEFAULT_DATABASE
from flowemf_processor.cli.options.reading import (
    STDIN,
    InputOptions,
    ReadingOptions,
    chosen_paths,
    input_options,
    max_series_option,
    paths_argument,
    reading_options,
)
from flowemf_processor.cli.replay.delivery_options import DeliveryOptions, delivery_options
from flowemf_processor.cli.replay.destinations import DESTINATIONS, PARTICULAR
from flowemf_processor.cli.replay.engine_options import EngineOptions, engine_options
from flowemf_processor.cli.replay.following import FollowOptions, follow_options
from flowemf_processor.cli.replay.log_group import LogOptions, log_options
from flowemf_processor.cli.replay.runs import Wish, carry_out
from flowemf_processor.cli.replay.to_cloudwatch import AUTO
from flowemf_processor.cli.replay.to_this_machine import STDOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.cli.options.building import Allowance

_EPILOG = """
\b
Examples:
  flowemf replay app.log --to local
  cat app.log | flowemf replay --to metrics --dry-run
  flowemf replay logs/ --to metrics --region eu-central-1
  kubectl logs deploy/chat | flowemf replay --to metrics --source-id chat
  flowemf replay 's3://logs/chat/2026/*.gz' --to local
  flowemf replay 's3://logs/chat/2026/*' --to metrics --engine spark
  flowemf replay 'logs:///aws/ecs/chat?since=1h' --to local
  flowemf replay '/var/log/chat/app.log*' --to metrics --follow
  flowemf replay app.log --to metrics --namespace MyApp --rejects bad.jsonl
  flowemf replay app.log --to logs --log-group /chat/app --create --verify
  flowemf replay app.log --to auto --log-group /chat/app --to local
  kubectl logs deploy/chat | flowemf replay --to stdout | gzip > metrics.gz

\b
Exit codes:
  0  delivered, or nothing to deliver
  1  more invalid lines than --max-invalid allows
  2  usage or configuration; what was sent before is accounted for
  3  not delivered, or a source could not be read: run the same command again
  4  some or all was refused for good or given up: running again will not help

With several --to, the gravest of 2, 3, 4, 1 and 0. Lines that come out of a log group, of which CloudWatch extracts the
metrics by itself, would count twice in CloudWatch: they end the run with 2, unless --not-extracted is given.
"""


def _destinations(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Take each destination once, in the order given; click's own complaint about none would fill the screen."""
    if not given:
        raise click.UsageError(f"--to is missing: where to? One of {', '.join(DESTINATIONS)}.")
    return tuple(dict.fromkeys(given))


@click.command(epilog=_EPILOG)
@paths_argument
@click.option(
    "--to",
    type=click.Choice(list(DESTINATIONS)),
    multiple=True,
    callback=_destinations,
    help="Where to: a local DuckDB file; CloudWatch by PutMetricData; a log group, of which CloudWatch extracts the "
    "metrics; auto, which chooses between these two; Prometheus; or the lines to stdout. Give it again for several. "
    "Required.",
)
@log_options
@click.option(
    "--not-extracted",
    is_flag=True,
    help="Say that CloudWatch has not extracted the metrics of these lines, though they come out of a log group.",
)
@click.option(
    "--database",
    metavar="FILE",
    help=f"The DuckDB file of --to local; made where there is none. Default: {DEFAULT_DATABASE}.",
)
@click.option(
    "--prometheus-file",
    metavar="FILE",
    help="The file of --to prometheus, as node_exporter's textfile collector reads it; its name ends in .prom.",
)
@aws_options("Send to")
@click.option(
    "--checkpoint",
    metavar="FILE",
    help="Remember here what CloudWatch or Prometheus has got. Default: flowemf/checkpoint.sqlite3 in $XDG_STATE_HOME "
    "or ~/.local/state.",
)
@click.option("--no-checkpoint", is_flag=True, help="Remember nothing: send everything, even if it was sent before.")
@click.option("--source-id", metavar="ID", help="The name under which standard input is remembered and known again.")
@follow_options
@input_options
@delivery_options
@reading_options
@engine_options
@max_series_option
@click.option("--dry-run", is_flag=True, help="Print the requests, one JSON object a line, and send or store nothing.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the ledger of the run as JSON; after --dry-run's requests."
)
@allowance_option(default="any number")
def replay(
    paths: tuple[str, ...],
    as_json: bool,
    allowance: Allowance | None,
    **options: Any,
) -> int:
    """Bring the metrics of a log to a destination.

    PATH is a file, a directory (every file in it), a pattern, s3://BUCKET/KEY, logs://GROUP?since=1h or - for
    standard input; without any, standard input is read. Compressed logs are decompressed.
    Invalid lines are left out and accounted for. A file that is replayed again goes on where it was left: what a
    destination has accepted is not sent to it a second time.
    """
    reading, inputs = taken(ReadingOptions, options), taken(InputOptions, options)
    following, delivering = taken(FollowOptions, options), taken(DeliveryOptions, options)
    log, engine = taken(LogOptions, options), taken(EngineOptions, options)
    chosen = ReplayOptions(delivering=delivering, log=log, **options)
    wanted = chosen_paths(paths)
    refuse_contradictions(chosen, reading, following, wanted, as_json=as_json)
    engine.refuse_useless(chosen.to, wanted, jobs=reading.jobs, follow=following.follow)
    return carry_out(Wish(chosen, wanted, reading, inputs, following, engine, allowance, as_json))


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What the user chose; each member is the option of its name."""

    to: tuple[str, ...]
    database: str | None
    prometheus_file: str | None
    endpoint_url: str | None
    region: str | None
    checkpoint: str | None
    no_checkpoint: bool
    source_id: str | None
    dry_run: bool
    not_extracted: bool
    delivering: DeliveryOptions
    log: LogOptions


def refuse_contradictions(
    options: ReplayOptions,
    reading: ReadingOptions,
    following: FollowOptions,
    paths: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """Refuse an option that would be ignored: whoever wrote it expects something of it.

    Args:
        options: what the user chose.
        reading: what is demanded of lines.
        following: whether logs are followed.
        paths: what is read.
        as_json: whether the ledger is wanted on standard output.

    Raises:
        click.UsageError: something contradicts something else.
    """
    _refuse_what_no_destination_knows(options, reading)
    options.log.refuse_contradictions(options.to, paths, is_dry_run=options.dry_run)
    _refuse_counting_twice(options)
    _refuse_useless_dry_run(options)
    if as_json and STDOUT in options.to:
        raise click.UsageError("--json and --to stdout both write to standard output; leave one out.")
    if options.checkpoint and options.no_checkpoint:
        raise click.UsageError("--checkpoint and --no-checkpoint contradict each other; leave one out.")
    if options.source_id and STDIN not in paths:
        raise click.UsageError(
            "--source-id names standard input, and that is not read; leave it out, or add - as PATH."
        )
    if reading.rejects is not None and options.dry_run:
        raise click.UsageError(
            "--dry-run writes nothing, so --rejects contradicts it; flowemf check has --rejects too."
        )
    if following.follow and len(options.to) > 1 and STDIN in paths:
        raise click.UsageError(
            "--follow can give standard input to one --to only; write it to a file and follow that, or run one command "
            "for each."
        )
    following.refuse_useless(is_dry_run=options.dry_run)
    if following.follow and options.delivering.retry_for is not None:
        raise click.UsageError(
            "--retry-for has no meaning with --follow, which tries every request until it gets through; leave it out."
        )


def _refuse_what_no_destination_knows(options: ReplayOptions, reading: ReadingOptions) -> None:
    known = frozenset().union(*(DESTINATIONS[each].options for each in options.to))
    given: dict[str, Any] = {
        **asdict(options),
        **asdict(options.delivering),
        **asdict(options.log),
        "max_series": reading.max_series,
    }
    for name in sorted(PARTICULAR - known):
        if given[name] is not None and given[name] is not False:
            destinations = " or ".join(f"--to {each}" for each in options.to)
            raise click.UsageError(f"--{name.replace('_', '-')} has no meaning with {destinations}; leave it out.")


def _refuse_counting_twice(options: ReplayOptions) -> None:
    """Refuse two roads to the same metrics."""
    roads = [each for each in options.to if DESTINATIONS[each].counts_in_cloudwatch]
    if len(roads) > 1:
        both = " and ".join(f"--to {each}" for each in roads)
        raise click.UsageError(
            f"{both} bring the same metrics to CloudWatch, which would count them {len(roads)} times; choose one "
            "(--to auto takes the road that works)."
        )


def _refuse_useless_dry_run(options: ReplayOptions) -> None:
    """Refuse to rehearse what cannot be rehearsed."""
    if not options.dry_run:
        return
    if AUTO in options.to:
        raise click.UsageError(
            "--dry-run asks nobody, and --to auto has to; rehearse --to logs and --to metrics, between which it "
            "chooses."
        )
    if STDOUT in options.to:
        raise click.UsageError(
            "--dry-run has no meaning with --to stdout, which sends and stores nothing; leave it out."
        )
