"""Judges which aggregates may be sent: none that PutMetricData would refuse anyway, and of how many series.

Aggregates and the time go in; the reason against sending one comes out, or None, and whether its series has a place.
One bad datum fails a whole request, so it must not get into one. Source:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowemf_processor.model import Aggregate, Series

TOO_MANY_SERIES = "too-many-series"
_DIGEST_BYTES = 16
_SERIES = attrgetter("series")
REASONS = {
    "too-old": "the data is older than two weeks, which PutMetricData refuses",
    "too-new": "the data lies more than two hours in the future, which PutMetricData refuses; check the clocks",
    "namespace-not-ascii": "PutMetricData takes printable ASCII only in a namespace; rename it",
    "dimension-not-ascii": "PutMetricData takes printable ASCII only in dimensions; percent-encode the value",
    TOO_MANY_SERIES: "there are more series than --max-series allows; those with the fewest datapoints are not sent",
    "count-out-of-range": "a value occurred more than 2^360 times, which is no count; check what wrote the line",
}
"""Each reason code and what it means."""


class Admission:
    """Says why aggregates cannot be sent; those of a series, where they follow each other, share a look at it.

    Args:
        now_ms: the time, in milliseconds since the epoch.
    """

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._series: Series | None = None
        self._refusal_of_series: str | None = None

    def refusal(self, aggregate: Aggregate) -> str | None:
        """Say why an aggregate cannot be sent.

        Args:
            aggregate: what would become one or more datums.

        Returns:
            A key of `REASONS`, or None where it can be sent.
        """
        age_ms = self._now_ms - aggregate.period_start_s * 1000
        if age_ms > limits.AGE_PAST_MS:
            return "too-old"
        if -age_ms > limits.AGE_FUTURE_MS:
            return "too-new"
        if aggregate.series is not self._series:
            self._series = aggregate.series
            self._refusal_of_series = _refusal_of_series(aggregate.series)
        return self._refusal_of_series or (None if _are_counts(aggregate) else "count-out-of-range")


def refusal(aggregate: Aggregate, *, now_ms: int) -> str | None:
    """Say why one aggregate cannot be sent; see `Admission`."""
    return Admission(now_ms).refusal(aggregate)


def _refusal_of_series(series: Series) -> str | None:
    if not _is_plain(series.namespace):
        return "namespace-not-ascii"
    if not all(_is_plain(key) and key[0] != ":" and _is_plain(value) for key, value in series.dimensions):
        return "dimension-not-ascii"
    return None


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and not text.isspace()


def _are_counts(aggregate: Aggregate) -> bool:
    """Look at the sums of counts, each of which was in range by itself."""
    for _, tally in aggregate.values:  # noqa: SIM110 - most are few: a generator would cost more than they do
        if tally.count > limits.VALUE_MAGNITUDE:
            return False
    return True


class SeriesCap:
    """Gives places to series until there is none left, since whoever writes into a log can invent any number of them.

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
