"""What the metrics of a log cost in a month, what drives that, and what would save how much.

Usage and prices go in; bills come out, and what would be billed without each dimension and each dimension set: all of
it computed by counting again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.core.roads import EXTRACTION, FALLBACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowemf_processor.core.insight.cost_prices import Prices
    from flowemf_processor.core.insight.usage import Metric, Usage
    from flowemf_processor.model import Dimensions

Hours = dict["Metric", frozenset[int]]
Keys = tuple[str, ...]

# A metric is billed for the hours in which it is sent. A log of less than a day does not show in which hours it rests,
# so it counts as sent in all of them: the most that it can cost.
_PRORATED_FROM_HOURS = 24


@dataclass(frozen=True, slots=True)
class Terms:
    """How a bill is made.

    Attributes:
        prices: the prices.
        months_per_log: how many of these logs make a month; None where nothing tells how long the log took.
        free_tier: whether the account's free tier is there to be used.
    """

    prices: Prices
    months_per_log: float | None
    free_tier: bool = True


@dataclass(frozen=True, slots=True)
class Bill:
    """What a month costs on one road.

    Attributes:
        road: the call that brings the metrics.
        way: how its requests or lines are made.
        requests: PutMetricData requests in a month.
        log_bytes: what CloudWatch Logs takes in.
        for_metrics: what the metrics cost.
        for_requests: what the requests cost.
        for_logs: what the lines cost.
    """

    road: str
    way: str
    requests: float
    log_bytes: float
    for_metrics: float
    for_requests: float
    for_logs: float

    @property
    def total(self) -> float:
        """What the month costs."""
        return self.for_metrics + self.for_requests + self.for_logs


@dataclass(frozen=True, slots=True)
class Dimension:
    """What one dimension adds.

    Attributes:
        key: its key.
        values: how many values it has.
        metrics: how many metrics carry it.
        saved_metrics: how many metrics fewer there were without it.
        saves: what that saves in a month.
    """

    key: str
    values: int
    metrics: int
    saved_metrics: int
    saves: float


@dataclass(frozen=True, slots=True)
class DimensionSet:
    """What one dimension set adds.

    Attributes:
        keys: its keys.
        metrics: how many metrics are published under it.
        rollups: how many of them are published under more keys as well, so that dropping these loses no detail.
        saves: what a month costs less without those roll-ups.
    """

    keys: Keys
    metrics: int
    rollups: int
    saves: float


def months_per_log(usage: Usage, prices: Prices, span_hours: float | None = None) -> float | None:
    """Tell how many logs of this length make a month.

    Args:
        usage: what was counted.
        prices: they say how long a month is.
        span_hours: how long the log took, where that is known better than from its events.
    """
    hours = usage.span_hours if span_hours is None else span_hours
    return prices.hours_per_month / hours if hours else None


def billed_metrics(hours_of: Mapping[Metric, frozenset[int]], usage: Usage) -> float:
    """Give how many metrics are billed in a month: each by the share of the hours in which it was sent.

    Args:
        hours_of: the metrics, all or some of those of the usage.
        usage: says which hours the log covers.
    """
    if usage.span_hours < _PRORATED_FROM_HOURS:
        return len(hours_of)
    covered = len({hour for hours in usage.hours_of.values() for hour in hours})
    return sum(map(len, hours_of.values())) / covered


def bills(usage: Usage, terms: Terms) -> Iterator[Bill]:
    """Make the bill of each road.

    Args:
        usage: what was counted.
        terms: the prices; where the length of the log is not known, its requests and bytes are billed as they are.
    """
    prices, free = terms.prices, terms.free_tier
    times = terms.months_per_log or 1.0
    for_metrics = prices.metrics.charge(billed_metrics(usage.hours_of, usage), free_tier=free)
    for way, written in (("lines as they are", usage.written), ("merged lines", usage.merged)):
        size_bytes = written.size_bytes * times
        for_logs = prices.log_gb.charge(size_bytes / prices.bytes_per_gb, free_tier=free)
        yield Bill(EXTRACTION, way, 0, size_bytes, for_metrics, 0.0, for_logs)
    for way, requests in (
        ("a request for each line", usage.requests.line_by_line),
        ("merged by the minute", usage.requests.each_minute),
        ("merged over the whole log", usage.requests.at_once),
    ):
        count = requests * times
        yield Bill(FALLBACK, way, count, 0, for_metrics, prices.requests.charge(count, free_tier=free), 0.0)


def dimensions(usage: Usage, terms: Terms) -> list[Dimension]:
    """Tell what each dimension adds, the one that adds most metrics first."""
    values: defaultdict[str, set[str]] = defaultdict(set)
    metrics: Counter[str] = Counter()
    for _, _, pairs in usage.hours_of:
        for key, value in pairs:
            values[key].add(value)
            metrics[key] += 1
    found = []
    for key, count in metrics.items():
        left = _without(usage.hours_of, key)
        saved = len(usage.hours_of) - len(left)
        found.append(Dimension(key, len(values[key]), count, saved, _saving(left, usage, terms)))
    return sorted(found, key=lambda each: (-each.saved_metrics, -each.values, each.key))


def dimension_sets(usage: Usage, terms: Terms) -> list[DimensionSet]:
    """Tell what each dimension set adds, the one with most metrics first."""
    rollups = _rollups(usage.hours_of)
    counts = Counter(_keys(metric[2]) for metric in usage.hours_of)
    found = []
    for keys, count in counts.items():
        surplus = {metric for metric in rollups if _keys(metric[2]) == keys}
        left = {metric: hours for metric, hours in usage.hours_of.items() if metric not in surplus}
        found.append(DimensionSet(keys, count, len(surplus), _saving(left, usage, terms)))
    return sorted(found, key=lambda each: (-each.metrics, each.keys))


def _saving(left: Hours, usage: Usage, terms: Terms) -> float:
    def charge(hours_of: Mapping[Metric, frozenset[int]]) -> float:
        return terms.prices.metrics.charge(billed_metrics(hours_of, usage), free_tier=terms.free_tier)

    return charge(usage.hours_of) - charge(left)


def _without(hours_of: Mapping[Metric, frozenset[int]], key: str) -> Hours:
    """Take a dimension out of every set; sets that are equal then are one metric."""
    left: defaultdict[Metric, set[int]] = defaultdict(set)
    for (namespace, name, pairs), hours in hours_of.items():
        left[namespace, name, tuple(pair for pair in pairs if pair[0] != key)] |= hours
    return {metric: frozenset(hours) for metric, hours in left.items()}


def _rollups(hours_of: Mapping[Metric, frozenset[int]]) -> set[Metric]:
    """Find the metrics whose name is published under more keys as well."""
    key_sets: defaultdict[tuple[str, str], set[frozenset[str]]] = defaultdict(set)
    for namespace, name, pairs in hours_of:
        key_sets[namespace, name].add(frozenset(_keys(pairs)))
    return {
        (namespace, name, pairs)
        for namespace, name, pairs in hours_of
        if any(frozenset(_keys(pairs)) < other for other in key_sets[namespace, name])
    }


def _keys(pairs: Dimensions) -> Keys:
    return tuple(key for key, _ in pairs)
