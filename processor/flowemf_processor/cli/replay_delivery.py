"""Carries out what the options of `flowemf replay` ask for.

Options and sources go in; the destination has the metrics, the ledger the counts, and what a summary must add comes
out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flowemf_processor import pipeline
from flowemf_processor.cli.streams import json_data
from flowemf_processor.clock import SystemClock
from flowemf_processor.model import State
from flowemf_processor.pipeline.replay import DRY_RUN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowemf_processor.cli.delivery_options import DeliveryOptions
    from flowemf_processor.cli.progress import ReadingProgress
    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.model import Batch, Event, Mark, Outcome
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.ports import Feed, Sink, Source

LOCAL, METRICS = "local", "metrics"
DEFAULT_DATABASE = "flowemf.duckdb"


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What the user chose; each member is the option of its name."""

    to: str
    database: str | None
    endpoint_url: str | None
    region: str | None
    checkpoint: str | None
    no_checkpoint: bool
    source_id: str | None
    dry_run: bool
    delivering: DeliveryOptions


@dataclass(slots=True)
class Delivery:
    """What a summary needs beside the ledger.

    Attributes:
        is_dry_run: whether the last step was left out.
        database: the store's file, where there is one.
        checkpoint: the checkpoint's file, where there is one.
        forgets_stdin: whether the same log piped in again would count twice without anybody having asked for it.
        answers: by reason code, the first answer of the destination that was not a yes.
    """

    is_dry_run: bool = False
    database: Path | None = None
    checkpoint: Path | None = None
    forgets_stdin: bool = False
    answers: dict[str, Outcome] = field(default_factory=dict)

    @property
    def needs_mending(self) -> bool:
        """Whether another try cannot succeed before somebody mends the configuration."""
        return any(answer.by_configuration for answer in self.answers.values())


def deliver(
    options: ReplayOptions, sources: Sequence[Source] | Feed, ledger: Ledger, progress: ReadingProgress, guards: Guards
) -> Delivery:
    """Replay the sources as the options say.

    Args:
        options: what the user chose.
        sources: what to read.
        ledger: where everything is counted.
        progress: is told what has been read.
        guards: what guards the run against the lines it reads.

    Returns:
        What a summary needs beside the ledger.

    Raises:
        ConfigurationError: an option or the configuration is wrong; nothing was sent.
        TryAgainLaterError: somebody else uses the store or the checkpoint.
    """
    if options.to == LOCAL:
        return (_weigh if options.dry_run else _store)(options, sources, ledger, progress, guards)
    return (_print_requests if options.dry_run else _send)(options, sources, ledger, progress, guards)


def _store(
    options: ReplayOptions, sources: Sequence[Source] | Feed, ledger: Ledger, progress: ReadingProgress, guards: Guards
) -> Delivery:
    from flowemf_processor.sinks.local import LocalStore

    path = Path(options.database or DEFAULT_DATABASE)
    with LocalStore(path) as store:
        pipeline.replay_to_store(
            sources, store, ledger=ledger, clock=SystemClock(), progress=progress.advance, guards=guards
        )
    return Delivery(database=path, forgets_stdin=options.source_id is None)


class _Scale:
    """Stands in for the store in a dry run: takes events and keeps nothing."""

    name = LOCAL

    def mark(self, source: str) -> Mark | None:  # noqa: ARG002 - the port's signature
        return None

    def store(self, events: Sequence[Event], marks: Iterable[Mark]) -> None:
        """Keep nothing."""


def _weigh(
    options: ReplayOptions, sources: Sequence[Source] | Feed, ledger: Ledger, progress: ReadingProgress, guards: Guards
) -> Delivery:
    pipeline.replay_to_store(
        sources, _Scale(), ledger=ledger, clock=SystemClock(), progress=progress.advance, guards=guards
    )
    [account] = ledger.destinations
    weighed = account.datapoints.pop(State.ACCEPTED, 0)
    if weighed:
        account.datapoints[State.PENDING] = weighed
        account.reasons[DRY_RUN] = weighed
    return Delivery(is_dry_run=True, database=Path(options.database or DEFAULT_DATABASE))


class _HeardSink:
    """Passes batches on to a sink and keeps what it answers, for the summary."""

    def __init__(self, sink: Sink, answers: dict[str, Outcome]) -> None:
        self.name = sink.name
        self._sink = sink
        self._answers = answers

    def send(self, batch: Batch) -> Outcome:
        """Deliver one batch."""
        outcome = self._sink.send(batch)
        if outcome.state is not State.ACCEPTED:
            self._answers.setdefault(outcome.reason, outcome)
        return outcome


def _send(
    options: ReplayOptions, sources: Sequence[Source] | Feed, ledger: Ledger, progress: ReadingProgress, guards: Guards
) -> Delivery:
    from flowemf_processor.checkpoints import Checkpoints, default_path
    from flowemf_processor.sinks.metrics import connect

    delivering = options.delivering
    sink = connect(endpoint_url=options.endpoint_url, region=options.region, connections=delivering.connections)
    delivery = Delivery()
    heard = _HeardSink(delivering.persistent(sink), delivery.answers)
    clock = SystemClock()
    terms = delivering.terms
    if options.no_checkpoint:
        pipeline.replay_to_sink(
            sources, heard, None, ledger=ledger, clock=clock, progress=progress.advance, guards=guards, terms=terms
        )
        return delivery
    delivery.forgets_stdin = options.source_id is None
    delivery.checkpoint = Path(options.checkpoint) if options.checkpoint else default_path()
    with Checkpoints(delivery.checkpoint, sink.destination) as checkpoints:
        pipeline.replay_to_sink(
            sources,
            heard,
            checkpoints,
            ledger=ledger,
            clock=clock,
            progress=progress.advance,
            guards=guards,
            terms=terms,
        )
    return delivery


def _print_requests(
    options: ReplayOptions,
    sources: Sequence[Source] | Feed,
    ledger: Ledger,
    progress: ReadingProgress,
    guards: Guards,
) -> Delivery:
    batches = pipeline.dry_run(
        sources,
        ledger=ledger,
        clock=SystemClock(),
        progress=progress.advance,
        guards=guards,
        terms=options.delivering.terms,
    )
    for batch in batches:
        progress.make_way()
        json_data(batch.request)
    return Delivery(is_dry_run=True)
