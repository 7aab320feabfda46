"""Who takes the rows of the fast road.

Rows of one directive go in; a taker keeps of them what its consumer needs, and gives back the indexes of those whose
dimensions something is to be said of.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from flowemf_processor.core.batches.packing import REMEMBERED, Packing, series_numbers
from flowemf_processor.core.batches.push import compile_push

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.core.aggregate import Aggregator, Group
    from flowemf_processor.core.batches.plan import Plan, Row

Take = Callable[["Sequence[Row]"], list[int]]
"""Takes rows; gives the indexes of those that it leaves to be read one by one."""


class Taker(Protocol):
    """Takes rows, whatever directive they belong to."""

    def prepare(self, plan: Plan) -> Take:
        """Make what takes the rows that a plan reads."""
        ...


class Nobody:
    """Takes nothing: for who wants to know no more than what is wrong."""

    def prepare(self, plan: Plan) -> Take:
        """Make what looks at the dimensions only."""
        return partial(_odd_rows, plan, set())


def _odd_rows(plan: Plan, sound: set[tuple[str, ...]], rows: Sequence[Row]) -> list[int]:
    """List the rows with odd dimensions; the sound ones are remembered, since they repeat."""
    odd = {each for each in {*map(plan.dimensions, rows)} - sound if not plan.has_sound_dimensions(each)}
    if len(sound) < REMEMBERED:
        sound.update(map(plan.dimensions, rows))
        sound -= odd
    return [index for index, row in enumerate(rows) if plan.dimensions(row) in odd] if odd else []


class SeriesTaker:
    """Gathers values into series and periods.

    Args:
        aggregator: gathers them, with those of lines that are read one by one.
    """

    def __init__(self, aggregator: Aggregator) -> None:
        self._aggregator = aggregator

    def prepare(self, plan: Plan) -> Take:
        """Make what gathers the rows of one directive."""
        is_plain = all(plan.is_plain(outlet.name) for outlet in plan.directives.outlets)
        return Packing(plan, self._aggregator).take if is_plain else _Gathering(plan, self._aggregator).take


class _Gathering:
    """Gathers the rows of one directive in groups: those whose values have counts, or are statistic sets.

    A cell stands for the values of all dimensions: it has the groups of each series that a row with these adds to, of
    the period that was touched last, since the next row is of the same one nearly always. What finds it is one look
    into one small dictionary for each row. With cells for each period the dictionary of some hours does not fit the
    processor's caches, and twice the time was spent.
    """

    def __init__(self, plan: Plan, aggregator: Aggregator) -> None:
        self._plan = plan
        self._aggregator = aggregator
        self._push = compile_push(plan)
        self._period_s = plan.directives.period_seconds
        self._resolutions = [outlet.resolution_seconds for outlet in plan.directives.outlets for _ in outlet.sets]
        self._is_uniform = len(set(self._resolutions)) == 1
        # Where rows with odd dimensions go, which are read again one by one.
        self._nowhere: list[Group] = [[] for _ in self._resolutions]
        self._forget()

    def _forget(self) -> None:
        self._epoch = self._aggregator.epoch
        self._cells: dict[tuple[str, ...], list[Any]] = {}
        self._numbers: dict[tuple[str, ...], list[int]] = {}
        self._odd: set[tuple[str, ...]] = set()

    def take(self, rows: Sequence[Row]) -> list[int]:
        """Gather rows."""
        if self._epoch != self._aggregator.epoch or len(self._cells) + len(self._odd) > REMEMBERED:
            self._forget()
        self._push(rows, self._cells, self._open)
        left = self._odd_indexes(rows)
        for group in self._nowhere:
            group.clear()
        taken = [row for index, row in enumerate(rows) if index not in left] if left else rows
        self._aggregator.datapoints += self._plan.count_datapoints(taken)
        return left

    def _odd_indexes(self, rows: Sequence[Row]) -> list[int]:
        if not self._odd:
            return []
        return [index for index, row in enumerate(rows) if self._plan.dimensions(row) in self._odd]

    def _open(self, values: tuple[str, ...], period: int) -> list[Any]:
        """Open the cell of these values of the dimensions for a period, in place of the one for another period."""
        numbers = self._numbers.get(values)
        if numbers is None:
            numbers = self._numbers[values] = self._numbers_of(values)
        cell = [period, *(self._groups(numbers, period * self._period_s) if numbers else self._nowhere)]
        self._cells[values] = cell
        return cell

    def _groups(self, numbers: list[int], start_s: int) -> list[Group]:
        period = self._aggregator.period
        if self._is_uniform:
            groups = period(start_s)
            return [groups[number] for number in numbers]
        starts_s = [start_s // resolution * resolution for resolution in self._resolutions]
        return [period(start_s)[number] for start_s, number in zip(starts_s, numbers, strict=True)]

    def _numbers_of(self, values: tuple[str, ...]) -> list[int]:
        """Find every series that a row with these dimensions adds to, in the order of the pushing code."""
        if not self._plan.has_sound_dimensions(values):
            self._odd.add(values)
            return []
        return series_numbers(self._plan, self._aggregator, values)
