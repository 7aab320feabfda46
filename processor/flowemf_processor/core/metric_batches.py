"""Plans PutMetricData requests.

Aggregates go in; requests come out, as few as possible and each inside every limit of
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

from msgspec.json import encode

from flowemf_processor.model import Aggregate, Batch, Series, StatisticSet, Tally
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Values = Sequence[tuple[float, Tally]]

_SEPARATOR = b","
_END = b"]}"
_EXACT = 2.0**53  # below it every whole number is a float


def plan(aggregates: Iterable[Aggregate]) -> Iterator[Batch]:
    """Turn aggregates into requests.

    Args:
        aggregates: ordered by namespace.

    Yields:
        Batches whose request has the members of the API's JSON: `Namespace` and `MetricData`, with `Timestamp` in
        seconds.
    """
    for namespace, group in groupby(aggregates, key=lambda aggregate: aggregate.series.namespace):
        yield from _requests(namespace, _datums(group))


def _requests(namespace: str, datums: Iterable[tuple[bytes, int]]) -> Iterator[Batch]:
    start = f'{{"Namespace":{json.dumps(namespace)},"MetricData":['.encode()
    frame_bytes = len(start) + len(_END) - len(_SEPARATOR)  # the first datum has no separator before it
    gathered: list[bytes] = []
    parts: list[int] = []
    size_bytes = frame_bytes
    for datum, datapoints in datums:
        # The bytes that are measured are the bytes that are sent; the limit holds for what is not compressed yet.
        datum_bytes = len(datum) + len(_SEPARATOR)
        if gathered and (len(gathered) == limits.DATUMS_PER_REQUEST or size_bytes + datum_bytes > limits.REQUEST_BYTES):
            yield Batch(start + _SEPARATOR.join(gathered) + _END, tuple(parts))
            gathered, parts, size_bytes = [], [], frame_bytes
        gathered.append(datum)
        parts.append(datapoints)
        size_bytes += datum_bytes
    if gathered:
        yield Batch(start + _SEPARATOR.join(gathered) + _END, tuple(parts))


def _datums(aggregates: Iterable[Aggregate]) -> Iterator[tuple[bytes, int]]:
    """Give the datums of aggregates as JSON, with the datapoints that each carries."""
    series, start = None, b""
    for aggregate in aggregates:
        if aggregate.series is not series:  # those of a series follow each other
            series = aggregate.series
            start = _start(series)
        frame = b"%b%d," % (start, aggregate.period_start_s)
        values = aggregate.values
        for first in range(0, len(values), limits.VALUES_PER_DATUM):
            yield _values_datum(frame, values[first : first + limits.VALUES_PER_DATUM])
        for statistic_set in aggregate.statistic_sets:
            yield b'%b"StatisticValues":%b}' % (frame, encode(_statistic_values(statistic_set))), 1


def _start(series: Series) -> bytes:
    """Write what all datums of a series have in common, up to the timestamp."""
    common: dict[str, Any] = {"MetricName": series.name}
    if series.dimensions:
        common["Dimensions"] = [{"Name": key, "Value": value} for key, value in series.dimensions]
    common["Unit"] = series.unit
    if series.resolution_seconds == 1:
        common["StorageResolution"] = 1
    return encode(common)[:-1] + b',"Timestamp":'


def _values_datum(frame: bytes, part: Values) -> tuple[bytes, int]:
    values: list[float] = []
    counts: list[float] = []
    datapoints = 0
    for value, tally in part:  # `_number` written out: this is what most of the planning consists of
        count = tally.count
        values.append(int(value) if value.is_integer() and -_EXACT < value < _EXACT else value)
        counts.append(int(count) if count.is_integer() and count < _EXACT else count)
        datapoints += tally.datapoints
    return b'%b"Values":%b,"Counts":%b}' % (frame, encode(values), encode(counts)), datapoints


def _statistic_values(statistic_set: StatisticSet) -> dict[str, float]:
    return {
        "SampleCount": _number(statistic_set.count),
        "Sum": _number(statistic_set.total),
        "Minimum": _number(statistic_set.minimum),
        "Maximum": _number(statistic_set.maximum),
    }


def _number(value: float) -> float:
    """Write whole numbers without a fraction: shorter, and the same number."""
    return int(value) if value.is_integer() and abs(value) < _EXACT else value
