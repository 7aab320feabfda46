"""Sets what reading costs beside the goals.

Samples go in; lines of text come out, or a dictionary for JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from measuring.machine import as_text
from measuring.report import Ratio, ratio_lines, table
from measuring.rounds import Sample
from reading.runs import WAYS

_MEGA = 1e6


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
        "ways": {name: asdict(taken) for name, taken in results.ways.items()},
        "memory": {str(size): peak for size, peak in results.memory.items()},
        "ratios": [each.as_dict() for each in ratios(results)],
    }


def ratios(results: Results) -> list[Ratio]:
    """Set the goals beside what was measured."""
    script, one, two = (results.ways[name] for name in ("script", "flowemf", "flowemf-2"))
    zipped, check = results.ways["flowemf-gzip"], results.ways["check"]
    found = [
        Ratio(
            "times as fast as the script, on one core",
            script.wall_seconds / one.wall_seconds,
            2.5,
            at_least=True,
            aim=4,
            by_cpu=script.cpu_seconds / one.cpu_seconds,
        ),
        Ratio(
            "times as fast as the script, with --jobs 2",
            script.wall_seconds / two.wall_seconds,
            4.5,
            at_least=True,
            aim=7,
            by_cpu=script.cpu_seconds / two.cpu_seconds,
        ),
        Ratio(
            "times as fast as the script: flowemf check, which keeps no values",
            script.wall_seconds / check.wall_seconds,
            2.5,
            at_least=True,
            aim=4,
            by_cpu=script.cpu_seconds / check.cpu_seconds,
        ),
        Ratio(
            "of the time of the plain file for a gzip file",
            zipped.wall_seconds / one.wall_seconds,
            1.2,
            at_least=False,
            by_cpu=zipped.cpu_seconds / one.cpu_seconds,
        ),
    ]
    if len(results.memory) > 1:
        peaks = list(results.memory.values())
        found.append(Ratio("of the memory for the largest log", peaks[-1] / peaks[0], 1.2, at_least=False))
    return found
