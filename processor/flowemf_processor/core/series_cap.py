"""Bounds how many series a run sends, since whoever writes into a log can invent any number of them.

The aggregates of an epoch go in; for each comes out whether its series has a place.
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowemf_processor.model import Aggregate, Series

REASON = "too-many-series"

_DIGEST_BYTES = 16
_SERIES = attrgetter("series")


class SeriesCap:
    """Gives places to series until there is none left.

    A series that has a place keeps it. Where those of an epoch are more than the places left, the ones with the most
    datapoints get them: a request id among the dimensions, the usual accident, makes series of one datapoint each. The
    order in which lines were read makes no difference, and so nor does the number of processes that read them.

    Args:
        most: how many places there are.
        placed: digests of the series that have one already.
    """

    def __init__(self, most: int, placed: Iterable[bytes] = ()) -> None:
        self._most = most
        self._placed = set(placed)  # digests, since the dimensions of one series may take 30 KB

    @property
    def placed(self) -> frozenset[bytes]:
        """Digests of the series that have a place."""
        return frozenset(self._placed)

    def place(self, placed: frozenset[bytes]) -> bool:
        """Give places to series that another cap of the same size has judged.

        Args:
            placed: their digests.

        Returns:
            Whether there was room for all; if not, none has got a place, and the aggregates have to be judged here.
        """
        if len(self._placed | placed) > self._most or len(placed) == self._most:
            return False
        self._placed |= placed
        return True

    def judge(self, aggregates: Sequence[Aggregate]) -> Iterator[tuple[Aggregate, bool]]:
        """Give places to the series of one epoch.

        Args:
            aggregates: of one epoch, in any order; where those of a series follow each other, it is looked up once.

        Yields:
            Each aggregate, in its order, and whether its series has a place.
        """
        digests = {series: _digest(series) for series, _ in groupby(aggregates, _SERIES)}
        wanted = [series for series, digest in digests.items() if digest not in self._placed]
        room = self._most - len(self._placed)
        if len(wanted) > room:
            datapoints: Counter[Series] = Counter()
            for each in aggregates:
                datapoints[each.series] += each.datapoints
            wanted = sorted(wanted, key=lambda series: (-datapoints[series], series))[:room]
        self._placed.update(digests[series] for series in wanted)
        for series, group in groupby(aggregates, _SERIES):
            has_place = digests[series] in self._placed
            for each in group:
                yield each, has_place


def _digest(series: Series) -> bytes:
    return blake2b(repr(series).encode(), digest_size=_DIGEST_BYTES).digest()
