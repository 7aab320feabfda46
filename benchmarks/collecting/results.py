"""Sets what was measured beside the goals.

Samples go in; lines of text come out, or a dictionary for JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from collecting.spans import GEN_AI, KINDS, LONG, SHORT, UNRELATED
from collecting.ways import BATCH, FLOWEMF, LABELS, NOBODY
from measuring.machine import as_text
from measuring.ratios import Ratio
from measuring.report import ratio_lines, table
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
    """Tell what flowemf adds to each kind of span, beside the exporter that OpenTelemetry recommends."""
    found = []
    for kind, (goal, aim) in _GOALS.items():
        ours, theirs = (_added_seconds(results, kind, way) for way in (FLOWEMF, BATCH))
        added = Ratio(KINDS[kind].label, "added, beside", LABELS[BATCH], ours * 1e6, goal, aim=aim, unit="us")
        found.append(replace(added, ours=ours, theirs=theirs))
    return found


def _added_seconds(results: Results, kind: str, way: str) -> float:
    return results.spans[kind, way].cpu_seconds - results.spans[kind, NOBODY].cpu_seconds


def as_lines(results: Results) -> list[str]:
    """Write the tables, and the goals."""
    title = f"One span, inside another one, microseconds ({results.line_bytes} bytes a line, to a file)"
    goals = ratio_lines(ratios(results))
    return [as_text(results.machine), "", title, *_spans_table(results), "", "Goals", *goals]


def as_dict(results: Results) -> dict[str, Any]:
    """Arrange every number for machines; seconds throughout."""
    return {
        "machine": dict(results.machine),
        "line_bytes": results.line_bytes,
        "spans": [
            {"span": kind, "label": KINDS[kind].label, "way": way, "listener": LABELS[way], **asdict(each)}
            for (kind, way), each in results.spans.items()
        ],
        "ratios": [each.as_dict() for each in ratios(results)],
    }


def _spans_table(results: Results) -> list[str]:
    rows: list[list[object]] = []
    for (kind, way), sample in results.spans.items():
        added = None if way == NOBODY else _added_seconds(results, kind, way) * 1e6
        row = [KINDS[kind].label, LABELS[way], sample.wall_seconds * 1e6, sample.cpu_seconds * 1e6, added]
        rows.append(row)
    return table(["span", "who listens", "wall", "cpu", "added cpu"], rows, left=(0, 1))
