"""Follows logs until somebody says stop, for months if need be: --follow, --flush-interval, --max-spool, --listen.

Options and paths go in; a watch comes out, whoever looks after each destination, and an address to be scraped at.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from flowemf_processor.cli.options.building import Address, AddressType, SizeType, refuse_without, together
from flowemf_processor.cli.output.streams import say, sized
from flowemf_processor.cli.replay.follow_log import STATUS_SECONDS, Diarist, JsonLog, PlainLog
from flowemf_processor.pipeline.vitals import MAX_SPOOL_BYTES, Service
from flowemf_processor.sources.watch import FLUSH_SECONDS, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.cli.replay.follow_log import Log
    from flowemf_processor.sinks.exposition import Exposition, VitalsMetrics


@dataclass(frozen=True, slots=True)
class Services:
    """What the destinations of a run share.

    Attributes:
        log: writes the lines.
        max_spool_bytes: how much may wait for each destination.
        address: where to be scraped; None where nobody listens.
        exposition: what is scraped; None where nobody listens.
        shown: shows the vitals there.
    """

    log: Log
    max_spool_bytes: int = MAX_SPOOL_BYTES
    address: Address | None = None
    exposition: Exposition | None = None
    shown: VitalsMetrics | None = None

    def of_one(self) -> Service:
        """Give one destination somebody who looks after it."""
        return Service(Diarist(self.log, self.shown.admit if self.shown else lambda _: None), self.max_spool_bytes)


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """What the user chose; each member is the option of its name."""

    follow: bool
    flush_interval: float | None
    poll_interval: float | None
    max_spool: int | None
    listen: Address | None
    log_json: bool

    def refuse_useless(self, *, is_dry_run: bool) -> None:
        """Refuse what would be ignored.

        Raises:
            click.UsageError: an option makes no sense with or without --follow.
        """
        if self.follow and is_dry_run:
            raise click.UsageError("--dry-run ends by itself and --follow does not; leave one out.")
        if not self.follow:
            refuse_without("--follow", self, ("flush_interval", "poll_interval", "max_spool", "listen", "log_json"))

    def watch(self, paths: Sequence[str], *, source_id: str | None) -> Watch:
        """Make what follows paths; `stopped_by_signals` ends it.

        Args:
            paths: as the user wrote them.
            source_id: a name for standard input, under which a checkpoint knows it again.

        Returns:
            What is followed; it is a context manager.

        Raises:
            ConfigurationError: a path cannot be followed.
        """
        return Watch(
            paths,
            source_id=source_id,
            flush_seconds=FLUSH_SECONDS if self.flush_interval is None else self.flush_interval,
            poll_seconds=self.poll_interval,
            say=say,
        )

    @contextlib.contextmanager
    def services(self) -> Iterator[Services]:
        """Listen, if that is wanted.

        Yields:
            What the destinations share.

        Raises:
            ConfigurationError: nobody can listen there.
        """
        log: Log = JsonLog() if self.log_json else PlainLog()
        max_spool_bytes = self.max_spool or MAX_SPOOL_BYTES
        if self.listen is None:
            yield Services(log, max_spool_bytes)
            return
        from flowemf_processor.sinks.exposition import Exposition, VitalsMetrics

        exposition, shown = Exposition(), VitalsMetrics()
        exposition.add(shown)
        with exposition.listening(*self.listen):
            yield Services(log, max_spool_bytes, self.listen, exposition, shown)


_follow = click.option(
    "--follow",
    is_flag=True,
    help="Go on as the logs grow, through rotation, like tail -F, until Ctrl-C or SIGTERM; new files that match a "
    "pattern or lie in a directory are followed too.",
)
_flush_interval = click.option(
    "--flush-interval",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help=f"With --follow, deliver every so many seconds. Default: {FLUSH_SECONDS:.0f}.",
)
_poll_interval = click.option(
    "--poll-interval",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="With --follow, look for changes every so many seconds, in place of waiting for the file system to tell.",
)
_max_spool = click.option(
    "--max-spool",
    type=SizeType(),
    metavar="SIZE",
    help="With --follow, let so much wait for each destination that is away, such as 500MB; beyond it reading stops "
    f"until there is room. Default: {sized(MAX_SPOOL_BYTES)}.",
)
_listen = click.option(
    "--listen",
    type=AddressType(),
    metavar="[HOST:]PORT",
    help="With --follow, show Prometheus at /metrics of this address how the run is doing: lag, spool, last "
    "acceptance, counts. Without HOST, this machine only.",
)
_log_json = click.option(
    "--log-json",
    is_flag=True,
    help=f"With --follow, write the status of every {STATUS_SECONDS:.0f} s and what changes to stderr as JSON.",
)
follow_options = together(_follow, _flush_interval, _poll_interval, _max_spool, _listen, _log_json)
"""Adds them to a command, which gets their values by these names."""
