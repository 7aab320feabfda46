"""Where a command that answers questions finds its metrics: --database, or PATH; --since, --until, --where, --rejects.

The options and paths go in; a reader of the view METRICS comes out, over the local store or over logs that were read
for this one command.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.options.building import taken, together
from flowemf_processor.cli.options.reading import (
    STDIN,
    InputOptions,
    asking_options,
    input_options,
    rejects_option,
    taken_asking,
)
from flowemf_processor.cli.output.placed_ledger import PlacedLedger, read_summary, rejects_summary
from flowemf_processor.cli.output.progress import ReadingProgress
from flowemf_processor.cli.output.streams import say
from flowemf_processor.clock import SystemClock
from flowemf_processor.core.unwrap import AUTO
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.sources.compression import MAX_EXPANSION
from flowemf_processor.sources.log_url import time_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.cli.options.reading import ReadingOptions
    from flowemf_processor.sinks.metrics_reader import MetricsReader, Narrowing

DEFAULT_DATABASE = "flowemf.duckdb"
"""The store that is asked where no log is named, and that `flowemf replay --to local` makes."""

# https://duckdb.org/docs/stable/internals/storage: the four bytes behind the checksum of the first header
_STORE_MARK, _STORE_MARK_AT = b"DUCK", 8


@dataclass(frozen=True, slots=True)
class MetricsInput:
    """What the user chose.

    Attributes:
        database: the store; None where the default one is meant.
        since: the earliest time, as the user wrote it.
        until: the time before which rows lie.
        where: dimension keys and their values.
        reading: what is demanded of the lines of logs; its namespaces hold for a store, too.
        inputs: how logs are opened.
    """

    database: str | None
    since: str | None
    until: str | None
    where: tuple[tuple[str, str], ...]
    reading: ReadingOptions
    inputs: InputOptions

    @contextlib.contextmanager
    def open(self, paths: Sequence[str], command: str, *, exports: Path | None = None) -> Iterator[Metrics]:
        """Open the store, or read the logs into memory.

        Args:
            paths: the logs; none where the store is meant.
            command: the name of the command, for what is said to people.
            exports: the one file that the reader may write.

        Yields:
            What answers questions.

        Raises:
            ConfigurationError: there is no such store or log.
            TryAgainLaterError: it cannot be reached now.
            click.UsageError: options contradict each other.
        """
        self._refuse_contradictions(paths)
        narrowing = self._narrowing(is_store=not paths)
        if not paths:
            yield from self._over_store(narrowing, exports)
        else:
            yield from self._over_logs(paths, command, narrowing, exports)

    def _over_store(self, narrowing: Narrowing, exports: Path | None) -> Iterator[Metrics]:
        from flowemf_processor.sinks.local import open_read_only
        from flowemf_processor.sinks.metrics_reader import MetricsReader

        with open_read_only(Path(self.database or DEFAULT_DATABASE)) as connection:
            yield Metrics(MetricsReader(connection, narrowing, exports=exports))

    def _over_logs(
        self, paths: Sequence[str], command: str, narrowing: Narrowing, exports: Path | None
    ) -> Iterator[Metrics]:
        from flowemf_processor.pipeline import replay_to_store
        from flowemf_processor.sinks.local import LocalStore
        from flowemf_processor.sinks.metrics_reader import MetricsReader

        sources = self.inputs.open(paths)
        ledger = PlacedLedger()
        with (
            LocalStore(None) as store,
            self.reading.guards(sources, paths, ledger) as guards,
            ReadingProgress(sources) as progress,
        ):
            replay_to_store(
                sources, store, ledger=ledger, clock=SystemClock(), progress=progress.advance, guards=guards
            )
            progress.hide()
            for line in _account(command, ledger):
                say(line)
            yield Metrics(MetricsReader(store.connection, narrowing, exports=exports), ledger)

    def _narrowing(self, *, is_store: bool) -> Narrowing:
        from flowemf_processor.sinks.metrics_reader import Narrowing

        now_ms = SystemClock().now_ms()
        since, until = (
            None if text is None else time_ms(option, text, now_ms)
            for option, text in (("--since", self.since), ("--until", self.until))
        )
        if since is not None and until is not None and since >= until:
            raise click.UsageError("--since does not lie before --until; exchange them.")
        return Narrowing(since, until, self.reading.namespace if is_store else (), self.where)

    def _refuse_contradictions(self, paths: Sequence[str]) -> None:
        """Refuse an option that would be ignored: whoever wrote it expects something of it."""
        if paths and self.database:
            raise click.UsageError("--database names a store and PATH names logs: ask one of them at a time.")
        for path in paths:
            if _is_store(path):
                raise ConfigurationError(f"{path}: is a store, not a log; name it with --database {path}")
        chosen = {
            "--log-format": self.reading.form != AUTO,
            "--strict": self.reading.strict,
            "--rejects": self.reading.rejects is not None,
            "--max-expansion": self.inputs.max_expansion != MAX_EXPANSION,
            "--s3-endpoint-url": self.inputs.s3_endpoint_url is not None,
        }
        useless = [option for option, is_chosen in chosen.items() if is_chosen]
        if useless and not paths:
            raise click.UsageError(f"{useless[0]} is about reading logs, and no PATH is named; leave it out.")


@dataclass(frozen=True, slots=True)
class Metrics:
    """What answers questions, and the account of the logs that were read for it, if any were."""

    reader: MetricsReader
    ledger: PlacedLedger | None = None

    @property
    def exit_code(self) -> int:
        """3 where a log could not be read to its end, so that the answers lack something; else 0."""
        return TryAgainLaterError.exit_code if self.ledger is not None and self.ledger.unreadable_sources else 0


def taken_metrics_input(options: dict[str, Any]) -> MetricsInput:
    """Take out of a command's options what `metrics_options` added.

    Args:
        options: name -> value; what is taken is removed.

    Returns:
        The choice.
    """
    own = {name: options.pop(name) for name in ("database", "since", "until", "where")}
    reading = replace(taken_asking(options), rejects=options.pop("rejects"))
    return MetricsInput(**own, reading=reading, inputs=taken(InputOptions, options))


def _account(command: str, ledger: PlacedLedger) -> Iterator[str]:
    yield f"flowemf {command}: {read_summary(ledger)}"
    if ledger.invalid_records or ledger.unreadable_sources:
        position, found = next(iter(ledger.first_places.values()))
        yield f"  first: {position.source}:{position.line}: {found.message} (flowemf check says more)"
    yield from rejects_summary(ledger)


def _is_store(path: str) -> bool:
    if path == STDIN or "://" in path:
        return False
    try:
        with Path(path).open("rb") as file:
            return file.read(_STORE_MARK_AT + len(_STORE_MARK))[_STORE_MARK_AT:] == _STORE_MARK
    except (OSError, ValueError):  # a pattern, a directory, nothing at all: whoever opens sources says so
        return False


def pairs(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Read the KEY=VALUE texts of an option."""
    for text in given:
        if "=" not in text.strip("="):
            raise click.BadParameter(f"{text!r} is no dimension and value; write KEY=VALUE, such as FlowName=chat.")
    return tuple((key, value) for key, _, value in (text.partition("=") for text in given))


_database = click.option(
    "--database",
    metavar="FILE",
    help=f"Ask this store, which flowemf replay --to local made. Default, where there is no PATH: {DEFAULT_DATABASE}.",
)
_since = click.option(
    "--since",
    metavar="TIME",
    help="Only what happened from this time on: 90s, 30m, 1h, 7d ago, or 2026-01-31T12:00:00Z.",
)
_until = click.option("--until", metavar="TIME", help="Only what happened before this time.")
_where = click.option(
    "--where",
    metavar="KEY=VALUE",
    multiple=True,
    callback=pairs,
    help="Only rows with this value of a dimension: FlowName=chat. Give it again for a further condition.",
)
metrics_options = together(_database, _since, _until, _where, asking_options, rejects_option, input_options)
"""Adds these options, and those about reading logs, to a command; `taken_metrics_input` takes what it gets."""
