"""Percentiles of values that occurred a number of times each.

Values in order with their counts go in; the value below which a share of them lies comes out.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def quantile(values: Sequence[float], counts: Sequence[float], share: float) -> float | None:
    """Interpolate between the two nearest ranks, as SQL's quantile_cont does over the values one by one.

    Args:
        values: in ascending order.
        counts: how often each occurred; above 0.
        share: 0 for the smallest value to 1 for the largest.

    Returns:
        The quantile; None where there are no values.

    >>> quantile([10.0, 20.0], [3, 1], 0.5), quantile([10.0, 20.0], [1, 1], 0.5)
    (10.0, 15.0)
    """
    if not values:
        return None
    ends = list(accumulate(counts))
    rank = max(0.0, share * (ends[-1] - 1))
    below = int(rank)
    low, high = (values[min(bisect_right(ends, each), len(values) - 1)] for each in (below, below + 1))
    return low + (high - low) * (rank - below)
