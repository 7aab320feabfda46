"""Replays sources on Apache Spark: read and added up by a cluster, delivered by the driver.

It does what the functions of the pipeline do on one machine, takes what they take, and gives the same numbers, ledger
and marks. What is planned and how far sources are read is remembered in one transaction before anything is sent.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.admission import SeriesCap
from flowemf_processor.engines.spark.cutting import STRETCH_BYTES
from flowemf_processor.engines.spark.jobs import merged
from flowemf_processor.engines.spark.merging import MergingTerms
from flowemf_processor.engines.spark.portions import PortionReader
from flowemf_processor.engines.spark.session import refuse_without_parts, started
from flowemf_processor.model import Aggregate, Outcome, State, Tally
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
    from flowemf_processor.engines.spark.portions import Portion
    from flowemf_processor.engines.spark.session import SessionGiver
    from flowemf_processor.model import Batch
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.pipeline.reading import Progress
    from flowemf_processor.ports import CheckpointStore, Clock, EventStore, Sink, Source


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
        reader = PortionReader(
            self.session, checkpoints, ledger=ledger, clock=clock, progress=progress, guards=guards, gives_events=False
        )
        requests = _Requests(self.session, clock, guards, terms.relative_error)
        for some in reader.portions(_finite(sources)):
            with reader.read(some) as portion:
                batches, judged = requests.of(portion)
            with interruption.deferred():
                for each in judged:
                    account.include(each.account)
                if not delivery.epoch(batches, portion.marks):
                    return
            if interruption.is_wanted:
                return
            reader.adapt(portion, sum(len(batch.body) for batch in batches))

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
        reader = PortionReader(
            self.session, store, ledger=ledger, clock=clock, progress=progress, guards=guards, gives_events=True
        )
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
        reader = PortionReader(
            self.session, None, ledger=ledger, clock=clock, progress=progress, guards=guards, gives_events=False
        )
        requests = _Requests(self.session, clock, guards, terms.relative_error)
        for some in reader.portions(_finite(sources)):
            with reader.read(some) as portion:
                batches, judged = requests.of(portion)
            for each in judged:
                account.include(each.account)
            for batch in batches:
                account.settle(batch, Outcome(State.PENDING, DRY_RUN))
            yield from batches


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


class _Requests:
    """Makes requests of what was read, for no more series than a run may send.

    Args:
        session: Spark.
        clock: judges the age of data.
        guards: how many series a run may send.
        relative_error: how far values may move so that fewer datums are needed.
    """

    def __init__(self, session: SessionGiver, clock: Clock, guards: Guards, relative_error: float) -> None:
        self._session = session
        self._clock = clock
        self._max_series = guards.max_series
        self._cap = SeriesCap(guards.max_series)
        self._relative_error = relative_error

    def of(self, portion: Portion) -> tuple[list[Batch], list[Judged]]:
        """Make the requests of a portion."""
        session = self._session()
        parts = [job.parts(without) for job, without in portion.jobs]
        tasks = min(session.sparkContext.defaultParallelism, 1 + portion.weight_bytes // STRETCH_BYTES)
        terms = MergingTerms(self._clock.now_ms(), self._relative_error, self._max_series)
        batches, judged = merged(session, parts, tasks, terms)
        if self._have_places(judged):
            return batches, judged
        return merged(session, parts, tasks, replace(terms, placed=self._cap.placed))

    def _have_places(self, judged: Iterable[Judged]) -> bool:
        """Give places to series, as far as there are any; tell whether all have got one."""
        found = [
            Aggregate(series, 0, ((0.0, Tally(1.0, datapoints)),))
            for each in judged
            for series, datapoints in each.datapoints.items()
        ]
        return all(has_place for _, has_place in self._cap.judge(found))
