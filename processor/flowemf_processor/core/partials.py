"""What several machines gathered of the same series and periods, as bytes, and put together again.

Aggregates go in; two keys and some bytes of each come out, in an order that brings those together that belong together.
Such rows go in again, sorted; aggregates come out as if one machine had gathered all of it.
"""

from __future__ import annotations

import json
import math
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from msgspec import msgpack

from flowemf_processor.model import Aggregate, Series, StatisticSet, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Packed = tuple[list[float], list[float] | None, list[int] | None, list[tuple[float, float, float, float]]]

Part = tuple[bytes, int, bytes]
"""The key of a series, the second at which a period begins, and what was gathered there."""

_ONCE = Tally(1.0, 1)
_KEYS = itemgetter(0, 1)
_decode = msgpack.Decoder(tuple[list[float], list[float] | None, list[int] | None, list[Any]]).decode


def parts_of(aggregates: Iterable[Aggregate]) -> Iterator[Part]:
    """Write aggregates down.

    Args:
        aggregates: those of a series follow each other.

    Yields:
        A part for each. Sorted by its keys, those of a namespace follow each other too.
    """
    series, key = None, b""
    for each in aggregates:
        if each.series is not series:
            series, key = each.series, _key(each.series)
        yield key, each.period_start_s, _packed(each)


def merged(parts: Iterable[Part]) -> Iterator[Aggregate]:
    """Put parts together.

    Args:
        parts: sorted by their keys.

    Yields:
        One aggregate for each series and period; those of a series share it.
    """
    series, known = None, b""
    for (key, period_start_s), group in groupby(parts, _KEYS):
        if series is None or key != known:
            series, known = _series(key), key
        yield _joined(series, period_start_s, [_decode(payload) for _, _, payload in group])


def _key(series: Series) -> bytes:
    # ASCII: what is no text, such as half of a surrogate pair, is refused later and must get there.
    return json.dumps(
        (series.namespace, series.name, series.dimensions, series.unit, series.resolution_seconds)
    ).encode()


def _series(key: bytes) -> Series:
    namespace, name, dimensions, unit, resolution_seconds = json.loads(key)
    return Series(namespace, name, tuple((each, value) for each, value in dimensions), unit, resolution_seconds)


def _packed(aggregate: Aggregate) -> bytes:
    """Leave out what can be left out: most values occurred once, or as often as there are datapoints of them."""
    tallies = [tally for _, tally in aggregate.values]
    counts: list[float] | None = [tally.count for tally in tallies]
    datapoints: list[int] | None = [tally.datapoints for tally in tallies]
    if counts == datapoints:
        datapoints = None
        if counts and max(counts) == min(counts) == 1:
            counts = None
    sets = [(each.count, each.total, each.minimum, each.maximum) for each in aggregate.statistic_sets]
    return msgpack.encode(([value for value, _ in aggregate.values], counts, datapoints, sets))


def _joined(series: Series, period_start_s: int, parts: Sequence[Packed]) -> Aggregate:
    sets = tuple(StatisticSet(*each) for part in parts for each in part[3])
    if len(parts) == 1:
        return Aggregate(series, period_start_s, tuple(_tallied(parts[0])), sets)
    tallies: dict[float, list[Tally]] = {}
    for part in parts:
        for value, tally in _tallied(part):
            tallies.setdefault(value, []).append(tally)
    return Aggregate(series, period_start_s, tuple((value, _sum(tallies[value])) for value in sorted(tallies)), sets)


def _tallied(part: Packed) -> Iterator[tuple[float, Tally]]:
    values, counts, datapoints, _ = part
    if counts is None:
        return ((value, _ONCE) for value in values)
    given = [int(count) for count in counts] if datapoints is None else datapoints
    return ((value, Tally(count, times)) for value, count, times in zip(values, counts, given, strict=True))


def _sum(tallies: Sequence[Tally]) -> Tally:
    if len(tallies) == 1:
        return tallies[0]
    return Tally(math.fsum(each.count for each in tallies), sum(each.datapoints for each in tallies))
