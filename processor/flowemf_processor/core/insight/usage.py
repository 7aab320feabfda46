"""What a log makes CloudWatch bill: metrics, requests and bytes, on both roads, with and without merging.

Events with their lines go in; counts come out. Nothing is estimated: requests are planned and merged lines are written
as they would be, and then counted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from msgspec import DecodeError, Struct
from msgspec.json import Decoder, encode

from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.core.rewriting import line_text
from flowemf_schemas import limits, names, units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowemf_processor.model import Aggregate, Dimensions, Event, Measurement

Metric = tuple[str, str, "Dimensions"]
"""What is billed as one metric: namespace, name and dimensions, in whatever unit."""

MS_PER_HOUR = 3_600_000
_SECONDS_PER_MINUTE = 60
_MERGED_WITHIN_MS = 30_000
_BRACKETS_BYTES = 2
_MOST_GROUPS = 100_000


@dataclass(frozen=True, slots=True)
class Written:
    """What is written to CloudWatch Logs.

    Attributes:
        lines: how many log events.
        size_bytes: their size, as the service counts: with 26 bytes for each.
    """

    lines: int
    size_bytes: int


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
    """Counts what events make CloudWatch bill.

    Args:
        most_groups: how much is held before it is counted: series and periods, kinds of lines and half minutes.
    """

    def __init__(self, most_groups: int = _MOST_GROUPS) -> None:
        self._most_groups = most_groups
        self._hours_of: defaultdict[tuple[str, str, tuple[Dimensions, ...]], set[int]] = defaultdict(set)
        self._aggregator = Aggregator()
        self._merger = _LineMerger(most_groups)
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
        if self._aggregator.has_groups(self._most_groups):
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


# --- Merged lines -----------------------------------------------------------------------------------------------------

# What one directive would say, and the properties that a merged line keeps.
_Definition = tuple[str, str, str, int, "tuple[Dimensions, ...]"]
_Shape = tuple[tuple[_Definition, ...], Any, Any]


class _Kept(Struct):
    """The properties that all events of one kind share."""

    event: Any = None
    schema_version: Any = None


_KEPT = Decoder(_Kept)


@dataclass(slots=True)
class _Group:
    timestamp_ms: int
    events: int = 0
    numbers_bytes: int = 0


class _LineMerger:
    """Counts the lines that merging would leave: those of one kind, with the same dimension values, in half a minute.

    They are as the emitter's `metric_buffer_size` writes them with its default interval: arrays of up to 100 values,
    and no properties of single events.

    Args:
        most_groups: how many kinds and half minutes are held at once.
    """

    def __init__(self, most_groups: int) -> None:
        self._most_groups = most_groups
        self._groups: dict[tuple[int, _Shape], _Group] = {}
        self._lines = self._bytes = 0

    def add(self, event: Event, size_bytes: int) -> None:
        """Count an event; one that holds several values of a metric, or none, stays a line of its own.

        Args:
            event: it carries its line.
            size_bytes: what that counts for.
        """
        if not event.measurements or not all(map(_is_single, event.measurements)):
            self._lines += 1
            self._bytes += size_bytes
            return
        window = event.timestamp_ms // _MERGED_WITHIN_MS
        group = self._groups.setdefault((window, _shape_of(event)), _Group(event.timestamp_ms))
        group.events += 1
        numbers = {each.name: each.values[0][0] for each in event.measurements}
        group.numbers_bytes += sum(len(encode(_short(value))) for value in numbers.values())
        if len(self._groups) >= self._most_groups:
            self._write()

    def close(self) -> Written:
        """Give the count."""
        self._write()
        return Written(self._lines, self._bytes)

    def _write(self) -> None:
        for (_, shape), group in self._groups.items():
            lines = -(-group.events // limits.VALUES_PER_TARGET)
            frame_bytes, metrics = _frame(shape, group.timestamp_ms)
            alone = group.events % limits.VALUES_PER_TARGET == 1  # such a value stands there without an array
            self._lines += lines
            self._bytes += lines * (frame_bytes + limits.LOG_EVENT_OVERHEAD_BYTES) + group.numbers_bytes
            self._bytes += metrics * (group.events - lines + _BRACKETS_BYTES * (lines - alone))
        self._groups.clear()


def _is_single(measurement: Measurement) -> bool:
    return len(measurement.values) == 1 and measurement.values[0][1] == 1


def _short(value: float) -> float:
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _shape_of(event: Event) -> _Shape:
    definitions = tuple(
        (each.namespace, each.name, each.unit, each.resolution_seconds, each.dimension_sets)
        for each in event.measurements
    )
    try:
        kept = _KEPT.decode(event.text)
    except DecodeError:  # what another parser has read nevertheless, such as a very large number
        kept = _Kept()
    return definitions, kept.event, kept.schema_version


def _frame(shape: _Shape, timestamp_ms: int) -> tuple[int, int]:
    """Give the size of a merged line without its numbers, and how many metrics it has."""
    definitions, event, schema_version = shape
    directives: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
    members: dict[str, Any] = {}
    for namespace, name, unit, resolution, sets in definitions:
        said: dict[str, Any] = {} if unit == units.NONE else {names.UNIT: unit}
        said |= {names.STORAGE_RESOLUTION: 1} if resolution == 1 else {}
        directives[namespace, sets].append({names.NAME: name, **said})
        members |= {key: value for dimensions in sets for key, value in dimensions}
    metrics = {name for _, name, *_ in definitions}
    said_of_all = [
        {
            names.NAMESPACE: namespace,
            names.DIMENSIONS: [[key for key, _ in dimensions] for dimensions in sets],
            names.METRICS: several,
        }
        for (namespace, sets), several in directives.items()
    ]
    document: dict[str, Any] = {names.AWS: {names.TIMESTAMP: timestamp_ms, names.CLOUDWATCH_METRICS: said_of_all}}
    document |= members | dict.fromkeys(metrics, 0)
    properties = {names.EVENT: event, names.SCHEMA_VERSION: schema_version}
    document |= {name: value for name, value in properties.items() if value is not None}
    return len(encode(document)) - len(metrics), len(metrics)
