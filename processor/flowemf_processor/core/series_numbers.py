"""Numbers for series, in the order in which they come.

Series go in; small numbers come out that stand for them in columns, and in the end the order of the series.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowemf_processor.model import Series

# What makes a series, in the order in which series are compared; a loop in C reads them.
MEMBERS = attrgetter("namespace", "name", "dimensions", "unit", "resolution_seconds")


@dataclass(slots=True)
class SeriesNumbers:
    """Gives each series its number, from 0 on."""

    _numbers: dict[Series, int] = field(default_factory=dict)
    _in_order: list[Series] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, series: Series) -> int:
        """Give the number of a series, a new one if it has none."""
        return self._numbers.setdefault(series, len(self._numbers))

    def in_order(self) -> list[Series]:
        """Give all series, ascending; they are sorted again only if another one has come."""
        if len(self._in_order) < len(self._numbers):
            self._in_order = sorted(self._numbers, key=MEMBERS)
        return self._in_order

    def places(self) -> list[int]:
        """Give for each number the place of its series among all in order."""
        places = [0] * len(self._numbers)
        for place, series in enumerate(self.in_order()):
            places[self._numbers[series]] = place
        return places
