"""Plans PutMetricData requests; merges what is nearly equal, if wished, before, and divides what was refused, after.

Aggregates go in; requests come out, as few as possible and each inside every limit of
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from __future__ import annotations

import json
import math
from itertools import groupby
from typing import TYPE_CHECKING, Any

from msgspec import Raw
from msgspec.json import Decoder, encode
from msgspec.structs import replace

from flowemf_processor.model import Aggregate, Batch, Series, StatisticSet, Tally
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    Values = Sequence[tuple[float, Tally]]

_SEPARATOR = b","
_END = b"]}"
_EXACT = 2.0**53  # below it every whole number is a float
_MEMBERS = Decoder(dict[str, Raw])
_DATUMS = Decoder(list[Raw])
_MEMBERS_DIVIDED = ("MetricData", "logEvents")


def plan(aggregates: Iterable[Aggregate]) -> Iterator[Batch]:
    """Turn aggregates into requests.

    Args:
        aggregates: ordered by namespace, each of one datapoint or more.

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


# --- Before: what a series can do with fewer datums -------------------------------------------------------------------


def merged(aggregate: Aggregate, relative_error: float) -> Aggregate:
    """Merge the values of an aggregate into logarithmic buckets, so that it needs fewer datums.

    Count, sum, minimum and maximum stay those of the original; only percentiles may be off, by no more than the error.
    What fits into one datum stays as it is, since exactness costs nothing there.

    Args:
        aggregate: whose values ascend.
        relative_error: how far a value may move, as a fraction of itself, such as 0.01; above 0 and below 1.

    Returns:
        The same datapoints under fewer values.
    """
    if len(aggregate.values) <= limits.VALUES_PER_DATUM:
        return aggregate
    smallest, *between, largest = aggregate.values
    buckets = [_merged(bucket) for bucket in _buckets(between, 1 + relative_error)]
    return replace(aggregate, values=(smallest, *buckets, largest))


def _buckets(values: Values, ratio: float) -> Iterator[Values]:
    """Cut ascending values, one at least, so that the largest of a bucket is at most `ratio` times its smallest."""
    start = 0
    for index, (value, _) in enumerate(values):
        if not _is_near(values[start][0], value, ratio):
            yield values[start:index]
            start = index
    yield values[start:]


def _is_near(first: float, value: float, ratio: float) -> bool:
    """Compare two values of one sign by their size; 0 is near to nothing but itself."""
    if first < 0:
        return value < 0 and first >= value * ratio
    return first == value or (first > 0 and value <= first * ratio)


def _merged(bucket: Values) -> tuple[float, Tally]:
    """Put the mean in the place of several values: it lies between them, and their sum stays what it was."""
    if len(bucket) == 1:
        return bucket[0]
    count = math.fsum(tally.count for _, tally in bucket)
    mean = math.fsum(value * (tally.count / count) for value, tally in bucket)
    within = min(max(mean, bucket[0][0]), bucket[-1][0])
    return within, Tally(count, sum(tally.datapoints for _, tally in bucket))


# --- After: which datum a whole request was refused for ---------------------------------------------------------------


def divided(batch: Batch, culprits: Collection[int]) -> list[Batch]:
    """Cut a refused batch in two, since one bad datum fails the 999 good ones beside it.

    Args:
        batch: one of at least two datums, or log events.
        culprits: the indexes of those that the service names; empty where it names none.

    Returns:
        What is probably good and what is probably bad; halves where nothing is known. Their datums are those of the
        batch, byte by byte.
    """
    everything = range(len(batch.parts))
    suspects = set(culprits) if 0 < len(set(culprits)) < len(batch.parts) else set(everything[: len(everything) // 2])
    good = [index for index in everything if index not in suspects]
    return [_part(batch, good), _part(batch, sorted(suspects))]


def _part(batch: Batch, indexes: Iterable[int]) -> Batch:
    members = _MEMBERS.decode(batch.body)
    member = next(each for each in _MEMBERS_DIVIDED if each in members)
    datums = _DATUMS.decode(members[member])
    chosen = list(indexes)
    body = encode({**members, member: [datums[index] for index in chosen]})
    return Batch(body, tuple(batch.parts[index] for index in chosen))
