"""The page that compares: each tool has its row and its section, every claim about another one has a public link."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
TOOLS = (
    *("aws-embedded-metrics", "Powertools for AWS Lambda", "CloudWatch agent", "OpenTelemetry"),
    *("metrique", "Vector", "Fluent Bit"),
)


def test_every_tool_has_its_row_and_its_paragraph() -> None:
    """The row says where it is the better choice, and so does the paragraph."""
    rows = re.findall(r"^\| \[.*\|$", PAGE, re.MULTILINE)
    paragraphs = [each for each in PAGE.split("\n\n") if each.startswith("**")]
    assert len(rows) == len(paragraphs) == len(TOOLS)
    for tool, row, paragraph in zip(TOOLS, rows, paragraphs, strict=True):
        assert tool in row
        assert tool in paragraph.partition("**")[2].partition("**")[0]
        assert row.count(" | ") == 2
        assert "Better: " in paragraph
        assert "](http" in paragraph


def test_there_are_no_figures_of_speed() -> None:
    """Those come from the benchmarks alone."""
    assert re.findall(r"\d[\d.,]* ?(?:µs|ms\b|microseconds|times faster|times as fast|MB/s)", PAGE) == []
