"""Where logs are read, and what a place has to be able to do for that: --engine, --master.

The texts of these options go in; what reads and delivers comes out, or an explanation of what it cannot do.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import click

from flowemf_processor import pipeline
from flowemf_processor.cli.options.building import refuse_without, together
from flowemf_processor.cli.options.reading import STDIN
from flowemf_processor.cli.output.streams import is_terminal, say
from flowemf_processor.cli.replay.to_cloudwatch import METRICS
from flowemf_processor.cli.replay.to_this_machine import LOCAL
from flowemf_processor.sources.log_url import SCHEME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.model import Batch
    from flowemf_processor.pipeline.delivery import Terms
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.pipeline.reading import Progress
    from flowemf_processor.pipeline.vitals import Service
    from flowemf_processor.ports import CheckpointStore, Clock, EventStore, Feed, Sink, Source

ONE_MACHINE, SPARK = "local", "spark"
_DESTINATIONS = (METRICS, LOCAL)


class Engine(Protocol):
    """Reads and delivers, as the functions of the pipeline do that have these names."""

    def replay_to_sink(  # noqa: D102 - see there
        self,
        sources: Sequence[Source] | Feed,
        sink: Sink,
        checkpoints: CheckpointStore | None,
        *,
        ledger: Ledger,
        clock: Clock,
        progress: Progress | None,
        guards: Guards,
        terms: Terms,
    ) -> None: ...

    def replay_to_store(  # noqa: D102 - see there
        self,
        sources: Sequence[Source] | Feed,
        store: EventStore,
        *,
        ledger: Ledger,
        clock: Clock,
        progress: Progress | None,
        guards: Guards,
        service: Service,
    ) -> None: ...

    def dry_run(  # noqa: D102 - see there
        self,
        sources: Sequence[Source] | Feed,
        *,
        ledger: Ledger,
        clock: Clock,
        progress: Progress | None,
        guards: Guards,
        terms: Terms,
    ) -> Iterator[Batch]: ...


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the user chose; each member is the option of its name."""

    engine: str
    master: str | None

    def refuse_useless(self, to: Sequence[str], paths: Sequence[str], *, jobs: int, follow: bool) -> None:
        """Refuse what a cluster cannot do, and what only a cluster could.

        Args:
            to: the destinations.
            paths: what is read.
            jobs: how many processes of this machine are to read.
            follow: whether logs are followed.

        Raises:
            click.UsageError: an option makes no sense with this engine.
        """
        if self.engine != SPARK:
            refuse_without("--engine spark", self, ("master",))
            return
        others = [each for each in to if each not in _DESTINATIONS]
        if others:
            known = " and ".join(f"--to {each}" for each in _DESTINATIONS)
            raise click.UsageError(f"--engine spark knows {known} only; run --to {others[0]} without it.")
        if follow:
            raise click.UsageError(
                "--engine spark reads what is there, and --follow what is still to come; leave one of them out."
            )
        if jobs != 1:
            raise click.UsageError(
                "--jobs is about processes of one machine; with --engine spark say --master 'local[N]', or give the "
                "cluster more executors."
            )
        if STDIN in paths:
            raise click.UsageError(
                "--engine spark cannot read standard input, which only one process has; write it to a file or an "
                "object first, or leave --engine out."
            )
        group = next((path for path in paths if path.startswith(SCHEME)), None)
        if group is not None:
            raise click.UsageError(
                f"--engine spark cannot read {group}: a log group answers one reader after another; export it to S3 "
                "and replay that, or leave --engine out."
            )

    @contextlib.contextmanager
    def started(self) -> Iterator[Engine]:
        """Make the engine ready.

        Yields:
            What reads and delivers.

        Raises:
            ConfigurationError: something is missing that it needs.
        """
        if self.engine != SPARK:
            yield pipeline
            return
        from flowemf_processor.engines.spark.session import refuse_without_parts

        refuse_without_parts()
        from flowemf_processor.engines.spark.engine import SparkEngine

        with SparkEngine(self.master, on_start=_say_what_takes_so_long) as engine:
            yield engine


def _say_what_takes_so_long() -> None:
    """Tell whoever waits; a pipe does not."""
    if is_terminal(sys.stderr):
        say("starting Spark, which takes some seconds")


_engine = click.option(
    "--engine",
    type=click.Choice([ONE_MACHINE, SPARK]),
    default=ONE_MACHINE,
    help="Read on this machine, or with Apache Spark where logs outgrow it, for --to metrics and --to local; the "
    f"numbers are the same. Default: {ONE_MACHINE}.",
)
_master = click.option(
    "--master",
    metavar="URL",
    help="Spark's master, such as yarn or local[4]. Default: what spark-submit says, or every core of this machine.",
)
engine_options = together(_engine, _master)
"""Adds them to a command, which gets `engine` and `master`."""
