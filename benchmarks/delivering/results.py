"""Sets what delivering costs beside the goals.

Samples and counts go in; lines of text come out, or a dictionary for JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from delivering.replays import WAYS
from measuring.machine import as_text
from measuring.ratios import Ratio, of_the_time, times_as_fast
from measuring.report import ratio_lines, table
from measuring.rounds import Sample

_MEGA = 1e6


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that one run has measured.

    Attributes:
        machine: where it ran.
        lines: how many lines the log has.
        size_bytes: how large it is.
        totals: the series and minutes and the digest of what arrived, the same for every way.
        replays: way -> the whole process.
        requests: number of values a datum, way -> one request of 1,000 datums.
        events: how many events the requests were counted for.
        counted: exact or merged -> requests and datapoints.
    """

    machine: Mapping[str, object]
    lines: int
    size_bytes: int
    totals: str
    replays: Mapping[str, Sample]
    requests: Mapping[tuple[int, str], Sample]
    events: int
    counted: Mapping[str, Mapping[str, int]]


def as_lines(results: Results) -> list[str]:
    """Write the tables, and the ratios with their goals."""
    replays = [
        [WAYS[name].label, taken.wall_seconds, taken.cpu_seconds, taken.cpu_seconds / results.lines * _MEGA]
        for name, taken in results.replays.items()
    ]
    requests = [
        [f"{way}, {values} value{'s' * (values > 1)} a datum", taken.wall_seconds * 1000, taken.cpu_seconds * 1000]
        for (values, way), taken in results.requests.items()
    ]
    counted = [[name, f"{each['requests']:,}", f"{each['datapoints']:,}"] for name, each in results.counted.items()]
    return [
        as_text(results.machine),
        "",
        f"{results.lines:,} lines, {results.size_bytes / _MEGA:,.0f} MB; the same totals arrived: {results.totals}",
        *table(["whole process", "wall s", "cpu s", "cpu us/line"], replays),
        "",
        *table(["a request of 1,000 datums", "wall ms", "cpu ms"], requests),
        "",
        *table([f"{results.events:,} events of one busy service", "requests", "datapoints"], counted),
        "",
        *ratio_lines(ratios(results)),
    ]


def as_dict(results: Results) -> dict[str, Any]:
    """Arrange every number for machines; seconds and bytes throughout."""
    return {
        "machine": dict(results.machine),
        "lines": results.lines,
        "size_bytes": results.size_bytes,
        "totals": results.totals,
        "replays": {name: {"label": WAYS[name].label, **asdict(taken)} for name, taken in results.replays.items()},
        "requests": [{"values": values, "way": way, **asdict(t)} for (values, way), t in results.requests.items()],
        "events": results.events,
        "counted": {name: dict(each) for name, each in results.counted.items()},
        "ratios": [each.as_dict() for each in ratios(results)],
    }


def ratios(results: Results) -> list[Ratio]:
    """Set the goals beside what was measured."""
    script, ours = results.replays["script"], results.replays["flowemf"]
    found = [times_as_fast("a log to PutMetricData, checkpoint on", WAYS["script"].label, ours, script, 5)]
    for values in dict.fromkeys(values for values, _ in results.requests):
        theirs, mine = results.requests[values, "boto3"], results.requests[values, "flowemf"]
        what = f"a request of 1,000 datums with {values} value{'s' * (values > 1)} each"
        found.append(of_the_time(what, "boto3 as it comes", mine, theirs, 1 / 6))
    return found
