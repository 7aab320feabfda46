"""Merges values that are nearly equal, so that a series needs fewer datums.

An aggregate of many values and a relative error go in; one of fewer values comes out. Its count, sum, minimum and
maximum are those of the original; only percentiles may be off, by no more than the error.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowemf_processor.model import Tally
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.model import Aggregate

    Values = Sequence[tuple[float, Tally]]


def merged(aggregate: Aggregate, relative_error: float) -> Aggregate:
    """Merge the values of an aggregate into logarithmic buckets.

    What fits into one datum stays as it is, since exactness costs nothing there.

    Args:
        aggregate: whose values ascend.
        relative_error: how far a value may move, as a fraction of itself, such as 0.01; above 0 and below 1.

    Returns:
        The same datapoints under fewer values.
    """
    if len(aggregate.values) <= limits.VALUES_PER_DATUM:
        return aggregate
    smallest, *between, largest = aggregate.values
    buckets = [_merged(bucket) for bucket in _buckets(between, 1 + relative_error)]
    return replace(aggregate, values=(smallest, *buckets, largest))


def _buckets(values: Values, ratio: float) -> Iterator[Values]:
    """Cut ascending values wherever the largest of a bucket would be more than `ratio` times its smallest."""
    start = 0
    for index, (value, _) in enumerate(values):
        if not _is_near(values[start][0], value, ratio):
            yield values[start:index]
            start = index
    if values:
        yield values[start:]


def _is_near(first: float, value: float, ratio: float) -> bool:
    """Compare two values of one sign by their size; 0 is near to nothing but itself."""
    if first < 0:
        return value < 0 and first >= value * ratio
    return first == value or (first > 0 and value <= first * ratio)


def _merged(bucket: Values) -> tuple[float, Tally]:
    """Put the mean in the place of several values: it lies between them, and their sum stays what it was."""
    if len(bucket) == 1:
        return bucket[0]
    count = math.fsum(tally.count for _, tally in bucket)
    mean = math.fsum(value * (tally.count / count) for value, tally in bucket)
    within = min(max(mean, bucket[0][0]), bucket[-1][0])
    return within, Tally(count, sum(tally.datapoints for _, tally in bucket))
