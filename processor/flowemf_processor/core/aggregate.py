"""Gathers values into series and periods.

Events or whole columns of values go in, in any order; aggregates come out: for each series and period every distinct
value and how often it occurred. Nothing is rounded or estimated.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Any

from flowemf_processor.model import Aggregate, Series, StatisticSet, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.model import Event, Measurement

Entry = float | tuple[float, float] | StatisticSet
"""What is gathered of one target: a value that occurred once, a value with its count, or a statistic set."""

Group = list[Entry]
"""What one series gathered in one period."""

_FEW = 8  # so many passes through a list take less time than a Counter
_TALLIES_KEPT = 10_000


class Aggregator:
    """Gathers values until `close`.

    Groups lie by period, since logs are written in the order of time: what is needed next was touched just before.

    >>> Aggregator().close()
    []
    """

    def __init__(self) -> None:
        self.datapoints = 0
        """How many datapoints have been gathered since the last `close`."""
        self.epoch = 0
        """How often it was closed: numbers of series and groups are of use only within an epoch."""
        self._begin()

    def _begin(self) -> None:
        self._numbers: dict[Series, int] = {}
        self._mixed: set[int] = set()
        self._groups: defaultdict[int, defaultdict[int, Group]] = defaultdict(_new_groups)

    @property
    def groups(self) -> int:
        """How many series and periods have been gathered: what memory is needed for."""
        return sum(map(len, self._groups.values()))

    def add(self, event: Event) -> None:
        """Gather the measurements of one event, under the period its timestamp falls into."""
        for measurement in event.measurements:
            resolution = measurement.resolution_seconds
            period_start_s = event.timestamp_ms // 1000 // resolution * resolution
            entries = list(_entries(measurement))
            is_plain = all(type(entry) is float for entry in entries)
            for dimensions in measurement.dimension_sets:
                series = Series(measurement.namespace, measurement.name, dimensions, measurement.unit, resolution)
                number = self.number(series, is_plain=is_plain)
                self._groups[period_start_s][number].extend(entries)
            self.datapoints += measurement.datapoints

    def number(self, series: Series, *, is_plain: bool) -> int:
        """Give the number of a series in this epoch.

        Args:
            series: what is gathered for.
            is_plain: whether nothing will be added but numbers that occurred once.
        """
        number = self._numbers.setdefault(series, len(self._numbers))
        if not is_plain:
            self._mixed.add(number)
        return number

    def period(self, start_s: int) -> defaultdict[int, Group]:
        """Give the groups of a period, by the number of their series; whoever adds to one counts the datapoints.

        Args:
            start_s: the second at which the period begins, since the epoch.
        """
        return self._groups[start_s]

    def close(self) -> list[Aggregate]:
        """Give everything gathered, ordered by series and period, and begin anew."""
        several = list(self._numbers)
        aggregates: list[list[Aggregate]] = [[] for _ in several]
        for start_s in sorted(self._groups):
            for number, group in self._groups[start_s].items():
                tallied = _mixed if number in self._mixed else _plain
                aggregates[number].append(tallied(several[number], start_s, group))
        ascending = sorted(range(len(several)), key=several.__getitem__)
        self._begin()
        self.datapoints = 0
        self.epoch += 1
        return [each for number in ascending for each in aggregates[number]]


def _new_groups() -> defaultdict[int, Group]:
    return defaultdict(list)


def _entries(measurement: Measurement) -> Iterator[Entry]:
    for value, count in measurement.values:
        yield value if count == 1 else (value, count)
    if measurement.statistic_set is not None:
        yield measurement.statistic_set


def _plain(series: Series, period_start_s: int, group: list[Any]) -> Aggregate:
    """Tally values of which each occurred once: most series see no value twice in a minute, or few distinct ones."""
    distinct = set(group)
    if len(distinct) == len(group):
        group.sort()
        return Aggregate(series, period_start_s, tuple(zip(group, _ONCE, strict=False)))
    values = sorted(distinct)
    if len(values) <= _FEW:
        return Aggregate(series, period_start_s, tuple([(value, _tally(group.count(value))) for value in values]))
    occurred = Counter(group)
    return Aggregate(series, period_start_s, tuple([(value, _tally(occurred[value])) for value in values]))


def _mixed(series: Series, period_start_s: int, group: Group) -> Aggregate:
    sets = tuple(entry for entry in group if type(entry) is StatisticSet)
    return Aggregate(series, period_start_s, tuple(_weighted_tallies(group)), sets)


@lru_cache(_TALLIES_KEPT)
def _tally(times: int) -> Tally:
    """Tallies are alike and many: one of each is kept."""
    return Tally(float(times), times)


_ONCE = repeat(_tally(1))


def _weighted_tallies(group: Iterable[Entry]) -> Iterator[tuple[float, Tally]]:
    counts_of_value: dict[float, list[float]] = {}
    for entry in group:
        if type(entry) is float:
            counts_of_value.setdefault(entry, []).append(1.0)
        elif type(entry) is tuple:
            counts_of_value.setdefault(entry[0], []).append(entry[1])
    # fsum, since counts may be fractions and their order must not show in the sum
    for value, counts in sorted(counts_of_value.items()):
        yield value, Tally(math.fsum(counts), len(counts))
