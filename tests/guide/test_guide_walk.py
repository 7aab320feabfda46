"""Whether the walk through the guide leaves out no section of it."""

from __future__ import annotations

import ast
from pathlib import Path

from guide_sections import SECTIONS

HERE = Path(__file__).parent


def test_every_section_of_the_guide_has_its_tests() -> None:
    """A file of tests names the sections that it walks through, in its first sentence."""
    said = [ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "" for file in HERE.glob("test_*.py")]
    assert [section for section in SECTIONS if not any(section in sentence for sentence in said)] == []
