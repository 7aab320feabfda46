"""Reasons which road metrics take to CloudWatch: extraction by CloudWatch Logs, or PutMetricData.

What is known of a log group, or of one request to it, goes in; the road and the reason for it come out. PutLogEvents
requests go in; what CloudWatch is to show of the events that it took comes out, and PutMetricData requests with the
datapoints of those that it did not take.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.admission import refusal
from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.core.parse import parse
from flowemf_processor.model import Detour, Event, Line, Outcome, Position, Series, State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from flowemf_processor.model import Batch

EXTRACTION, FALLBACK = "PutLogEvents", "PutMetricData"
"""The names of the roads: the calls that are made on them."""

STANDARD = "STANDARD"
NO_LOG_GROUP, ACCESS_DENIED, UNREACHABLE = "no-log-group", "access-denied", "unreachable"

MOST_SERIES = 100
"""So many series are looked for: one question to CloudWatch holds 500 and costs by the series."""

_NOWHERE = Position("", 0, 0)


class Found(str, Enum):
    """What came of looking at a log group."""

    THERE = "there"
    MISSING = "missing"
    FORBIDDEN = "forbidden"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """What is known of a log group.

    Attributes:
        name: its name.
        found: what came of looking at it.
        log_class: its class, where it is there.
        retention_days: how long it keeps events; None for ever.
        said: what the service said, where it did not show the group.
    """

    name: str
    found: Found
    log_class: str = ""
    retention_days: int | None = None
    said: str = ""

    @property
    def extracts(self) -> bool:
        """Whether CloudWatch extracts metrics there: only of the standard class.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html
        """
        return self.found is Found.THERE and self.log_class == STANDARD


@dataclass(frozen=True, slots=True)
class Road:
    """A road, and the facts that speak for it."""

    name: str
    because: str


def road_for(facts: GroupFacts) -> Road:
    """Choose the road by what is known before anything is sent.

    Args:
        facts: what is known of the log group.

    Returns:
        Extraction where it is known to work, else PutMetricData.
    """
    group = f"log group {facts.name}"
    if facts.extracts:
        keeps = "for ever" if facts.retention_days is None else f"for {facts.retention_days} days"
        return Road(EXTRACTION, f"{group} is of the class {STANDARD}, which extracts metrics, and keeps events {keeps}")
    if facts.found is Found.THERE:
        return Road(FALLBACK, f"{group} is of the class {facts.log_class}, which extracts no metrics")
    if facts.found is Found.MISSING:
        return Road(FALLBACK, f"there is no {group} ({facts.said})")
    if facts.found is Found.FORBIDDEN:
        return Road(FALLBACK, f"{group} may not be used ({facts.said})")
    return Road(FALLBACK, f"CloudWatch Logs cannot be reached ({facts.said})")


def closes_extraction(outcome: Outcome, *, is_first: bool) -> bool:
    """Tell whether an answer closes the road of extraction for good.

    Only what certainly took nothing does: whatever may have been taken must never be sent on another road, too.

    Args:
        outcome: of one PutLogEvents request, after all attempts.
        is_first: whether nothing has been taken on this road before: an endpoint that has answered will be back.
    """
    if outcome.state is not State.PENDING or outcome.sent_again:
        return False
    return outcome.reason in (NO_LOG_GROUP, ACCESS_DENIED) or (is_first and outcome.reason == UNREACHABLE)


# --- The other road ---------------------------------------------------------------------------------------------------


def detour(batch: Batch, indexes: Iterable[int], *, now_ms: int) -> Detour:
    """Plan the other road for log events that CloudWatch Logs does not take.

    Args:
        batch: a PutLogEvents request.
        indexes: which of its events take the other road.
        now_ms: the time, in milliseconds since the epoch.

    Returns:
        What to send instead, and what that road would refuse too.
    """
    events = batch.request["logEvents"]
    aggregator = Aggregator()
    for index in indexes:
        event = _read_again(events[index])
        if event is not None:
            aggregator.add(event)
    refused: Counter[str] = Counter()
    sendable = []
    for aggregate in aggregator.close():
        reason = refusal(aggregate, now_ms=now_ms)
        if reason is None:
            sendable.append(aggregate)
        else:
            refused[reason] += aggregate.datapoints
    return Detour(tuple(plan(sendable)), tuple(sorted(refused.items())))


# --- What extraction is to show ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of one series.

    Attributes:
        series: which one.
        samples: how many samples were sent; CloudWatch may show more, of other writers.
        first_ms: the time of the first of them, in milliseconds since the epoch.
        last_ms: the time of the last of them.
    """

    series: Series
    samples: float
    first_ms: int
    last_ms: int


class Expectation:
    """Gathers what CloudWatch is to show of the lines that it was sent; safe to use from several threads."""

    def __init__(self) -> None:
        self._turns = threading.Lock()
        self._expected: dict[Series, Expected] = {}
        self.is_partial = False
        """Whether there were more series than are looked for."""

    @property
    def all(self) -> list[Expected]:
        """What is expected, the series that was sent first coming first."""
        return list(self._expected.values())

    def take(self, batch: Batch, left_out: Collection[int]) -> None:
        """Expect the events of a request.

        Args:
            batch: a PutLogEvents request that was accepted.
            left_out: the indexes of events that were not.
        """
        with self._turns:
            for index, event in enumerate(batch.request["logEvents"]):
                if index not in left_out:
                    for series, samples in _samples(event):
                        self._add(series, samples, event["timestamp"])

    def _add(self, series: Series, samples: float, moment_ms: int) -> None:
        known = self._expected.get(series)
        if known is not None:
            self._expected[series] = replace(
                known,
                samples=known.samples + samples,
                first_ms=min(known.first_ms, moment_ms),
                last_ms=max(known.last_ms, moment_ms),
            )
        elif len(self._expected) < MOST_SERIES:
            self._expected[series] = Expected(series, samples, moment_ms, moment_ms)
        else:
            self.is_partial = True


def _samples(sent: Mapping[str, Any]) -> Iterator[tuple[Series, float]]:
    event = _read_again(sent)
    for each in event.measurements if event else ():
        samples = sum(count for _, count in each.values) + (each.statistic_set.count if each.statistic_set else 0)
        for dimensions in each.dimension_sets:
            yield Series(each.namespace, each.name, dimensions, each.unit, each.resolution_seconds), samples


def _read_again(sent: Mapping[str, Any]) -> Event | None:
    """Read one log event of a request; None where there are no metrics in it."""
    message = sent["message"].encode()
    record = parse(Line(_NOWHERE, message, len(message), terminated=True), received_ms=sent["timestamp"])
    return record if isinstance(record, Event) else None
