"""Sets what was measured beside the goals.

Samples go in; lines of text come out, or a dictionary for JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collecting.spans import GEN_AI, KINDS, LONG, SHORT, UNRELATED
from collecting.ways import FLOWEMF, LABELS, NOBODY
from measuring.machine import as_text
from measuring.report import Ratio, ratio_lines, table
from measuring.rounds import Sample

# Kind of span -> goal and aim, in microseconds of processor time on top of the same span with nobody listening.
_GOALS: dict[str, tuple[float, float | None]] = {
    UNRELATED: (2, None),
    GEN_AI: (20, 15),
    SHORT: (20, 15),
    LONG: (35, None),
}


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that one run has measured.

    Attributes:
        machine: where it ran.
        line_bytes: the length of the line of a Genkit model.
        spans: kind of span and listener -> one span.
    """

    machine: Mapping[str, object]
    line_bytes: int
    spans: Mapping[tuple[str, str], Sample]


def ratios(results: Results) -> list[Ratio]:
    """Tell what flowemf adds to each kind of span."""
    found = []
    for kind, (goal, aim) in _GOALS.items():
        ours, bare = results.spans[kind, FLOWEMF], results.spans[kind, NOBODY]
        added = (ours.cpu_seconds - bare.cpu_seconds) * 1e6
        what = f"added by flowemf to {KINDS[kind].label}, processor time"
        found.append(Ratio(what, added, goal, at_least=False, aim=aim, unit="us"))
    return found


def as_lines(results: Results) -> list[str]:
    """Write the tables, and the goals."""
    title = f"One span, inside another one, microseconds ({results.line_bytes} bytes a line, to a file)"
    goals = ratio_lines(ratios(results))
    return [as_text(results.machine), "", title, *_spans_table(results.spans), "", "Goals", *goals]


def as_dict(results: Results) -> dict[str, Any]:
    """Arrange every number for machines; seconds throughout."""
    return {
        "machine": dict(results.machine),
        "line_bytes": results.line_bytes,
        "spans": [
            {"span": kind, "way": way, "wall_seconds": each.wall_seconds, "cpu_seconds": each.cpu_seconds}
            for (kind, way), each in results.spans.items()
        ],
        "ratios": [each.as_dict() for each in ratios(results)],
    }


def _spans_table(spans: Mapping[tuple[str, str], Sample]) -> list[str]:
    rows: list[list[object]] = []
    for (kind, way), sample in spans.items():
        bare = spans[kind, NOBODY]
        added = None if way == NOBODY else (sample.cpu_seconds - bare.cpu_seconds) * 1e6
        row = [KINDS[kind].label, LABELS[way], sample.wall_seconds * 1e6, sample.cpu_seconds * 1e6, added]
        rows.append(row)
    return table(["span", "who listens", "wall", "cpu", "added cpu"], rows, left=(0, 1))
