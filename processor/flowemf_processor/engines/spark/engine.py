"""Replays sources on Apache Spark: read and added up by a cluster, delivered by the driver.

It does what the functions of the pipeline do on one machine, takes what they take, and gives the same numbers, ledger
and marks. What is planned and how far sources are read is remembered in one transaction before anything is sent.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from flowemf_processor.engines.spark.merging import Requests
from flowemf_processor.engines.spark.portions import PortionReader, Reading
from flowemf_processor.engines.spark.session import refuse_without_parts, started
from flowemf_processor.model import Outcome, State
from flowemf_processor.pipeline.delivery import Delivery, Terms
from flowemf_processor.pipeline.guards import NO_GUARDS
from flowemf_processor.pipeline.reading import Step
from flowemf_processor.pipeline.replay import DRY_RUN, store_steps
from flowemf_processor.pipeline.vitals import NO_SERVICE, Service
from flowemf_processor.ports import Feed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.engines.spark.merging import Judged
    from flowemf_processor.model import Batch, Mark
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.pipeline.reading import Progress
    from flowemf_processor.ports import CheckpointStore, Clock, EventStore, MarkStore, Sink, Source


class SparkEngine:
    """A cluster; use it as a context manager. Spark is started when there is something to read.

    Args:
        master: its address, as Spark has it; None for where spark-submit says, or for every core of this machine.
        on_start: is called before it is started, which takes some seconds.

    Raises:
        ConfigurationError: something is missing that Spark needs.
    """

    def __init__(self, master: str | None = None, *, on_start: Callable[[], None] = lambda: None) -> None:
        refuse_without_parts()
        self._master = master
        self._on_start = on_start
        self._session: Any = None

    def __enter__(self) -> SparkEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            with contextlib.suppress(Exception):  # of Java, which may be gone
                self._session.stop()

    def session(self) -> Any:
        """Give Spark's session; the first time it takes some seconds to start.

        Raises:
            ConfigurationError: Spark does not start.
        """
        if self._session is None:
            self._on_start()
            self._session = started(self._master)
        return self._session

    def replay_to_sink(
        self,
        sources: Iterable[Source] | Feed,
        sink: Sink,
        checkpoints: CheckpointStore | None,
        *,
        ledger: Ledger,
        clock: Clock,
        progress: Progress | None = None,
        guards: Guards = NO_GUARDS,
        terms: Terms = Terms(),  # noqa: B008 - frozen
    ) -> None:
        """Bring metrics to a destination, as `pipeline.replay_to_sink` does."""
        account = ledger.open_destination(sink.name)
        delivery = Delivery(sink, checkpoints, account, terms, rejects=guards.rejects)
        interruption = terms.interruption
        with interruption.deferred():
            if not delivery.resume():
                return
        reading = Reading(ledger, clock, progress, guards)
        for batches, judged, marks in self._planned(sources, checkpoints, reading, terms):
            with interruption.deferred():
                for each in judged:
                    account.include(each.account)
                if not delivery.epoch(batches, marks):
                    return
            if interruption.is_wanted:
                return

    def replay_to_store(
        self,
        sources: Iterable[Source] | Feed,
        store: EventStore,
        *,
        ledger: Ledger,
        clock: Clock,
        progress: Progress | None = None,
        guards: Guards = NO_GUARDS,
        service: Service = NO_SERVICE,  # noqa: ARG002 - of feeds, which a cluster does not read
    ) -> None:
        """Bring events into a store that keeps them with their marks, as `pipeline.replay_to_store` does."""
        account = ledger.open_destination(store.name)
        reader = PortionReader(self.session, store, Reading(ledger, clock, progress, guards), gives_events=True)
        store_steps(_steps(reader, _finite(sources), guards), store, account, guards=guards)

    def dry_run(
        self,
        sources: Iterable[Source] | Feed,
        *,
        ledger: Ledger,
        clock: Clock,
        progress: Progress | None = None,
        guards: Guards = NO_GUARDS,
        terms: Terms = Terms(),  # noqa: B008 - frozen
    ) -> Iterator[Batch]:
        """Plan the requests of a replay and send none, as `pipeline.dry_run` does."""
        account = ledger.open_destination("metrics")
        reading = Reading(ledger, clock, progress, guards)
        for batches, judged, _ in self._planned(sources, None, reading, terms):
            for each in judged:
                account.include(each.account)
            for batch in batches:
                account.settle(batch, Outcome(State.PENDING, DRY_RUN))
            yield from batches

    def _planned(
        self, sources: Iterable[Source] | Feed, marks: MarkStore | None, reading: Reading, terms: Terms
    ) -> Iterator[tuple[list[Batch], list[Judged], dict[str, Mark]]]:
        """Give the requests of each portion, what must not be sent of it, and how far its sources are read."""
        reader = PortionReader(self.session, marks, reading, gives_events=False)
        requests = Requests(self.session, reading.clock, reading.guards, terms.relative_error)
        for some in reader.portions(_finite(sources)):
            with reader.read(some) as portion:
                batches, judged = requests.of(portion)
            yield batches, judged, portion.marks
            reader.adapt(portion, sum(len(batch.body) for batch in batches))


def _finite(sources: Iterable[Source] | Feed) -> Iterable[Source]:
    if isinstance(sources, Feed):
        raise TypeError("a cluster reads what is there; it follows nothing")
    return sources


def _steps(reader: PortionReader, sources: Iterable[Source], guards: Guards) -> Iterator[Step]:
    """Give what was read as steps: events with the marks that belong to them, in the order of the sources."""
    for some in reader.portions(sources):
        with reader.read(some) as portion:
            for job, without in portion.jobs:
                for _, read in job.events(without):
                    if guards.rejects is not None:
                        guards.rejects.keep(read.rejections)
                    yield Step(read.events, marks=list(read.marks.values()))
            yield Step((), marks=list(portion.marks.values()), closes_epoch=True)
