"""What an epoch has gathered, one aggregate at a time.

A sorted run of values and the aggregates beside it go in; aggregates come out when somebody asks for them. Most of them
are never needed as objects all at the same time, and a hundred thousand take longer to make than to sort.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.series_numbers import MEMBERS
from flowemf_processor.model import Aggregate, Series, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.core.runs import Run

_AT_ONCE = 10_000
_TALLIES_KEPT = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Aggregates, ordered by series and period.

    Attributes:
        series: all series in their order.
        run: what of them could be sorted as columns; None where nothing could.
        beside: the other aggregates in their order, each with the place of its series, which the run has nothing of.
    """

    series: Sequence[Series]
    run: Run | None
    beside: Sequence[tuple[int, Aggregate]]

    def __len__(self) -> int:
        return (len(self.run.series) if self.run else 0) + len(self.beside)

    def __iter__(self) -> Iterator[Aggregate]:
        done = 0
        for place, aggregate in self.beside:
            before = int(self.run.series.searchsorted(place)) if self.run else 0
            yield from self._between(done, before)
            yield aggregate
            done = before
        yield from self._between(done, len(self.run.series) if self.run else 0)

    def _between(self, first: int, end: int) -> Iterator[Aggregate]:
        for start in range(first, end, _AT_ONCE):
            yield from self._aggregates(start, min(start + _AT_ONCE, end))

    def _aggregates(self, first: int, end: int) -> Iterator[Aggregate]:
        assert self.run is not None  # noqa: S101 - else there is nothing between the other aggregates
        several, starts_s, firsts, values, counts = self.run
        bounds = (firsts[first : end + 1] - firsts[first]).tolist()
        place = slice(int(firsts[first]), int(firsts[end]))
        tallied = tuple(zip(values[place].tolist(), map(tally_of, counts[place].tolist()), strict=True))
        groups = zip(several[first:end].tolist(), starts_s[first:end].tolist(), bounds, bounds[1:], strict=False)
        for number, start_s, begin, behind in groups:
            yield Aggregate(self.series[number], start_s, tallied[begin:behind])

    def __reduce__(self) -> tuple[object, ...]:
        """Go to another process without thousands of objects."""
        return _again, (list(map(MEMBERS, self.series)), self.run, self.beside)


def _again(series: Sequence[tuple[Any, ...]], run: Run | None, beside: Sequence[tuple[int, Aggregate]]) -> Gathered:
    return Gathered([Series(*each) for each in series], run, beside)


@lru_cache(_TALLIES_KEPT)
def tally_of(times: int) -> Tally:
    """Give the tally of a value that occurred in so many datapoints; they are alike and many: one of each is kept."""
    return Tally(float(times), times)
