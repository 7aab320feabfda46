"""Sets what reading costs beside the goals.

Samples go in; lines of text come out, or a dictionary for JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from measuring.machine import as_text
from measuring.ratios import Ratio, of_the_bytes, of_the_time, times_as_fast
from measuring.report import ratio_lines, table
from measuring.rounds import Sample
from reading.runs import WAYS

_MEGA = 1e6
# A part of the page on performance of its own.
MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that one run has measured.

    Attributes:
        machine: where it ran.
        lines: how many lines the log has.
        size_bytes: how large it is.
        totals: the series and the digest of the totals, the same for every way.
        ways: way -> the whole process.
        memory: size of the log in GB -> the most memory that reading it took, in bytes.
    """

    machine: Mapping[str, object]
    lines: int
    size_bytes: int
    totals: str
    ways: Mapping[str, Sample]
    memory: Mapping[float, int]


def as_lines(results: Results) -> list[str]:
    """Write the tables, and the ratios with their goals."""
    rows = [
        [WAYS[name].label, taken.wall_seconds, taken.cpu_seconds, taken.cpu_seconds / results.lines * _MEGA]
        for name, taken in results.ways.items()
    ]
    lines = [as_text(results.machine), ""]
    lines.append(f"{results.lines:,} lines, {results.size_bytes / _MEGA:,.0f} MB; the same totals: {results.totals}")
    lines += table(["whole process", "wall s", "cpu s", "cpu us/line"], rows)
    if results.memory:
        memory = [[f"{size:g} GB", peak / _MEGA] for size, peak in results.memory.items()]
        lines += ["", *table(["memory", "most MB"], memory)]
    return [*lines, "", *ratio_lines(ratios(results))]


def as_dict(results: Results) -> dict[str, Any]:
    """Arrange every number for machines; seconds and bytes throughout."""
    return {
        "machine": dict(results.machine),
        "lines": results.lines,
        "size_bytes": results.size_bytes,
        "totals": results.totals,
        "ways": {name: {"label": WAYS[name].label, **asdict(taken)} for name, taken in results.ways.items()},
        "memory": {str(size): peak for size, peak in results.memory.items()},
        "ratios": [each.as_dict() for each in ratios(results)],
    }


def ratios(results: Results) -> list[Ratio]:
    """Set the goals beside what was measured."""
    ways, script = results.ways, WAYS["script"].label
    found = [
        times_as_fast("gathering, on one core", script, ways["flowemf"], ways["script"], 2.5, 4),
        times_as_fast("gathering, with --jobs 2", script, ways["flowemf-2"], ways["script"], 4.5, 7),
        times_as_fast("flowemf check, which keeps no values", script, ways["check"], ways["script"], 2.5, 4),
        of_the_time(
            "gathering, from gzip", "the plain file", ways["flowemf-gzip"], ways["flowemf"], 1.2, pictured=False
        ),
    ]
    if len(results.memory) > 1:
        first, *_, last = results.memory.values()
        what = "the most memory, gathering a log some times as large"
        memory = of_the_bytes(what, "the memory for the smaller log", last, first, 1.2, pictured=False)
        found.append(replace(memory, area=MEMORY))
    return found
