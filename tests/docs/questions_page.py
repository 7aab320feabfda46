"""Writes the part of docs/queries.md that lists the ready-made questions, from their definition.

`python tests/docs/write_pages.py` writes it anew; a test holds it equal to what this gives.
"""

from __future__ import annotations

from pathlib import Path

from flowemf_processor.core.insight.questions import QUESTIONS, Question

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"
HEADING, NEXT = "\n## The ready-made questions\n", "\n## In CloudWatch\n"

_HEAD = """
`flowemf query --list` names them; `--list --format json` has their SQL, to begin with where a question needs a
difference.
"""


def part() -> str:
    """Give the text between the headings."""
    return _HEAD + "".join(map(_described, QUESTIONS))


def _described(question: Question) -> str:
    rows = "".join(f"| `{column}` | {meaning} |\n" for column, meaning in question.columns)
    return f"\n**`{question.name}`**: {question.sentence}\n\n| column | what it says |\n|---|---|\n{rows}"


def page() -> str:
    """Give the text of the page, with that part made anew."""
    before, rest = PAGE.read_text(encoding="utf-8").split(HEADING)
    return before + HEADING + part() + NEXT + rest.split(NEXT)[1]
