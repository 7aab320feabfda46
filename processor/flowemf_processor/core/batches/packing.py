"""Packs the rows of one directive into columns.

Rows whose values are plain numbers go in; a sheet of the aggregator has them afterwards, and the indexes come out of
those whose dimensions something is to be said of.
"""

from __future__ import annotations

from itertools import chain, repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.batches.members import Kind
from flowemf_processor.core.batches.values import entries_of
from flowemf_processor.core.columns import sheet_of
from flowemf_processor.model import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowemf_processor.core.aggregate import Aggregator
    from flowemf_processor.core.batches.plan import Plan, Row
    from flowemf_processor.core.columns import Column

REMEMBERED = 100_000
"""So many dimension values of one directive are kept in mind at most."""
_ODD = -1


class Packing:
    """Packs rows. Whatever is done for each row is done by a loop in C: `map`, `extend`, `fromlist`.

    Args:
        plan: reads the rows; its metrics are plain numbers, alone or in arrays.
        aggregator: gets the sheets.
    """

    def __init__(self, plan: Plan, aggregator: Aggregator) -> None:
        import numpy  # noqa: F401 - sorts the sheets in the end; until then it counts quotation marks for plans

        self._plan = plan
        self._aggregator = aggregator
        outlets = plan.directives.outlets
        self._metrics = [(outlet.resolution_seconds, len(outlet.sets)) for outlet in outlets]
        self._targets: list[tuple[Callable[[Row], Any], Kind]] = [
            (attrgetter(plan.fields[outlet.name]), plan.members.kinds[outlet.name]) for outlet in outlets
        ]
        self._sheet = sheet_of(self._metrics)
        self._numbers = _Numbers(self._number)
        self._numbering = aggregator.numbering
        self._begin()

    def _begin(self) -> None:
        """Begin a sheet, with the numbers of the one before as long as they are the same."""
        before, self._epoch = self._sheet, self._aggregator.epoch
        self._sheet = sheet_of(self._metrics)
        self._is_kept = False
        if self._numbering == self._aggregator.numbering and len(before.series) < REMEMBERED:
            self._sheet.series = before.series
        else:
            self._numbering = self._aggregator.numbering
            self._numbers.clear()

    def take(self, rows: Sequence[Row]) -> list[int]:
        """Pack rows."""
        if self._epoch != self._aggregator.epoch:
            self._begin()
        if len(self._numbers) > REMEMBERED:
            self._numbers.clear()
        numbers = list(map(self._numbers.__getitem__, map(self._plan.dimensions, rows)))
        left: list[int] = []
        if _ODD in numbers:
            left = [index for index, number in enumerate(numbers) if number == _ODD]
            rows = [row for row, number in zip(rows, numbers, strict=True) if number != _ODD]
            numbers = [number for number in numbers if number != _ODD]
        self._pack(numbers, rows)
        return left

    def _pack(self, numbers: list[int], rows: Sequence[Row]) -> None:
        if not self._is_kept:
            self._aggregator.keep(self._sheet)
            self._is_kept = True
        sheet = self._sheet
        sheet.numbers.fromlist(numbers)
        sheet.times_ms.fromlist([row.metadata.timestamp_ms for row in rows])
        datapoints = 0
        for column, (target, kind) in zip(sheet.columns, self._targets, strict=True):
            datapoints += column.sets * _add(column, list(map(target, rows)), kind)
        self._aggregator.datapoints += datapoints

    def _number(self, values: tuple[str, ...]) -> int:
        """Give values of the dimensions their number."""
        if not self._plan.has_sound_dimensions(values):
            return _ODD
        return self._sheet.add_series(series_numbers(self._plan, self._aggregator, values))


class _Numbers(dict[tuple[str, ...], int]):
    """Numbers of dimension values; gives one to those that have none yet."""

    def __init__(self, make: Callable[[tuple[str, ...]], int]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, values: tuple[str, ...]) -> int:
        number = self[values] = self._make(values)
        return number


def _add(column: Column, targets: list[Any], kind: Kind) -> int:
    """Add the values of one metric to its column; give their number."""
    if kind == Kind.PLAIN:
        column.values.fromlist(targets)
        return len(targets)
    arrays: list[Any] = targets if kind == Kind.ARRAY else list(map(entries_of, targets))
    values = list(chain.from_iterable(arrays))
    if len(values) > len(arrays) and not column.is_uneven:  # no array is empty: so far, each was of one
        column.lengths.extend(repeat(1, len(column.values)))
        column.is_uneven = True
    if column.is_uneven:
        column.lengths.fromlist(list(map(len, arrays)))
    column.values.fromlist(values)
    return len(values)


def series_numbers(plan: Plan, aggregator: Aggregator, values: tuple[str, ...]) -> list[int]:
    """Find every series that a row adds to, those of one metric after the other.

    Args:
        plan: has read the row.
        aggregator: numbers the series.
        values: those of the dimensions.
    """
    value_of = dict(zip(plan.directives.keys, values, strict=True))
    return [
        aggregator.number(
            Series(
                outlet.namespace,
                outlet.name,
                tuple((key, value_of[key]) for key in keys),
                outlet.unit,
                outlet.resolution_seconds,
            ),
            is_plain=plan.is_plain(outlet.name),
        )
        for outlet in plan.directives.outlets
        for keys in outlet.sets
    ]
