"""A page with commands or code on it has a test that runs them: whoever writes a page writes that, too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
DOCS = TESTS.parent / "docs"
RUNNABLE = re.compile(r"^```(?:bash|console|ini|python|sh|yaml)\n", re.MULTILINE)
# They look at every page, and run what stands on none.
OF_ALL_PAGES = {"test_pages.py", "test_figures_on_pages.py", Path(__file__).name}
# The guide's links to pages and those of the reference are no runs.
LINK = re.compile(r"\]\([^)]*\)|\{[^{}]*\.md[^{}]*\}")
RUNS = {
    path.relative_to(TESTS): LINK.sub("", path.read_text(encoding="utf-8"))
    for path in TESTS.rglob("test_*.py")
    if path.name not in OF_ALL_PAGES
}
# Pages of which a module makes a part: their tests take the text from there.
MADE_BY = {"mistakes.md": "from mistakes_page import", "queries.md": "from questions_page import"}
PAGES = [page for page in sorted(DOCS.glob("*.md")) if RUNNABLE.search(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_page_has_a_test_that_reads_it(page: Path) -> None:
    """By its name; its snippets are found there by their language."""
    names = (page.name, MADE_BY.get(page.name, page.name))
    assert [str(path) for path, text in RUNS.items() if any(name in text for name in names)] != []


def test_there_are_pages_to_be_tried() -> None:
    """Most of them have something to run."""
    assert len(PAGES) >= 18
