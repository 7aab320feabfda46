"""What a replay to one destination takes and what it gives.

Sources, the ledger and what guards the run go in; what a summary must add to the ledger comes out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flowemf_processor import pipeline
from flowemf_processor.clock import SystemClock
from flowemf_processor.model import State
from flowemf_processor.pipeline.vitals import NO_SERVICE, Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowemf_processor.cli.following import Services
    from flowemf_processor.cli.placed_ledger import PlacedLedger
    from flowemf_processor.cli.progress import ReadingProgress
    from flowemf_processor.cli.replay_log_group import Verified
    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.model import Batch, Outcome
    from flowemf_processor.pipeline.delivery import Terms
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.pipeline.reading import Progress
    from flowemf_processor.ports import CheckpointStore, Clock, EventStore, Feed, Sink, Source


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


class HeardSink:
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
