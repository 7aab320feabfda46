"""What the user chose for a replay, and whether it makes sense together.

The values of options go in; one value comes out, or an explanation of what contradicts what.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.reading_options import STDIN
from flowemf_processor.cli.replay_destinations import DESTINATIONS, PARTICULAR
from flowemf_processor.cli.replay_to_cloudwatch import AUTO
from flowemf_processor.cli.replay_to_this_machine import STDOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.cli.delivery_options import DeliveryOptions
    from flowemf_processor.cli.following import FollowOptions
    from flowemf_processor.cli.reading_options import ReadingOptions
    from flowemf_processor.cli.replay_log_group import LogOptions


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
