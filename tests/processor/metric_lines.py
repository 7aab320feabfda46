"""Metric lines for the processor's tests, and what must come out of them, computed without any code of ours.

Nothing goes in but choices; documents, lines and the multiset of numbers that they stand for come out.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import strategies as st

from flowemf_processor.core.parse import parse
from flowemf_processor.model import Event, Line, Position, Record
from flowemf_schemas import units

Point = tuple[tuple[str, str, tuple[tuple[str, str], ...], str, int], int, Any, float]
"""One number: series (namespace, metric, dimensions, unit, resolution), second, value or statistic set, count."""

NOW_MS = 1_760_000_000_000
LARGEST = 2.0**360


def line(data: bytes | str | Mapping[str, Any], *, terminated: bool = True, number: int = 1) -> Line:
    """Make a line of bytes, text or a document."""
    if isinstance(data, Mapping):
        data = json.dumps(data)
    if isinstance(data, str):
        data = data.encode()
    return Line(Position("a.log", number, 0), data, len(data), terminated)


def read(data: bytes | str | Mapping[str, Any], *, terminated: bool = True) -> Record:
    """Read one line at a fixed time."""
    return parse(line(data, terminated=terminated), received_ms=NOW_MS)


def event(document: Mapping[str, Any]) -> Event:
    """Read a document that must be a good one."""
    record = read(document)
    assert isinstance(record, Event), record
    return record


def reasons(record: Record) -> list[str]:
    """List the reason codes of a record's findings."""
    return [finding.reason for finding in getattr(record, "findings", ())]


def document(
    metrics: Mapping[str, Any],
    *,
    dimensions: Mapping[str, Any] | None = None,
    sets: list[list[str]] | None = None,
    timestamp_ms: int | None = NOW_MS,
    namespace: str = "App",
    unit: str = units.COUNT,
    resolution: int | None = None,
) -> dict[str, Any]:
    """Build a document of one directive; by default one dimension set of all dimensions."""
    dimensions = dimensions or {}
    definition = {"Unit": unit} if resolution is None else {"Unit": unit, "StorageResolution": resolution}
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)] if sets is None else sets,
        "Metrics": [{"Name": name, **definition} for name in metrics],
    }
    metadata: dict[str, Any] = {"CloudWatchMetrics": [directive]}
    if timestamp_ms is not None:
        metadata["Timestamp"] = timestamp_ms
    return {"_aws": metadata, **dimensions, **metrics}


def flow_end(flow: str, status: str, *, duration_ms: float = 5, error_type: str | None = None) -> dict[str, Any]:
    """Build the line that the emitter writes at the end of a flow, with its standard roll-ups."""
    outcome = {"Success": "FlowCompleted", "Error": "FlowError", "Cancelled": "FlowCancelled"}[status]
    full = ["FlowName", "Status"]
    frame = {"Namespace": "App", "Dimensions": [full, ["FlowName"], []]}
    duration = {**frame, "Metrics": [{"Name": "FlowDuration", "Unit": "Milliseconds"}]}
    ended = {**frame, "Metrics": [{"Name": outcome, "Unit": "Count"}]}
    written = {"FlowName": flow, "Status": status, outcome: 1, "FlowDuration": duration_ms}
    if error_type is not None:
        ended["Dimensions"] = [[*full, "ErrorType"], ["FlowName"], ["ErrorType"], []]
        written["ErrorType"] = error_type
    return {"_aws": {"Timestamp": NOW_MS, "CloudWatchMetrics": [ended, duration]}, **written}


# --- What must come out -----------------------------------------------------------------------------------------------


def points_of(documents: Iterable[Mapping[str, Any]]) -> Counter[Point]:
    """List every number of good documents under every series, with the second its period begins at."""
    points: Counter[Point] = Counter()
    for each in documents:
        for directive in each["_aws"]["CloudWatchMetrics"]:
            for keys in directive["Dimensions"]:
                pairs = tuple(sorted((key, each[key]) for key in keys))
                for definition in directive["Metrics"]:
                    resolution = definition.get("StorageResolution", 60)
                    start_s = each["_aws"]["Timestamp"] // 1000 // resolution * resolution
                    name, unit = definition["Name"], definition.get("Unit", "None")
                    series = (directive["Namespace"], name, pairs, unit, resolution)
                    for value, count in numbers_of(each[name]):
                        points[series, start_s, value, count] += 1
    return points


