"""Checks sources: every record is read and judged, and nothing is delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.core.batches import BatchRoad, Nobody
from flowemf_processor.core.unwrap import SeenEvents
from flowemf_processor.model import Duplicate, Other, Position
from flowemf_processor.pipeline.collecting import rare_collections
from flowemf_processor.pipeline.elsewhere import elsewhere
from flowemf_processor.pipeline.guards import NO_GUARDS
from flowemf_processor.pipeline.reading import Progress, SourceReader
from flowemf_processor.pipeline.yields import NoYield

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.pipeline.reading import Step
    from flowemf_processor.ports import Clock, Source
    from flowemf_schemas.rules import Finding


def check(
    sources: Iterable[Source],
    *,
    ledger: Ledger,
    clock: Clock,
    progress: Progress | None = None,
    guards: Guards = NO_GUARDS,
) -> Iterator[tuple[Position, Finding]]:
    """Judge every record of the sources.

    Args:
        sources: what to read, in this order.
        ledger: where everything is counted.
        clock: gives the time that events without a timestamp get.
        progress: is told how many bytes have just been read.
        guards: what is demanded of each line, and who keeps what is rejected.

    Yields:
        Each finding and the place of its record; line 0 stands for the source as a whole.
    """
    seen = SeenEvents()
    road = BatchRoad(Nobody(), guards.conditions)
    with rare_collections(), elsewhere(NoYield(), guards) as place:
        for source in sources:
            reader = SourceReader(
                source,
                ledger=ledger,
                clock=clock,
                progress=progress,
                guards=guards,
                seen=seen,
                road=road,
                elsewhere=place,
            )
            for step in reader.steps():
                if guards.rejects is not None:
                    guards.rejects.keep(step.rejections)
                yield from _findings(step, source.name)


def _findings(step: Step, source: str) -> Iterator[tuple[Position, Finding]]:
    for found in step.findings:
        yield Position(source, 0, 0), found
    for record in step.records:
        if not isinstance(record, (Duplicate, Other)):
            yield from ((record.position, found) for found in record.findings)
