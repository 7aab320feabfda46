"""What a replay to one destination takes and what it gives, and how it is given to a sink.

Sources, the ledger and what guards the run go in; destinations of AWS get what the sources hold, with a checkpoint and
several attempts, and what a summary must add to the ledger comes out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flowemf_processor import pipeline
from flowemf_processor.cli.output.streams import json_text
from flowemf_processor.cli.replay.delivery_options import opened_checkpoint
from flowemf_processor.clock import SystemClock
from flowemf_processor.model import State
from flowemf_processor.pipeline.vitals import NO_SERVICE, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowemf_processor.cli.output.placed_ledger import PlacedLedger
    from flowemf_processor.cli.output.progress import ReadingProgress
    from flowemf_processor.cli.replay.command import ReplayOptions
    from flowemf_processor.cli.replay.engine_options import Engine
    from flowemf_processor.cli.replay.following import Services
    from flowemf_processor.cli.replay.log_group import Verified
    from flowemf_processor.core.log_batches import LogStream
    from flowemf_processor.model import Batch, Outcome
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.ports import Clock, EventStore, Feed, Sink, Source

    Persistent = Callable[[Sink], Sink]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one destination is to get.

    Attributes:
        sources: what to read; or a feed, which is followed until it is over.
        ledger: where everything is counted.
        guards: what guards the run against the lines it reads.
        progress: is told what has been read.
        services: what destinations share that are followed for; None where nothing is followed.
        engine: what reads and delivers.
        clock: tells the time.
    """

    sources: Sequence[Source] | Feed
    ledger: PlacedLedger
    guards: Guards
    progress: ReadingProgress
    services: Services | None = None
    engine: Engine = pipeline
    clock: Clock = field(default_factory=SystemClock)

    @property
    def service(self) -> Service:
        """Who looks after the run."""
        return NO_SERVICE if self.services is None else self.services.of_one()

    def keep_in(self, store: EventStore) -> None:
        """Read everything into a store that keeps events and marks."""
        self.engine.replay_to_store(
            self.sources,
            store,
            ledger=self.ledger,
            clock=self.clock,
            progress=self.progress.advance,
            guards=self.guards,
            service=self.service,
        )


@dataclass(slots=True)
class Delivery:
    """What a summary needs beside the ledger.

    Attributes:
        is_dry_run: whether the last step was left out.
        database: the store's file, where there is one.
        checkpoint: the checkpoint's file, where there is one.
        forgets_stdin: whether the same log piped in again would count twice without anybody having asked for it.
        answers: by reason code, the first answer of the destination that was not a yes.
        meanings: what reason codes mean to this destination in particular.
        to_repeat: what to do for it to get once more what an earlier run has delivered.
        verified: what was found when looking for the metrics; None where nobody looked.
    """

    is_dry_run: bool = False
    database: Path | None = None
    checkpoint: Path | None = None
    forgets_stdin: bool = False
    answers: dict[str, Outcome] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)
    to_repeat: str = "use --no-checkpoint (CloudWatch will count it twice)"
    verified: Verified | None = None

    @property
    def needs_mending(self) -> bool:
        """Whether another try cannot succeed before somebody mends the configuration."""
        return any(answer.by_configuration for answer in self.answers.values())


def deliver_to_sink(
    options: ReplayOptions,
    reading: Reading,
    delivery: Delivery,
    destination: str,
    make_sink: Callable[[Persistent], Sink],
    *,
    log_stream: LogStream | None = None,
) -> None:
    """Replay into a sink.

    Args:
        options: what the user chose.
        reading: what is read.
        delivery: is told what the summary needs.
        destination: what a checkpoint calls it.
        make_sink: gets what makes a sink try again, and gives the sink.
        log_stream: where PutLogEvents is to write lines; None sends aggregates with PutMetricData.

    Raises:
        ConfigurationError: the checkpoint cannot be used.
        TryAgainLaterError: somebody else uses it.
    """
    delivering = options.delivering
    is_followed = reading.services is not None
    if is_followed:  # whoever follows tries again as long as it takes, and never sleeps over it
        delivering = replace(delivering, retry_for=0.0)
    with opened_checkpoint(options, destination, delivery, is_spool=is_followed) as checkpoints:
        sink = make_sink(lambda each: delivering.persistent(each, checkpoints))
        reading.engine.replay_to_sink(
            reading.sources,
            _HeardSink(sink, delivery.answers),
            checkpoints,
            ledger=reading.ledger,
            clock=reading.clock,
            progress=reading.progress.advance,
            guards=reading.guards,
            terms=replace(delivering.terms, log_stream=log_stream, service=reading.service),
        )


def print_requests(
    options: ReplayOptions, reading: Reading, delivery: Delivery, *, log_stream: LogStream | None = None
) -> None:
    """Print the requests that would be sent, one JSON object a line.

    Args:
        options: what the user chose.
        reading: what is read.
        delivery: is told that this was a dry run.
        log_stream: where PutLogEvents would write lines; None plans aggregates for PutMetricData.
    """
    delivery.is_dry_run = True
    batches = reading.engine.dry_run(
        reading.sources,
        ledger=reading.ledger,
        clock=reading.clock,
        progress=reading.progress.advance,
        guards=reading.guards,
        terms=replace(options.delivering.terms, log_stream=log_stream),
    )
    for batch in batches:
        reading.progress.make_way()
        json_text(batch.body)


class _HeardSink:
    """Passes batches on to a sink and keeps what it answers, for the summary.

    Args:
        sink: the destination.
        answers: where the first answer of each kind that is not a yes is kept, by its reason code.
    """

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