def numbers_of(target: Any) -> list[tuple[Any, float]]:
    """List the numbers of a target with their counts; a statistic set that hides its values is a tuple."""
    if isinstance(target, list):
        return [(float(value), 1.0) for value in target]
    if not isinstance(target, dict):
        return [(float(target), 1.0)]
    if "Values" in target:
        pairs = zip(target["Values"], target["Counts"], strict=True)
        return [(float(value), float(count)) for value, count in pairs]
    count, total, low, high = (float(target[member]) for member in ("Count", "Sum", "Min", "Max"))
    if low == high:
        return [(low, count)]
    return [(total, 1.0)] if count == 1 else [((count, total, low, high), 1.0)]


def merged(points: Mapping[Point, int]) -> dict[tuple[Any, ...], float]:
    """Add up the counts of equal values of a series and period: exact means that these sums are equal."""
    counts: dict[tuple[Any, ...], list[float]] = {}
    for (series, start_s, value, count), times in points.items():
        counts.setdefault((series, start_s, value), []).extend([count] * times)
    return {key: math.fsum(several) for key, several in counts.items()}


# --- Strategies -------------------------------------------------------------------------------------------------------

numbers = (
    st.integers(-5, 5)
    | st.floats(-LARGEST, LARGEST)
    | st.sampled_from([0, -0.0, 5e-324, 0.1, 1e300 / 1e300, 2**53 + 1, -(2**53) - 1, 2**360, -(2**360), 1 / 3])
)
counts = st.integers(1, 9) | st.sampled_from([0.5, 1.0, 2.5, 1e-3, 2**53 + 1, 1 / 3])


@st.composite
def statistic_sets(draw: st.DrawFn) -> dict[str, float]:
    """Give a coherent statistic set; some of one sample, some of one value."""
    low, high = sorted(draw(st.tuples(st.integers(-100, 100), st.integers(-100, 100))))
    count = draw(st.sampled_from([1, 1, 2, 3, 49, 0.5]))
    share = draw(st.sampled_from([0, 0.25, 0.5, 1]))
    return {"Min": low, "Max": high, "Sum": (low + share * (high - low)) * count, "Count": count}


targets = (
    numbers
    | st.lists(numbers, min_size=1, max_size=6)
    | st.lists(st.tuples(numbers, counts), min_size=1, max_size=6).map(
        lambda pairs: {"Values": [value for value, _ in pairs], "Counts": [count for _, count in pairs]}
    )
    | statistic_sets()
)
_DIMENSION_KEYS = ["FlowName", "Status", "ModelID", "Team"]
_METRICS = ["FlowDuration", "TokensUsed", "Depth", "Latency"]
periods_ms = st.sampled_from([0, 999, 1000, 59_999, 60_000, 61_000, 86_400_000])


@st.composite
def directives(draw: st.DrawFn) -> dict[str, Any]:
    """Give a metric directive over a few names, so that series meet."""
    sets = st.lists(st.sampled_from(_DIMENSION_KEYS), max_size=3, unique=True)
    definitions = [
        {
            "Name": name,
            "Unit": draw(st.sampled_from(["Count", "Milliseconds", "None"])),
            **draw(st.sampled_from([{}, {}, {"StorageResolution": 1}, {"StorageResolution": 60}])),
        }
        for name in draw(st.lists(st.sampled_from(_METRICS), min_size=1, max_size=3, unique=True))
    ]
    return {
        "Namespace": draw(st.sampled_from(["App", "Other"])),
        "Dimensions": draw(st.lists(sets, min_size=1, max_size=3, unique_by=frozenset)),
        "Metrics": definitions,
    }


@st.composite
def documents(draw: st.DrawFn, *, since_ms: int = NOW_MS) -> dict[str, Any]:
    """Give a good document of any shape that a target may have."""
    chosen = draw(st.lists(directives(), min_size=1, max_size=2))
    dimension_values = {key: draw(st.sampled_from(["a", "b c", "%20"])) for key in _DIMENSION_KEYS}
    values = {name: draw(targets) for name in _METRICS}
    metadata = {"Timestamp": since_ms - draw(periods_ms), "CloudWatchMetrics": chosen}
    return {"_aws": metadata, "note": "no metric", **dimension_values, **values}
