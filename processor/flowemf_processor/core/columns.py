"""Values as columns: what many lines of one directive hold, packed.

Numbers of dimension values, timestamps and values go in, line by line; they lie there until `core.runs` sorts all of
them into series and periods at once. A list for each series and period took more than twice as long to fill and to
close: there are hundreds of thousands, and each is somewhere else in memory.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def integers() -> array[int]:
    """Make an empty column of whole numbers of 64 bits."""
    return array("q")


def floats() -> array[float]:
    """Make an empty column of numbers."""
    return array("d")


@dataclass(slots=True)
class Column:
    """The values of one metric.

    Attributes:
        resolution_seconds: 1 or 60.
        first: the place of its first series among those that a line adds to.
        sets: how many of these there are, one for each dimension set.
        is_uneven: whether some line has several values.
        lengths: how many values each line has, if so.
        values: all of them, in the order of the lines.
    """

    resolution_seconds: int
    first: int
    sets: int
    is_uneven: bool = False
    lengths: array[int] = field(default_factory=integers)
    values: array[float] = field(default_factory=floats)


@dataclass(slots=True)
class Sheet:
    """The lines of one directive.

    Attributes:
        columns: its metrics.
        width: how many series a line adds to.
        series: for each number of dimension values, one after the other, the numbers of the series of such a line.
        numbers: for each line, the number of its dimension values.
        times_ms: for each line, its timestamp.
    """

    columns: Sequence[Column]
    width: int
    series: array[int] = field(default_factory=integers)
    numbers: array[int] = field(default_factory=integers)
    times_ms: array[int] = field(default_factory=integers)

    def add_series(self, numbers: Sequence[int]) -> int:
        """Take note of dimension values, and give the number that they are to have.

        Args:
            numbers: those of the series that a line with them adds to.
        """
        self.series.extend(numbers)
        return len(self.series) // self.width - 1


@dataclass(slots=True)
class Loose:
    """Values that lie in no sheet, one an element.

    Attributes:
        series: the number of the series.
        starts_s: the second at which the period begins.
        values: the value.
    """

    series: array[int] = field(default_factory=integers)
    starts_s: array[int] = field(default_factory=integers)
    values: array[float] = field(default_factory=floats)

    def add(self, series: int, start_s: int, values: Sequence[float]) -> None:
        """Take the values of one series and period in."""
        self.series.extend(repeat(series, len(values)))
        self.starts_s.extend(repeat(start_s, len(values)))
        self.values.extend(values)


def sheet_of(metrics: Sequence[tuple[int, int]]) -> Sheet:
    """Make an empty sheet.

    Args:
        metrics: of each its resolution in seconds, and how many dimension sets it has.
    """
    columns: list[Column] = []
    width = 0
    for resolution_seconds, sets in metrics:
        columns.append(Column(resolution_seconds, width, sets))
        width += sets
    return Sheet(columns, width)
