"""`flowemf checkpoint`: shows what is remembered of deliveries, and forgets it.

A checkpoint's file goes in; what it holds comes out, or what is no longer in it.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowemf_processor.cli.output.streams import counted, data, is_terminal, json_data, printable, say, sized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.checkpoints import Contents, DestinationContents

_EPILOG = """
\b
Examples:
  flowemf checkpoint show
  flowemf checkpoint reset --source app.log
  flowemf checkpoint reset --destination metrics --yes
"""

_checkpoint = click.option(
    "--checkpoint",
    metavar="FILE",
    help="The checkpoint. Default: flowemf/checkpoint.sqlite3 in $XDG_STATE_HOME or ~/.local/state.",
)


@click.group(epilog=_EPILOG)
def checkpoint() -> None:
    """Show what is remembered of deliveries, or forget it."""


@checkpoint.command(short_help="Show how far sources were read, and what waits.")
@_checkpoint
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, with all identities and digests.")
def show(checkpoint: str | None, as_json: bool) -> None:
    """Show destinations, how far each source was read for them, and what is not delivered yet.

    A run may be using the checkpoint meanwhile; nothing is changed.
    """
    from flowemf_processor.checkpoints import contents

    found = contents(_path(checkpoint))
    if as_json:
        json_data({"checkpoint": str(found.path), "destinations": [asdict(each) for each in found.destinations]})
        return
    for line in _table(found):
        data(line)


@checkpoint.command()
@_checkpoint
@click.option(
    "--destination",
    metavar="D",
    help="Only what is remembered of this destination: its whole name, or the first word of it, such as metrics.",
)
@click.option("--source", metavar="S", help="Only how far this source was read: its path, or one of its identities.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def reset(checkpoint: str | None, destination: str | None, source: str | None, yes: bool) -> None:
    """Forget what is remembered: the next run begins anew.

    What was delivered before is then delivered again and counts twice. Nothing is forgotten while a run is using the
    checkpoint.
    """
    from flowemf_processor.checkpoints import forget, found

    path = _path(checkpoint)
    if not yes:
        _ask(found(path, destination, source), only_sources=source is not None)
    forgotten = forget(path, destination, source)
    for line in _consequences(forgotten, only_sources=source is not None):
        say(line)


def _path(chosen: str | None) -> Path:
    from flowemf_processor.checkpoints import default_path

    return Path(chosen) if chosen else default_path()


def _ask(found: Contents, *, only_sources: bool) -> None:
    """Let a person decide, with everything to decide on.

    Raises:
        click.UsageError: there is nobody to ask.
        click.Abort: the answer is no.
    """
    if not is_terminal(sys.stdin):
        raise click.UsageError("nobody can be asked, since standard input is no terminal; add --yes to forget it.")
    for destination in found.destinations:
        say(f"{printable(destination.name)}: {_what(destination, only_sources=only_sources)}")
    click.confirm("Forget this? What was delivered before will then count again", abort=True, err=True)


def _consequences(forgotten: Contents, *, only_sources: bool) -> Iterator[str]:
    """Say what was forgotten, and what that means."""
    if not forgotten.destinations:
        yield f"{printable(str(forgotten.path))}: there was nothing to forget"
    for each in forgotten.destinations:
        yield f"forgotten of {printable(each.name)}: {_what(each, only_sources=only_sources)}"
        if each.sources:
            yield "  the next run reads these sources from the beginning: what they hold is counted again"
        if each.unfinished_batches:
            yield f"  {counted(each.unfinished_datapoints, 'datapoint')} not delivered yet are lost, unless read again"
        if each.sums:
            yield "  the sums begin at 0 again"
        if only_sources:
            yield "  requests that wait, and the ids of log events, are kept: forget the destination to lose them too"


def _what(destination: DestinationContents, *, only_sources: bool) -> str:
    what = [counted(len(destination.sources), "source")]
    if not only_sources:
        what.append(counted(destination.unfinished_batches, "unfinished request"))
    if destination.sums:
        what.append(f"{destination.sums:,} series")
    return ", ".join(what)


def _table(found: Contents) -> Iterator[str]:
    """Lay it out for people: a block for each destination, a row for each source."""
    yield f"{printable(str(found.path))}: {counted(len(found.destinations), 'destination')}"
    for each in found.destinations:
        yield ""
        yield printable(each.name)
        yield f"  {_waiting(each)}"
        if each.totals:
            totals = ", ".join(f"{count:,} {fate.replace('_', ' ')}" for fate, count in each.totals.items() if count)
            yield f"  all runs: {totals or 'nothing'}"
        if each.sums:
            yield f"  sums of {each.sums:,} series"
        yield from _rows(each)


def _waiting(destination: DestinationContents) -> str:
    if not destination.unfinished_batches:
        return "nothing waits"
    waiting = (
        f"{counted(destination.unfinished_batches, 'request')} not delivered, with "
        f"{counted(destination.unfinished_datapoints, 'datapoint')} ({sized(destination.unfinished_bytes)})"
    )
    if not destination.in_flight_batches:
        return waiting
    return (
        f"{waiting}; {destination.in_flight_batches:,} of them with {destination.in_flight_datapoints:,} in flight, "
        "which may have been taken"
    )


def _rows(destination: DestinationContents) -> Iterator[str]:
    sources = sorted(destination.sources, key=lambda each: each.name)
    names = [printable(each.name) for each in sources]
    width = max(map(len, names), default=0)
    for name, each in zip(names, sources, strict=True):
        yield f"  {name:{width}}  {each.lines:>12,} lines  {sized(each.offset_bytes):>12}"
