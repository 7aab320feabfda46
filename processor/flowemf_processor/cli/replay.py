"""`flowemf replay`: brings the metrics of a log to a destination.

Logs go in; the destination gets their metrics, and an account of every line and datapoint comes out.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.allowance import allowance_option
from flowemf_processor.cli.delivery_options import DeliveryOptions, delivery_options
from flowemf_processor.cli.following import FollowOptions, follow_options
from flowemf_processor.cli.inputs import STDIN, InputOptions, chosen_paths, input_options, paths_argument
from flowemf_processor.cli.options import taken
from flowemf_processor.cli.placed_ledger import PlacedLedger
from flowemf_processor.cli.progress import ReadingProgress
from flowemf_processor.cli.reading_options import ReadingOptions, max_series_option, reading_options
from flowemf_processor.cli.replay_delivery import DEFAULT_DATABASE, LOCAL, METRICS, Delivery, ReplayOptions, deliver
from flowemf_processor.cli.replay_ending import ending
from flowemf_processor.cli.replay_summary import summary
from flowemf_processor.cli.streams import json_data, say
from flowemf_processor.errors import TryAgainLaterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.cli.allowance import Allowance

_EPILOG = """
\b
Examples:
  flowemf replay app.log --to local
  cat app.log | flowemf replay --to metrics --dry-run
  flowemf replay logs/ --to metrics --region eu-central-1
  kubectl logs deploy/chat | flowemf replay --to metrics --source-id chat
  flowemf replay 's3://logs/chat/2026/*.gz' --to local
  flowemf replay 'logs:///aws/ecs/chat?since=1h' --to metrics
  flowemf replay '/var/log/chat/app.log*' --to metrics --follow
  flowemf replay app.log --to metrics --namespace MyApp --rejects bad.jsonl

\b
Exit codes:
  0  delivered, or nothing to deliver
  1  more invalid lines than --max-invalid allows
  2  usage or configuration; nothing was sent
  3  not delivered, or a source could not be read: run the same command again
  4  some or all of it was refused for good; running again will not help

CloudWatch counts what it is sent: where it extracts the metrics of a log group by itself, sending them too counts
them twice.
"""


@click.command(epilog=_EPILOG)
@paths_argument
@click.option(
    "--to",
    type=click.Choice([LOCAL, METRICS]),
    required=True,
    help="Where to: a local DuckDB file, or CloudWatch by PutMetricData.",
)
@click.option(
    "--database",
    metavar="FILE",
    help=f"The DuckDB file of --to local; made where there is none. Default: {DEFAULT_DATABASE}.",
)
@click.option("--endpoint-url", metavar="URL", help="Send to this endpoint instead of the Region's own.")
@click.option("--region", metavar="R", help="Send to this AWS Region. Default: the one that AWS is configured with.")
@click.option(
    "--checkpoint",
    metavar="FILE",
    help="Remember here what --to metrics has delivered. Default: flowemf/checkpoint.sqlite3 in $XDG_STATE_HOME or "
    "~/.local/state.",
)
@click.option("--no-checkpoint", is_flag=True, help="Remember nothing: send everything, even if it was sent before.")
@click.option("--source-id", metavar="ID", help="The name under which standard input is remembered and known again.")
@follow_options
@input_options
@delivery_options
@reading_options
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
    following = taken(FollowOptions, options)
    chosen = ReplayOptions(delivering=taken(DeliveryOptions, options), **options)
    wanted = chosen_paths(paths)
    _refuse_contradictions(chosen, wanted)
    _refuse_useless(reading, chosen)
    following.refuse_useless(is_dry_run=chosen.dry_run)
    ledger = PlacedLedger()
    try:
        delivery = _replayed(chosen, wanted, reading, inputs, following, ledger)
    except TryAgainLaterError:
        if ledger.destinations:  # else nothing was read yet
            _account_for(ledger, Delivery(is_dry_run=chosen.dry_run), as_json=as_json)
        raise
    _account_for(ledger, delivery, as_json=as_json)
    end = ending(ledger, delivery, allowance)
    say(f"flowemf replay: {end.sentence}")
    return end.exit_code


def _replayed(
    chosen: ReplayOptions,
    wanted: Sequence[str],
    reading: ReadingOptions,
    inputs: InputOptions,
    following: FollowOptions,
    ledger: PlacedLedger,
) -> Delivery:
    """Read what is there, or what is there and what comes."""
    if following.follow:
        with (
            reading.guards((), wanted, ledger) as guards,
            following.watch(wanted, source_id=chosen.source_id) as watch,
            ReadingProgress(None) as progress,
        ):
            return deliver(chosen, watch, ledger, progress, guards)
    sources = inputs.open(wanted, source_id=chosen.source_id)
    with reading.guards(sources, wanted, ledger) as guards, ReadingProgress(sources) as progress:
        return deliver(chosen, sources, ledger, progress, guards)


def _account_for(ledger: PlacedLedger, delivery: Delivery, *, as_json: bool) -> None:
    if as_json:
        json_data(ledger.as_json())
    for line in summary(ledger, delivery):
        say(line)


def _refuse_useless(reading: ReadingOptions, options: ReplayOptions) -> None:
    """Refuse what would be ignored of the options that commands share."""
    if reading.rejects is not None and options.dry_run:
        raise click.UsageError(
            "--dry-run writes nothing, so --rejects contradicts it; flowemf check has --rejects too."
        )
    if reading.max_series is not None and options.to == LOCAL:
        raise click.UsageError(
            "--max-series has no meaning with --to local, which keeps values and no series; leave it out."
        )


def _refuse_contradictions(options: ReplayOptions, paths: tuple[str, ...]) -> None:
    """Refuse an option that would be ignored: whoever wrote it expects something of it."""
    if options.to == LOCAL:
        for_metrics = ("endpoint_url", "region", "checkpoint", "no_checkpoint")
        useless = [name for name in for_metrics if getattr(options, name)]
        useless += [name for name, value in asdict(options.delivering).items() if value is not None]
    else:
        useless = ["database"] if options.database else []
    if useless:
        raise click.UsageError(f"--{useless[0].replace('_', '-')} has no meaning with --to {options.to}; leave it out.")
    if options.checkpoint and options.no_checkpoint:
        raise click.UsageError("--checkpoint and --no-checkpoint contradict each other; leave one out.")
    if options.source_id and STDIN not in paths:
        raise click.UsageError(
            "--source-id names standard input, and that is not read; leave it out, or add - as PATH."
        )
