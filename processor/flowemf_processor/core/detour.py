"""The other road for log events that CloudWatch Logs does not take.

A PutLogEvents request and the indexes of events in it go in; PutMetricData requests with the same datapoints come out.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from flowemf_processor.core.admission import refusal
from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.core.parse import parse
from flowemf_processor.model import Detour, Event, Line, Position

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowemf_processor.model import Batch

_NOWHERE = Position("", 0, 0)


def detour(batch: Batch, indexes: Iterable[int], *, now_ms: int) -> Detour:
    """Plan the other road.

    Args:
        batch: a PutLogEvents request.
        indexes: which of its events take the other road.
        now_ms: the time, in milliseconds since the epoch.

    Returns:
        What to send instead, and what that road would refuse too.
    """
    events = batch.request["logEvents"]
    aggregator = Aggregator()
    for index in indexes:
        message = events[index]["message"].encode()
        line = Line(_NOWHERE, message, len(message), terminated=True)
        record = parse(line, received_ms=events[index]["timestamp"])
        if isinstance(record, Event):
            aggregator.add(record)
    refused: Counter[str] = Counter()
    sendable = []
    for aggregate in aggregator.close():
        reason = refusal(aggregate, now_ms=now_ms)
        if reason is None:
            sendable.append(aggregate)
        else:
            refused[reason] += aggregate.datapoints
    return Detour(tuple(plan(sendable)), tuple(sorted(refused.items())))
