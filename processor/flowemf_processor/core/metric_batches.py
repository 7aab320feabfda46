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

_SEPARATOR = b","
_END = b"]}"


def plan(aggregates: Iterable[Aggregate]) -> Iterator[Batch]:
    """Turn aggregates into requests.

    Args:
        aggregates: ordered by namespace.

    Yields:
        Batches whose request has the members of the API's JSON: `Namespace` and `MetricData`, with `Timestamp` in
        seconds.
    """
    for namespace, group in groupby(aggregates, key=lambda aggregate: aggregate.series.namespace):
        yield from _requests(namespace, (datum for aggregate in group for datum in _datums(aggregate)))


def _requests(namespace: str, datums: Iterable[tuple[dict[str, Any], int]]) -> Iterator[Batch]:
    start = f'{{"Namespace":{json.dumps(namespace)},"MetricData":['.encode()
    frame_bytes = len(start) + len(_END) - len(_SEPARATOR)  # the first datum has no separator before it
    gathered: list[bytes] = []
    parts: list[int] = []
    size_bytes = frame_bytes
    for datum, datapoints in datums:
        # The bytes that are measured are the bytes that are sent; the limit holds for what is not compressed yet.
        encoded = encode(datum)
        datum_bytes = len(encoded) + len(_SEPARATOR)
        if gathered and (len(gathered) == limits.DATUMS_PER_REQUEST or size_bytes + datum_bytes > limits.REQUEST_BYTES):
            yield Batch(start + _SEPARATOR.join(gathered) + _END, tuple(parts))
            gathered, parts, size_bytes = [], [], frame_bytes
        gathered.append(encoded)
        parts.append(datapoints)
        size_bytes += datum_bytes
    if gathered:
        yield Batch(start + _SEPARATOR.join(gathered) + _END, tuple(parts))


def _datums(aggregate: Aggregate) -> Iterator[tuple[dict[str, Any], int]]:
    """Give the datums of an aggregate with the datapoints that each carries."""
    for start in range(0, len(aggregate.values), limits.VALUES_PER_DATUM):
        part = aggregate.values[start : start + limits.VALUES_PER_DATUM]
        yield _values_datum(aggregate, part), sum(tally.datapoints for _, tally in part)
    for statistic_set in aggregate.statistic_sets:
        yield {**_frame(aggregate), "StatisticValues": _statistic_values(statistic_set)}, 1


def _values_datum(aggregate: Aggregate, part: Sequence[tuple[float, Tally]]) -> dict[str, Any]:
    values = [_number(value) for value, _ in part]
    return {**_frame(aggregate), "Values": values, "Counts": [_number(tally.count) for _, tally in part]}


def _frame(aggregate: Aggregate) -> dict[str, Any]:
    series: Series = aggregate.series
    frame: dict[str, Any] = {"MetricName": series.name}
    if series.dimensions:
        frame["Dimensions"] = [{"Name": key, "Value": value} for key, value in series.dimensions]
    frame["Timestamp"] = aggregate.period_start_s
    frame["Unit"] = series.unit
    if series.resolution_seconds == 1:
        frame["StorageResolution"] = 1
    return frame


def _statistic_values(statistic_set: StatisticSet) -> dict[str, float]:
    return {
        "SampleCount": _number(statistic_set.count),
        "Sum": _number(statistic_set.total),
        "Minimum": _number(statistic_set.minimum),
        "Maximum": _number(statistic_set.maximum),
    }


def _number(value: float) -> float:
    """Write whole numbers without a fraction: shorter, and the same number."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
