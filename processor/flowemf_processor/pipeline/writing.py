"""Writes the metric lines of sources, freed of what is wrapped around them.

Sources go in; lines come out in the order in which they were read, and everything is accounted for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.core.rewriting import line_text
from flowemf_processor.model import State
from flowemf_processor.pipeline.guards import NO_GUARDS
from flowemf_processor.pipeline.steps import events_of, steps_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.pipeline.reading import Progress
    from flowemf_processor.ports import Clock, Feed, LineWriter, Source


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
