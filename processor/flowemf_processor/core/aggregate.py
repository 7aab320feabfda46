"""Gathers values into series and periods.

Events or sheets of columns go in, in any order; aggregates come out: for each series and period every distinct value
and how often it occurred. Nothing is rounded or estimated.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.columns import Loose
from flowemf_processor.core.gathered import Gathered, tally_of
from flowemf_processor.core.series_numbers import SeriesNumbers
from flowemf_processor.model import Aggregate, Series, StatisticSet, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowemf_processor.core.columns import Sheet
    from flowemf_processor.core.runs import Run
    from flowemf_processor.model import Event, Measurement

Entry = float | tuple[float, float] | StatisticSet
"""What is gathered of one target: a value that occurred once, a value with its count, or a statistic set."""

Group = list[Entry]
"""What one series gathered in one period."""

_NUMBERS_KEPT = 10_000  # over epochs: most logs have fewer series, and the same again and again
_FEW = 8  # so many passes through a list take less time than a Counter


class Aggregator:
    """Gathers values until `close`: as columns what lies in sheets, in groups what comes by itself.

    Groups lie by period, since logs are written in the order of time: what is needed next was touched just before.

    >>> list(Aggregator().close())
    []
    """

    def __init__(self) -> None:
        self.datapoints = 0
        """How many datapoints have been gathered since the last `close`."""
        self.epoch = 0
        """How often it was closed: groups and sheets are of use only within an epoch."""
        self.numbering = 0
        """How often series were numbered anew: numbers are of use as long as this is the same."""
        self._numbers = SeriesNumbers()
        self._begin()

    def _begin(self) -> None:
        self._mixed: set[int] = set()
        self._groups: defaultdict[int, defaultdict[int, Group]] = defaultdict(_new_groups)
        self._sheets: list[Sheet] = []
        self._counted_at = 0

    @property
    def groups(self) -> int:
        """How many series and periods have been gathered; what lies both in a sheet and in a group counts twice."""
        groups = sum(map(len, self._groups.values()))
        if self._sheets:
            from flowemf_processor.core.runs import groups_of

            groups += groups_of(self._sheets)
        return groups

    def has_groups(self, most: int) -> bool:
        """Tell whether so many series and periods have been gathered.

        Counting takes a moment, so it is done rarely: there may be an eighth more before this says so.

        Args:
            most: how many are enough.
        """
        if self.datapoints < max(most, self._counted_at + most // 8):
            return False
        self._counted_at = self.datapoints
        return self.groups >= most

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
        """Give the number of a series; to be asked for in every epoch in which something is added that is not plain.

        Args:
            series: what is gathered for.
            is_plain: whether nothing will be added but numbers that occurred once.
        """
        number = self._numbers[series]
        if not is_plain:
            self._mixed.add(number)
        return number

    def period(self, start_s: int) -> defaultdict[int, Group]:
        """Give the groups of a period, by the number of their series; whoever adds to one counts the datapoints.

        Args:
            start_s: the second at which the period begins, since the epoch.
        """
        return self._groups[start_s]

    def keep(self, sheet: Sheet) -> None:
        """Take a sheet in; whoever adds to it counts the datapoints.

        Args:
            sheet: of plain numbers only.
        """
        self._sheets.append(sheet)

    def close(self) -> Gathered:
        """Give everything gathered, ordered by series and period, and begin anew."""
        series, places = self._numbers.in_order(), self._numbers.places()
        run = self._run(places) if self._sheets else None
        beside = [
            (places[number], (_mixed if number in self._mixed else _plain)(series[places[number]], start_s, group))
            for start_s in sorted(self._groups)
            for number, group in self._groups[start_s].items()
        ]
        beside.sort(key=_place)  # and within a series as they are: by period
        self._begin()
        self.datapoints = 0
        self.epoch += 1
        if len(series) > _NUMBERS_KEPT:
            self._numbers = SeriesNumbers()
            self.numbering += 1
        return Gathered(series, run, beside)

    def _run(self, places: Sequence[int]) -> Run:
        """Sort what lies in sheets, and in groups of plain numbers; the other groups get what a series has of both."""
        from flowemf_processor.core.runs import run_of

        loose = Loose()
        for start_s, groups in self._groups.items():
            for number in groups.keys() - self._mixed:
                plain: list[Any] = groups.pop(number)
                loose.add(number, start_s, plain)
        run, rest = run_of(self._sheets, loose, places, apart=self._mixed)
        for number, start_s, value in rest:
            self._groups[start_s][number].append(value)
        return run


_place = itemgetter(0)


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
        return Aggregate(series, period_start_s, tuple([(value, tally_of(group.count(value))) for value in values]))
    occurred = Counter(group)
    return Aggregate(series, period_start_s, tuple([(value, tally_of(occurred[value])) for value in values]))


def _mixed(series: Series, period_start_s: int, group: Group) -> Aggregate:
    sets = tuple(entry for entry in group if type(entry) is StatisticSet)
    return Aggregate(series, period_start_s, tuple(_weighted_tallies(group)), sets)


_ONCE = repeat(tally_of(1))


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
