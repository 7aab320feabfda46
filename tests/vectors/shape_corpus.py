"""Reads the corpus of shapes: files as they lie about, and what is in each, stated as data.

The directory `shapes/` goes in; its files with their expectations come out. `shape_maker.py` writes them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

DIRECTORY = Path(__file__).parent / "shapes"
EXPECTED = DIRECTORY / "expected.json"


@dataclass
class Shape:
    """One file of the corpus.

    Attributes:
        name: its name in `shapes/`.
        form: the format that it has, as `--format` names it; `auto` where it has several.
        records: how many records of each kind it holds, kinds without any left out.
        sums: by metric, the sum of its values.
        counts: by metric, how many values there are.
        findings: line number and reason of each finding.
        received_ms: the timestamps of the metric records, where their wrapper states them.
        log_group: where the shape says which one it came out of.
    """

    name: str
    form: str
    records: dict[str, int]
    sums: dict[str, float]
    counts: dict[str, float]
    findings: list[tuple[int, str]] = field(default_factory=list)
    received_ms: list[int] = field(default_factory=list)
    log_group: str = ""

    @property
    def data(self) -> bytes:
        """Its bytes."""
        return (DIRECTORY / self.name).read_bytes()


def corpus() -> list[Shape]:
    """Give all files of the corpus."""
    entries = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return [Shape(**{**each, "findings": [tuple(found) for found in each["findings"]]}) for each in entries]
