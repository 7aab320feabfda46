"""How `flowemf doctor` answers: a paragraph for each check, or one JSON object.

Checks go in, the most urgent first; lines come out on stdout.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flowemf_processor.cli.streams import data, is_terminal, printable, styled
from flowemf_processor.core.diagnosis.check import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.core.diagnosis.check import Check

SCHEMA_VERSION = 1
_WIDTH = 100
_INDENT = 12


def show(checks: Sequence[Check]) -> None:
    """Print checks for people; commands stand on a line of their own, never broken, so that they can be pasted."""
    for check in checks:
        data(styled(f"{check.status.value.upper():<10}{printable(check.name)}", bold=check.status is Status.PROBLEM))
        for line in _paragraph("looked at", check.looked_at):
            data(line)
        for line in _paragraph("found", check.found):
            data(line)
        for remedy in check.remedies:
            data(f"{'  do':<{_INDENT}}{printable(remedy)}")


def as_json(checks: Sequence[Check]) -> dict[str, Any]:
    """Give checks for programs."""
    counts = Counter(check.status for check in checks)
    return {
        "schema_version": SCHEMA_VERSION,
        "counts": {status.value: counts[status] for status in Status},
        "checks": [{**asdict(check), "status": check.status.value} for check in checks],
    }


def summary(checks: Sequence[Check]) -> str:
    """Say in one line how it stands."""
    counts = Counter(check.status for check in checks)
    said = ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status])
    return f"flowemf doctor: {len(checks)} checks: {said}"


def _paragraph(heading: str, text: str) -> Iterator[str]:
    width = min(shutil.get_terminal_size().columns, _WIDTH) if is_terminal(sys.stdout) else _WIDTH
    lines = textwrap.wrap(printable(text), max(width - _INDENT, 20), break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        yield f"{f'  {heading}' if not number else '':<{_INDENT}}{line}"
