"""Counts the lines that merging would leave: those of one kind, with the same dimension values, in half a minute.

Events go in; the number and size of the merged lines come out, as the emitter's `metric_buffer_size` writes them with
its default interval: arrays of up to 100 values, and no properties of single events.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec import DecodeError, Struct
from msgspec.json import Decoder, encode

from flowemf_schemas import limits, names, units

if TYPE_CHECKING:
    from flowemf_processor.model import Dimensions, Event, Measurement

_INTERVAL_MS = 30_000
_MINUTE_MS = 60_000
_MOST_GROUPS = 100_000
_BRACKETS_BYTES = 2

# What one directive would say, and the properties that a merged line keeps.
_Definition = tuple[str, str, str, int, "tuple[Dimensions, ...]"]
_Shape = tuple[tuple[_Definition, ...], Any, Any]


class _Kept(Struct):
    """The properties that all events of one kind share."""

    event: Any = None
    schema_version: Any = None


_KEPT = Decoder(_Kept)


@dataclass(frozen=True, slots=True)
class Written:
    """What is written to CloudWatch Logs.

    Attributes:
        lines: how many log events.
        size_bytes: their size, as the service counts: with 26 bytes for each.
    """

    lines: int
    size_bytes: int


@dataclass(slots=True)
class _Group:
    timestamp_ms: int
    events: int = 0
    numbers_bytes: int = 0


class LineMerger:
    """Counts merged lines."""

    def __init__(self) -> None:
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
        window = event.timestamp_ms // _INTERVAL_MS
        group = self._groups.setdefault((window, _shape_of(event)), _Group(event.timestamp_ms))
        group.events += 1
        numbers = {each.name: each.values[0][0] for each in event.measurements}
        group.numbers_bytes += sum(len(encode(_short(value))) for value in numbers.values())
        if len(self._groups) >= _MOST_GROUPS:
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
