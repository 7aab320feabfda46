"""Judges what PutMetricData would refuse anyway.

An aggregate and the time go in; the reason against sending it comes out, or None. One bad datum fails a whole
request, so it must not get into one. Source:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_schemas import limits

if TYPE_CHECKING:
    from flowemf_processor.model import Aggregate, Series

REASONS = {
    "too-old": "the data is older than two weeks, which PutMetricData refuses",
    "too-new": "the data lies more than two hours in the future, which PutMetricData refuses; check the clocks",
    "namespace-not-ascii": "PutMetricData takes printable ASCII only in a namespace; rename it",
    "dimension-not-ascii": "PutMetricData takes printable ASCII only in dimensions; percent-encode the value",
    "too-many-series": "there are more series than --max-series allows; those with the fewest datapoints are not sent",
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
