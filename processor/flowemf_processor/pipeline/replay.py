"""Replays sources into a destination: a store, a sink that takes batches, or a writer of lines.

Sources and a destination go in; the ledger says what became of every record and datapoint. Work is done in epochs: an
epoch closes every aggregate, and its batches and marks are remembered in one transaction before anything is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.core.rewriting import line_text
from flowemf_processor.model import Outcome, State
from flowemf_processor.pipeline.collecting import rare_collections
from flowemf_processor.pipeline.delivery import NOT_TRIED, Delivery, Terms
from flowemf_processor.pipeline.epochs import LineEpochs, MetricEpochs
from flowemf_processor.pipeline.following import AttendedFeed
from flowemf_processor.pipeline.guards import NO_GUARDS
from flowemf_processor.pipeline.spooling import Following, SpooledDelivery
from flowemf_processor.pipeline.steps import events_of, steps_of
from flowemf_processor.pipeline.vitals import NO_SERVICE, Service, Watchman
from flowemf_processor.ports import Feed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.core.ledger import DestinationAccount, Ledger
    from flowemf_processor.model import Batch, Event, Mark
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.pipeline.reading import Progress, Step
    from flowemf_processor.ports import CheckpointStore, Clock, EventStore, LineWriter, Sink, Source


STORE_DATAPOINTS = 100_000
"""After so many datapoints a store is given its events."""

DRY_RUN = "dry-run"


@rare_collections()
def replay_to_store(
    sources: Iterable[Source] | Feed,
    store: EventStore,
    *,
    ledger: Ledger,
    clock: Clock,
    progress: Progress | None = None,
    guards: Guards = NO_GUARDS,
    service: Service = NO_SERVICE,
) -> None:
    """Bring events into a store that keeps them with their marks, so that nothing is stored twice.

    Args:
        sources: what to read, in this order; or a feed, which is followed until it is over.
        store: the destination.
        ledger: where everything is counted.
        clock: gives the time that events without a timestamp get.
        progress: is told how many bytes have just been read.
        guards: what guards the run against the lines it reads.
        service: who looks after a feed.
    """
    account = ledger.open_destination(store.name)
    watchman = None
    if isinstance(sources, Feed):
        watchman = Watchman(sources, ledger, account, clock, service)
        sources = AttendedFeed(sources, watchman)
    steps = steps_of(sources, ledger, clock, store, progress, guards)
    store_steps(steps, store, account, guards=guards, watchman=watchman)


def store_steps(
    steps: Iterable[Step],
    store: EventStore,
    account: DestinationAccount,
    *,
    guards: Guards = NO_GUARDS,
    watchman: Watchman | None = None,
) -> None:
    """Bring the events of steps into a store together with their marks.

    Args:
        steps: what was read, by whomever.
        store: the destination.
        account: where everything is counted.
        guards: who keeps what is rejected.
        watchman: who looks after a feed.
    """
    storage = _Storage(store, account, guards, watchman)
    try:
        for step in steps:
            storage.take(step)
        storage.flush()
    finally:
        storage.give_up()


@rare_collections()
def replay_to_sink(
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
    """Bring metrics to a destination that takes batches, after what an earlier run left unfinished.

    Of plain sources, reading stops at the first epoch that could not be delivered whole; what was not read is read by
    the next run. A feed is read on, and what is not delivered yet waits in the checkpoint.

    Args:
        sources: what to read, in this order; or a feed, which is followed until it is over.
        sink: the destination.
        checkpoints: remembers positions and planned batches; None remembers nothing.
        ledger: where everything is counted.
        clock: judges the age of data.
        progress: is told how many bytes have just been read.
        guards: what guards the run against the lines it reads.
        terms: how exactly and how eagerly to deliver; of a feed, who looks after it and how much of it may wait.
    """
    account = ledger.open_destination(sink.name)
    delivery = Delivery(sink, checkpoints, account, terms, rejects=guards.rejects)
    if isinstance(sources, Feed) and checkpoints is not None:
        delivery = spooled = SpooledDelivery(
            sink,
            checkpoints,
            account,
            terms,
            Following(sources, ledger, clock),
            rejects=guards.rejects,
        )
        sources = AttendedFeed(sources, spooled)
    interruption = terms.interruption
    with interruption.deferred():
        if not delivery.resume():
            return
    epochs = _epochs(account, clock, guards, terms)
    marks: dict[str, Mark] = {}
    try:
        for step in steps_of(
            sources,
            ledger,
            clock,
            checkpoints,
            progress,
            guards,
            epochs.road,
            keeps_text=epochs.keeps_text,
            elsewhere=epochs.elsewhere(),
        ):
            with interruption.deferred():
                epochs.add(step)
                marks.update((mark.source, mark) for mark in step.marks)
                if (epochs.is_full or step.closes_epoch) and not delivery.epoch(epochs.close(), marks):
                    return
            if interruption.is_wanted:
                return
        with interruption.deferred():
            if delivery.epoch(epochs.close(), marks):
                delivery.finish()
    finally:
        delivery.close()
        epochs.give_up()


def replay_to_writer(
    sources: Iterable[Source] | Feed,
    writer: LineWriter,
    *,
    ledger: Ledger,
    clock: Clock,
    progress: Progress | None = None,
    guards: Guards = NO_GUARDS,
) -> None:
    """Write metric lines.

    Args:
        sources: what to read, in this order; or a feed, which is followed until it is over.
        writer: takes the lines.
        ledger: where everything is counted.
        clock: gives the time that events without a timestamp get.
        progress: is told how many bytes have just been read.
        guards: what guards the run against the lines it reads.

    Raises:
        TryAgainLaterError: the writer cannot go on.
    """
    account = ledger.open_destination(writer.name)
    for step in steps_of(sources, ledger, clock, None, progress, guards, keeps_text=True):
        events = list(events_of(step))
        datapoints = sum(event.datapoints for event in events)
        account.extracted += datapoints
        account.datapoints[State.PENDING] += datapoints
        writer.write([line_text(event) for event in events])
        account.datapoints[State.PENDING] -= datapoints
        account.datapoints[State.ACCEPTED] += datapoints


def dry_run(
    sources: Iterable[Source] | Feed,
    *,
    ledger: Ledger,
    clock: Clock,
    progress: Progress | None = None,
    guards: Guards = NO_GUARDS,
    terms: Terms = Terms(),  # noqa: B008 - frozen
) -> Iterator[Batch]:
    """Plan the requests of a replay and send none: no network, no store and no checkpoint is touched.

    Args:
        sources: what to read, in this order.
        ledger: where everything is counted; what would be sent is pending.
        clock: judges the age of data.
        progress: is told how many bytes have just been read.
        guards: what guards the run against the lines it reads.
        terms: how exactly to deliver.

    Yields:
        The batches, as a replay without a checkpoint would send them.
    """
    account = ledger.open_destination("logs" if terms.log_stream else "metrics")
    epochs = _epochs(account, clock, guards, terms)

    def planned() -> Iterator[Batch]:
        for batch in epochs.close():
            account.settle(batch, Outcome(State.PENDING, DRY_RUN))
            yield batch

    try:
        with rare_collections():
            for step in steps_of(
                sources,
                ledger,
                clock,
                None,
                progress,
                guards,
                epochs.road,
                keeps_text=epochs.keeps_text,
                elsewhere=epochs.elsewhere(),
            ):
                epochs.add(step)
                if epochs.is_full:
                    yield from planned()
            yield from planned()
    finally:
        epochs.give_up()


def _epochs(account: DestinationAccount, clock: Clock, guards: Guards, terms: Terms) -> MetricEpochs | LineEpochs:
    if terms.log_stream is not None:
        return LineEpochs(account, clock, terms.log_stream)
    return MetricEpochs(account, clock, guards, terms.relative_error)


class _Storage:
    """Gathers events and marks until a store is worth its while."""

    def __init__(
        self, store: EventStore, account: DestinationAccount, guards: Guards, watchman: Watchman | None
    ) -> None:
        self._watchman = watchman
        self._store = store
        self._account = account
        self._rejects = guards.rejects
        self._events: list[Event] = []
        self._marks: dict[str, Mark] = {}
        self._waiting = 0

    def take(self, step: Step) -> None:
        """Take what a step gave; what holds no number needs no place."""
        events = [event for event in events_of(step) if event.datapoints]
        datapoints = sum(event.datapoints for event in events)
        self._events += events
        self._waiting += datapoints
        self._account.extracted += datapoints
        self._marks.update((mark.source, mark) for mark in step.marks)
        if self._waiting >= STORE_DATAPOINTS or step.closes_epoch:
            self.flush()

    def flush(self) -> None:
        """Store what was gathered."""
        if self._rejects is not None:
            self._rejects.settle()
        refused = self._store.store(self._events, self._marks.values()) or {}
        self._account.datapoints[State.ACCEPTED] += self._waiting - sum(refused.values())
        for reason, datapoints in refused.items():
            self._account.refuse(reason, datapoints)
        if self._watchman is not None:
            self._watchman.stored(self._events)
        self._events.clear()
        self._marks.clear()
        self._waiting = 0

    def give_up(self) -> None:
        """Account for what an exception kept from being stored; the next run reads it again."""
        if self._waiting:
            self._account.datapoints[State.PENDING] += self._waiting
            self._account.reasons[NOT_TRIED] += self._waiting
