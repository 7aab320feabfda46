"""A run that follows as a service: --max-spool, --listen, --log-json.

Options go in; whoever looks after each destination comes out, with an address to be scraped at.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from flowemf_processor.cli.follow_log import STATUS_SECONDS, Diarist, JsonLog, PlainLog
from flowemf_processor.cli.options import Address, AddressType, SizeType, refuse_without, together
from flowemf_processor.cli.streams import sized
from flowemf_processor.pipeline.vitals import MAX_SPOOL_BYTES, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.cli.follow_log import Log
    from flowemf_processor.sinks.exposition import Exposition
    from flowemf_processor.sinks.vitals_metrics import VitalsMetrics


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
class ServiceOptions:
    """What the user chose; each member is the option of its name."""

    max_spool: int | None
    listen: Address | None
    log_json: bool

    def refuse_useless(self, *, follow: bool) -> None:
        """Refuse what would be ignored.

        Raises:
            click.UsageError: an option makes no sense without --follow.
        """
        if not follow:
            refuse_without("--follow", self, ("max_spool", "listen", "log_json"))

    @contextlib.contextmanager
    def started(self) -> Iterator[Services]:
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
        from flowemf_processor.sinks.exposition import Exposition
        from flowemf_processor.sinks.vitals_metrics import VitalsMetrics

        exposition, shown = Exposition(), VitalsMetrics()
        exposition.add(shown)
        with exposition.listening(*self.listen):
            yield Services(log, max_spool_bytes, self.listen, exposition, shown)


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
service_options = together(_max_spool, _listen, _log_json)
"""Adds them to a command, which gets `max_spool`, `listen` and `log_json`."""
