"""Writes every page that is made from the code: `python tests/docs/write_pages.py`.

Nothing goes in; docs/reference, docs/configuration.md, the list of questions in docs/queries.md and that of extras in
docs/compatibility.md and the table of docs/mistakes.md come out. A test holds each of them equal to what this gives.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import compatibility_page
import configuration_page
import mistakes_page
import questions_page
import reference_commands
import reference_counts
import reference_findings
import reference_limits
import reference_lines
import reference_python
import reference_schemas

DOCS = Path(__file__).parents[2] / "docs"
PAGES: dict[Path, Callable[[], str]] = {
    DOCS / "compatibility.md": compatibility_page.page,
    DOCS / "configuration.md": configuration_page.page,
    DOCS / "mistakes.md": mistakes_page.page,
    DOCS / "queries.md": questions_page.page,
    DOCS / "reference" / "commands.md": reference_commands.page,
    DOCS / "reference" / "counts.md": reference_counts.page,
    DOCS / "reference" / "findings.md": reference_findings.page,
    DOCS / "reference" / "limits.md": reference_limits.page,
    DOCS / "reference" / "lines.md": reference_lines.page,
    DOCS / "reference" / "python.md": reference_python.page,
    DOCS / "reference" / "schemas.md": reference_schemas.page,
}


def main() -> None:
    """Write them."""
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
