"""Reads docs/mistakes.md: its sections as mistakes; and writes the table at its beginning, from them.

`python tests/docs/write_pages.py` writes the table anew; a test holds it equal to what this gives.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from flowemf_schemas.verdicts import VERDICTS, Scope

PAGE = Path(__file__).parents[2] / "docs" / "mistakes.md"
HEAD, NEXT = "| mistake | left out by `flowemf replay` | `flowemf check` says |\n|---|---|---|\n", "\n## The line\n"
_LOST = {
    Scope.LINE: "the line",
    Scope.METRIC: "the metric",
    Scope.DIMENSION_SET: "the dimension set",
    Scope.NOTE: "nothing",
}


@dataclass(frozen=True)
class Mistake:
    """One section of the page."""

    title: str
    text: str

    def said_of(self, whom: str) -> str:
        """Give what the point about CloudWatch, the command or flowemf says, on one line."""
        [point] = re.findall(rf"^- {whom}:\s(.*?)(?=^- |\Z)", self.text, re.MULTILINE | re.DOTALL)
        return " ".join(point.split())

    @property
    def line(self) -> str | None:
        """The bad line, printed by the section's program where it is too long for a page."""
        blocks = re.findall(r"```(\w+)\n(.*?)```", self.text, re.DOTALL)
        if not blocks:
            return None
        [(language, content)] = blocks
        if language != "python":
            return str(content)
        return subprocess.run([sys.executable, "-c", content], capture_output=True, text=True, check=True).stdout

    @property
    def reasons(self) -> list[str]:
        """The reasons that the section says the command gives of the line at once."""
        said = self.said_of("`flowemf check`").partition(", and ")[0]
        return [] if said.startswith("nothing") else re.findall(r"`([a-z0-9-]+)`", said)

    @property
    def call(self) -> str | None:
        """The call that would make the mistake."""
        found = re.match(r"`(flowemf\.\w+\(.*?\))`", self.said_of("flowemf"))
        return found[1] if found else None


def mistakes() -> list[Mistake]:
    """Give every mistake in the order of the page."""
    return [
        Mistake(title, text)
        for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for title, text in re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", section, re.MULTILINE | re.DOTALL)
    ]


def page() -> str:
    """Give the text of the page, with its table made anew."""
    before, rest = PAGE.read_text(encoding="utf-8").split(HEAD)
    return before + HEAD + "".join(map(_row, mistakes())) + NEXT + rest.split(NEXT)[1]


def _row(mistake: Mistake) -> str:
    anchor = re.sub(r"[^\w\- ]", "", mistake.title.lower()).replace(" ", "-")
    lost = [_LOST[VERDICTS[reason].scope] for reason in mistake.reasons] or ["nothing"]
    said = [f"`{reason}`" for reason in mistake.reasons] or ["nothing"]
    return f"| [{mistake.title}](#{anchor}) | {lost[0]} | {said[0]} |\n"
