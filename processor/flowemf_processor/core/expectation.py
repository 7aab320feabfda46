"""What CloudWatch is to show once it has extracted the lines that it was sent.

PutLogEvents requests that were accepted go in; for each series the number of samples that must be there comes out.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowemf_processor.core.parse import parse
from flowemf_processor.model import Event, Line, Position, Series

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from flowemf_processor.model import Batch

MOST_SERIES = 100
"""So many series are looked for: one question to CloudWatch holds 500 and costs by the series."""

_NOWHERE = Position("", 0, 0)


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of one series.

    Attributes:
        series: which one.
        samples: how many samples were sent; CloudWatch may show more, of other writers.
        first_ms: the time of the first of them, in milliseconds since the epoch.
        last_ms: the time of the last of them.
    """

    series: Series
    samples: float
    first_ms: int
    last_ms: int


class Expectation:
    """Gathers what was sent; safe to use from several threads."""

    def __init__(self) -> None:
        self._turns = threading.Lock()
        self._expected: dict[Series, Expected] = {}
        self.is_partial = False
        """Whether there were more series than are looked for."""

    @property
    def all(self) -> list[Expected]:
        """What is expected, the series that was sent first coming first."""
        return list(self._expected.values())

    def take(self, batch: Batch, left_out: Collection[int]) -> None:
        """Expect the events of a request.

        Args:
            batch: a PutLogEvents request that was accepted.
            left_out: the indexes of events that were not.
        """
        with self._turns:
            for index, event in enumerate(batch.request["logEvents"]):
                if index not in left_out:
                    for series, samples in _samples(event["message"]):
                        self._add(series, samples, event["timestamp"])

    def _add(self, series: Series, samples: float, moment_ms: int) -> None:
        known = self._expected.get(series)
        if known is not None:
            self._expected[series] = replace(
                known,
                samples=known.samples + samples,
                first_ms=min(known.first_ms, moment_ms),
                last_ms=max(known.last_ms, moment_ms),
            )
        elif len(self._expected) < MOST_SERIES:
            self._expected[series] = Expected(series, samples, moment_ms, moment_ms)
        else:
            self.is_partial = True


def _samples(message: str) -> Iterator[tuple[Series, float]]:
    data = message.encode()
    record = parse(Line(_NOWHERE, data, len(data), terminated=True), received_ms=0)
    for each in record.measurements if isinstance(record, Event) else ():
        samples = sum(count for _, count in each.values) + (each.statistic_set.count if each.statistic_set else 0)
        for dimensions in each.dimension_sets:
            yield Series(each.namespace, each.name, dimensions, each.unit, each.resolution_seconds), samples
