"""Gathers events into series and periods.

Events go in, in any order; aggregates come out: for each series and period every distinct value and how often it
occurred. Nothing is rounded or estimated.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flowemf_processor.model import Aggregate, Series, StatisticSet, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.model import Event, Measurement


class _Gathered:
    """What one series and period has gathered so far: each value's counts, and the statistic sets."""

    __slots__ = ("counts_of_value", "statistic_sets")

    def __init__(self) -> None:
        self.counts_of_value: dict[float, list[float]] = {}
        self.statistic_sets: list[StatisticSet] = []


class Aggregator:
    """Gathers events until `close`.

    >>> Aggregator().close()
    []
    """

    def __init__(self) -> None:
        self._gathered: dict[tuple[Series, int], _Gathered] = {}
        self.datapoints = 0
        """How many datapoints have been gathered since the last `close`."""

    @property
    def groups(self) -> int:
        """How many series and periods have been gathered: what memory is needed for."""
        return len(self._gathered)

    def add(self, event: Event) -> None:
        """Gather the measurements of one event, under the period its timestamp falls into."""
        for measurement in event.measurements:
            resolution = measurement.resolution_seconds
            period_start_s = event.timestamp_ms // 1000 // resolution * resolution
            for dimensions in measurement.dimension_sets:
                series = Series(measurement.namespace, measurement.name, dimensions, measurement.unit, resolution)
                self._gather(series, period_start_s, measurement)
            self.datapoints += measurement.datapoints

    def close(self) -> list[Aggregate]:
        """Give everything gathered, ordered by series and period, and begin anew."""
        ordered = sorted(self._gathered.items(), key=lambda item: item[0])
        aggregates = [_aggregate(series, start, gathered) for (series, start), gathered in ordered]
        self._gathered.clear()
        self.datapoints = 0
        return aggregates

    def _gather(self, series: Series, period_start_s: int, measurement: Measurement) -> None:
        gathered = self._gathered.setdefault((series, period_start_s), _Gathered())
        for value, count in measurement.values:
            gathered.counts_of_value.setdefault(value, []).append(count)
        if measurement.statistic_set is not None:
            gathered.statistic_sets.append(measurement.statistic_set)


def _aggregate(series: Series, period_start_s: int, gathered: _Gathered) -> Aggregate:
    return Aggregate(series, period_start_s, tuple(_tallies(gathered)), tuple(gathered.statistic_sets))


def _tallies(gathered: _Gathered) -> Iterator[tuple[float, Tally]]:
    # fsum, since counts may be fractions and their order must not show in the sum
    for value, counts in sorted(gathered.counts_of_value.items()):
        yield value, Tally(math.fsum(counts), len(counts))
