"""What a log makes CloudWatch bill: metrics, requests and bytes, on both roads, with and without merging.

Events with their lines go in; counts come out. Nothing is estimated: requests are planned and merged lines are written
as they would be, and then counted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.insight.merged_lines import LineMerger, Written
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.core.rewriting import line_text
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowemf_processor.model import Aggregate, Dimensions, Event

Metric = tuple[str, str, "Dimensions"]
"""What is billed as one metric: namespace, name and dimensions, in whatever unit."""

MS_PER_HOUR = 3_600_000
_SECONDS_PER_MINUTE = 60
_MOST_GROUPS = 100_000


@dataclass(frozen=True, slots=True)
class Requests:
    """How many PutMetricData requests bring the metrics of a log.

    Attributes:
        line_by_line: where each line is sent by itself.
        each_minute: where what a minute brought is sent together, as `flowemf replay --follow` does.
        at_once: where the whole log is sent together, as `flowemf replay` does.
    """

    line_by_line: int = 0
    each_minute: int = 0
    at_once: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a log makes CloudWatch bill.

    Attributes:
        hours_of: for each metric, the hours since the epoch in which it was sent.
        written: the metric lines as they are.
        merged: the same, with the events of half a minute in common lines.
        requests: the requests that bring the same metrics without CloudWatch Logs.
        datapoints: how many datapoints they hold.
        first_ms: when the first event happened, in milliseconds since the epoch.
        last_ms: when the last one did.
    """

    hours_of: Mapping[Metric, frozenset[int]]
    written: Written
    merged: Written
    requests: Requests
    datapoints: int
    first_ms: int
    last_ms: int

    @property
    def span_hours(self) -> float:
        """From the first event to the last one."""
        return (self.last_ms - self.first_ms) / MS_PER_HOUR


class UsageCounter:
    """Counts what events make CloudWatch bill."""

    def __init__(self) -> None:
        self._hours_of: defaultdict[tuple[str, str, tuple[Dimensions, ...]], set[int]] = defaultdict(set)
        self._aggregator = Aggregator()
        self._merger = LineMerger()
        self._lines = self._bytes = self._datapoints = 0
        self._line_by_line = self._each_minute = self._at_once = 0
        self._times_ms: tuple[int, int] | None = None

    def add(self, event: Event) -> None:
        """Count an event, which carries its line; one without datapoints is a line, too."""
        first_ms, last_ms = self._times_ms or (event.timestamp_ms, event.timestamp_ms)
        self._times_ms = min(first_ms, event.timestamp_ms), max(last_ms, event.timestamp_ms)
        size_bytes = len(line_text(event)) + limits.LOG_EVENT_OVERHEAD_BYTES
        self._lines += 1
        self._bytes += size_bytes
        self._datapoints += event.datapoints
        hour = event.timestamp_ms // MS_PER_HOUR
        for each in event.measurements:
            self._hours_of[each.namespace, each.name, each.dimension_sets].add(hour)
        self._line_by_line += _requests_of(event)
        self._merger.add(event, size_bytes)
        self._aggregator.add(event)
        if self._aggregator.groups >= _MOST_GROUPS:
            self._plan()

    def close(self) -> Usage | None:
        """Give the counts; None where there was no event."""
        if self._times_ms is None:
            return None
        self._plan()
        return Usage(
            _by_metric(self._hours_of),
            Written(self._lines, self._bytes),
            self._merger.close(),
            Requests(self._line_by_line, self._each_minute, self._at_once),
            self._datapoints,
            *self._times_ms,
        )

    def _plan(self) -> None:
        """Plan requests for what was gathered; memory demands it, so a minute that lies on both sides has one more."""
        aggregates = sorted(self._aggregator.close(), key=_minute)
        for _, group in groupby(aggregates, key=_minute):
            self._each_minute += sum(1 for _ in plan(group))
        self._at_once += sum(1 for _ in plan(sorted(aggregates, key=lambda each: each.series.namespace)))


def _minute(aggregate: Aggregate) -> tuple[int, str]:
    return aggregate.period_start_s // _SECONDS_PER_MINUTE, aggregate.series.namespace


def _requests_of(event: Event) -> int:
    """Count the requests for one line: one for each thousand datums of a namespace; a megabyte of them is no line."""
    datums: defaultdict[str, int] = defaultdict(int)
    for each in event.measurements:
        datums[each.namespace] += len(each.dimension_sets) * -(-each.value_count // limits.VALUES_PER_DATUM)
    return sum(-(-count // limits.DATUMS_PER_REQUEST) for count in datums.values())


def _by_metric(
    hours_of: Mapping[tuple[str, str, tuple[Dimensions, ...]], set[int]],
) -> dict[Metric, frozenset[int]]:
    found: defaultdict[Metric, set[int]] = defaultdict(set)
    for (namespace, name, sets), hours in hours_of.items():
        for dimensions in sets:
            found[namespace, name, dimensions] |= hours
    return {metric: frozenset(hours) for metric, hours in found.items()}
