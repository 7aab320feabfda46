"""Reads all sources of a run, and keeps what must not go on from going on.

Sources go in, or a feed of them; their steps come out in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.core.unwrap import EVENT_IDS, SeenEvents
from flowemf_processor.errors import ConfigurationError
from flowemf_processor.model import Event
from flowemf_processor.pipeline.following import followed
from flowemf_processor.pipeline.reading import Progress, SourceReader, Step
from flowemf_processor.ports import Feed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.core.batches import BatchRoad
    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.pipeline.elsewhere import Elsewhere
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.ports import Clock, MarkStore, Source


def steps_of(  # noqa: PLR0913 - each is chosen by somebody else
    sources: Iterable[Source] | Feed,
    ledger: Ledger,
    clock: Clock,
    marks: MarkStore | None,
    progress: Progress | None,
    guards: Guards,
    road: BatchRoad | None = None,
    *,
    keeps_text: bool = False,
    elsewhere: Elsewhere | None = None,
    seen: SeenEvents | None = None,
) -> Iterator[Step]:
    """Read sources; what records lost is kept before anybody can move a mark past it.

    Args:
        sources: what to read, in this order; or a feed, which is followed until it is over.
        ledger: where everything is counted.
        clock: gives the time that events without a timestamp get.
        marks: knows how far earlier runs got; None where nothing is remembered.
        progress: is told how many bytes have just been read.
        guards: what guards the run against the lines it reads.
        road: reads flawless lines together; None reads each by itself.
        keeps_text: whether events are to carry their lines, which those that are read together do not.
        elsewhere: reads chunks of large sources in place of the road.
        seen: knows the log events that were read before; None knows those of the marks.

    Raises:
        ConfigurationError: a line has been extracted by CloudWatch already, and the guards refuse that.
    """
    seen = SeenEvents() if seen is None else seen
    if marks is not None:
        seen.restore(marks.mark(EVENT_IDS))

    def steps_in(source: Source, known: MarkStore | None) -> Iterator[Step]:
        return SourceReader(
            source,
            ledger=ledger,
            clock=clock,
            marks=known,
            progress=progress,
            guards=guards,
            seen=seen,
            road=None if keeps_text else road,
            keeps_text=keeps_text,
            elsewhere=None if keeps_text else elsewhere,
        ).steps()

    steps: Iterator[Step]
    if isinstance(sources, Feed):
        steps = followed(sources, steps_in, marks)
    else:
        steps = (step for source in sources for step in steps_in(source, marks))
    for step in steps:
        if guards.refuses_extracted:
            _refuse_extracted(step)
        if guards.rejects is not None:
            guards.rejects.keep(step.rejections)
        yield step


def events_of(step: Step) -> Iterator[Event]:
    """Give the events of a step that were read one by one."""
    return (record for record in step.records if isinstance(record, Event))


def _refuse_extracted(step: Step) -> None:
    for event in events_of(step):
        if event.origin.from_log_group and event.datapoints:
            group = f" {event.origin.log_group}" if event.origin.log_group else ""
            raise ConfigurationError(
                f"{event.position.source}:{event.position.line}: comes out of a CloudWatch log group{group}, which has "
                "extracted its metrics already: sending them would count them twice. Give --not-extracted if it has "
                "not, such as a group of the class Infrequent Access, or lines that lay in it inside other JSON"
            )
