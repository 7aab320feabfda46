"""Reads sources and gathers what they hold, without a destination.

Sources go in; aggregates come out, epoch by epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.batches import BatchRoad, SeriesTaker
from flowemf_processor.pipeline.collecting import rare_collections
from flowemf_processor.pipeline.elsewhere import elsewhere
from flowemf_processor.pipeline.guards import NO_GUARDS
from flowemf_processor.pipeline.steps import events_of, steps_of
from flowemf_processor.pipeline.yields import AggregatesYield

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.core.gathered import Gathered
    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.ports import Clock, Source

_EPOCH_DATAPOINTS = 1_000_000


def gathered(
    sources: Iterable[Source],
    *,
    ledger: Ledger,
    clock: Clock,
    guards: Guards = NO_GUARDS,
) -> Iterator[Gathered]:
    """Read sources and gather what they hold.

    Args:
        sources: what to read, in this order.
        ledger: where everything is counted.
        clock: gives the time that events without a timestamp get.
        guards: what guards the run against the lines it reads.

    Yields:
        What each series gathered in each period; in several parts, since an epoch is closed where memory demands it.
    """
    aggregator = Aggregator()
    road = BatchRoad(SeriesTaker(aggregator), guards.conditions)
    with rare_collections(), elsewhere(AggregatesYield(), guards) as place:
        for step in steps_of(sources, ledger, clock, None, None, guards, road, elsewhere=place):
            if step.yielded is not None:
                yield step.yielded
            for event in events_of(step):
                aggregator.add(event)
            if aggregator.datapoints >= _EPOCH_DATAPOINTS:
                yield aggregator.close()
        yield aggregator.close()
