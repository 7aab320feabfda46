"""Figures of speed stand in docs/performance.md, which the benchmarks write, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITTEN_BY_BENCHMARKS = ("performance.md", "scale.md")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# How fast, how much faster, how much of the processor: what a machine decides, and not a limit or an interval of ours.
SPEED = re.compile(
    r"\d[\d.,]* ?(?:µs|microseconds?\b|(?:lines|events|records|MB|GB) (?:a|per) second)"
    r"|(?:\d[\d.,]*|two|three|ten|twice) times (?:as fast|faster|slower|cheaper)"
    r"|\d[\d.,]* ?% (?:faster|slower|of the processor)",
    re.IGNORECASE,
)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_no_figure_of_speed_stands_on_the_page(page: Path) -> None:
    """What was measured once on somebody's machine grows old in silence."""
    if page.name not in WRITTEN_BY_BENCHMARKS:
        assert SPEED.findall(page.read_text(encoding="utf-8")) == []
