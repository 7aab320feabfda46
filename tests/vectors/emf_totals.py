"""What a log holds, computed without any code of ours: plain json, plain arithmetic.

The lines of a log go in; for each series and minute the values come out, each with its count. Tests compare with it
what the processor made of the same lines.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

Weighted = tuple[float, float]


class SeriesKey(NamedTuple):
    """What CloudWatch keeps apart."""

    namespace: str
    metric: str
    dimensions: frozenset[tuple[str, str]]
    unit: str


class Statistics(NamedTuple):
    """What GetMetricStatistics tells of one period."""

    sample_count: float
    total: float
    minimum: float
    maximum: float


def documents_of(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Parse the metric lines of a log."""
    parsed = [json.loads(line) for line in lines if '"CloudWatchMetrics"' in line]
    return [document for document in parsed if "_aws" in document]


def values_of(lines: Iterable[str]) -> dict[SeriesKey, dict[int, list[Weighted]]]:
    """Gather the values of a log by series and by the second at which their minute begins."""
    found: dict[SeriesKey, dict[int, list[Weighted]]] = defaultdict(lambda: defaultdict(list))
    for document in documents_of(lines):
        minute_s = document["_aws"]["Timestamp"] // 60_000 * 60
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for keys in directive["Dimensions"]:
                dimensions = frozenset((key, document[key]) for key in keys)
                for definition in directive["Metrics"]:
                    name, unit = definition["Name"], definition.get("Unit", "None")
                    series = SeriesKey(directive["Namespace"], name, dimensions, unit)
                    found[series][minute_s] += _weighted(document[name])
    return found


def statistics_of(values: Iterable[Weighted]) -> Statistics:
    """Summarize the values of one period."""
    known = list(values)
    numbers = [value for value, _ in known]
    total = math.fsum(value * count for value, count in known)
    return Statistics(math.fsum(count for _, count in known), total, min(numbers), max(numbers))


def _weighted(target: Any) -> list[Weighted]:
    if isinstance(target, dict):
        return list(zip(target["Values"], target["Counts"], strict=True))
    return [(value, 1.0) for value in (target if isinstance(target, list) else [target])]
