"""Gathers values into series and periods.

Events or whole columns of values go in, in any order; aggregates come out: for each series and period every distinct
value and how often it occurred. Nothing is rounded or estimated.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING

from flowemf_processor.model import Aggregate, Series, StatisticSet, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.model import Event, Measurement

Weighted = tuple[float, float]
"""A value and how often it occurred."""

Group = list["float | Weighted | StatisticSet"]
"""What one series gathered in one period: a number stands for itself, once. Whoever has it may append to it."""

_MOST_VALUES_ALIKE = 10_000


class Aggregator:
    """Gathers values until `close`.

    >>> Aggregator().close()
    []
    """

    def __init__(self) -> None:
        self._periods_of: dict[Series, dict[int, Group]] = {}
        self.datapoints = 0
        """How many datapoints have been gathered since the last `close`; whoever appends to a group adds to it."""
        self.groups = 0
        """How many series and periods have been gathered: what memory is needed for."""
        self.epoch = 0
        """How often it was closed: a group is of use only within its epoch."""

    def add(self, event: Event) -> None:
        """Gather the measurements of one event, under the period its timestamp falls into."""
        for measurement in event.measurements:
            resolution = measurement.resolution_seconds
            period_start_s = event.timestamp_ms // 1000 // resolution * resolution
            entries = list(_entries(measurement))
            for dimensions in measurement.dimension_sets:
                series = Series(measurement.namespace, measurement.name, dimensions, measurement.unit, resolution)
                self.group(series, period_start_s).extend(entries)
            self.datapoints += measurement.datapoints

    def group(self, series: Series, period_start_s: int) -> Group:
        """Give what a series gathers in a period.

        Args:
            series: whose it is.
            period_start_s: the second at which the period begins, since the epoch.
        """
        periods = self._periods_of.get(series)
        if periods is None:
            periods = self._periods_of[series] = {}
        group = periods.get(period_start_s)
        if group is None:
            group = periods[period_start_s] = []
            self.groups += 1
        return group

    def close(self) -> list[Aggregate]:
        """Give everything gathered, ordered by series and period, and begin anew."""
        periods_of = self._periods_of
        aggregates = [
            _aggregate(series, start_s, group)
            for series in sorted(periods_of)  # far fewer than groups: to compare dataclasses takes a microsecond
            for start_s, group in sorted(periods_of[series].items())
        ]
        self._periods_of = {}
        self.datapoints = self.groups = 0
        self.epoch += 1
        return aggregates


def _entries(measurement: Measurement) -> Iterator[float | Weighted | StatisticSet]:
    for value, count in measurement.values:
        yield value if count == 1 else (value, count)
    if measurement.statistic_set is not None:
        yield measurement.statistic_set


def _aggregate(series: Series, period_start_s: int, group: Group) -> Aggregate:
    if set(map(type, group)) == {float}:
        return Aggregate(series, period_start_s, _tallied(group))  # type: ignore[arg-type]
    sets = tuple(entry for entry in group if type(entry) is StatisticSet)
    return Aggregate(series, period_start_s, tuple(_weighted_tallies(group)), sets)


def _tallied(values: list[float]) -> tuple[tuple[float, Tally], ...]:
    """Tally values of which each occurred once; most series never see a value twice in a minute, or always the same."""
    distinct = sorted(set(values))
    if len(distinct) == len(values):
        return tuple(zip(distinct, repeat(_tally(1))))
    if len(distinct) == 1:
        return ((distinct[0], _tally(len(values))),)
    occurred = Counter(values)
    return tuple((value, _tally(occurred[value])) for value in distinct)


@lru_cache(_MOST_VALUES_ALIKE)
def _tally(times: int) -> Tally:
    """Tallies are alike and many: one of each is kept."""
    return Tally(float(times), times)


def _weighted_tallies(group: Iterable[float | Weighted | StatisticSet]) -> Iterator[tuple[float, Tally]]:
    counts_of_value: dict[float, list[float]] = {}
    for entry in group:
        if type(entry) is float:
            counts_of_value.setdefault(entry, []).append(1.0)
        elif type(entry) is tuple:
            counts_of_value.setdefault(entry[0], []).append(entry[1])
    # fsum, since counts may be fractions and their order must not show in the sum
    for value, counts in sorted(counts_of_value.items()):
        yield value, Tally(math.fsum(counts), len(counts))
