"""Judges what PutMetricData would refuse anyway.

An aggregate and the time go in; the reason against sending it comes out, or None. One bad datum fails a whole
request, so it must not get into one. Source:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_schemas import limits

if TYPE_CHECKING:
    from flowemf_processor.model import Aggregate, Dimensions

REASONS = {
    "too-old": "the data is older than two weeks, which PutMetricData refuses",
    "too-new": "the data lies more than two hours in the future, which PutMetricData refuses; check the clocks",
    "dimension-not-ascii": "PutMetricData takes printable ASCII only in dimensions; percent-encode the value",
}
"""Each reason code and what it means."""


def refusal(aggregate: Aggregate, *, now_ms: int) -> str | None:
    """Say why an aggregate cannot be sent.

    Args:
        aggregate: what would become one or more datums.
        now_ms: the time, in milliseconds since the epoch.

    Returns:
        A key of `REASONS`, or None where it can be sent.
    """
    age_ms = now_ms - aggregate.period_start_s * 1000
    if age_ms > limits.AGE_PAST_MS:
        return "too-old"
    if -age_ms > limits.AGE_FUTURE_MS:
        return "too-new"
    return None if _is_plain(aggregate.series.dimensions) else "dimension-not-ascii"


def _is_plain(dimensions: Dimensions) -> bool:
    return all(
        text.isascii() and text.isprintable() and not key.startswith(":") and text.strip()
        for key, value in dimensions
        for text in (key, value)
    )
