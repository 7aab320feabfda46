"""Writes the part of docs/compatibility.md that lists what each extra brings, from pyproject.toml.

`python tests/docs/write_pages.py` writes it anew; a test holds it equal to what this gives.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "compatibility.md"
HEAD, END = "| extra | brings, at least |\n|---|---|\n", "\nFrameworks are never dependencies."
_REQUIREMENT = re.compile(r"^([\w.-]+(?:\[[\w,]+\])?)(?:>=([\d.]+))?(?:,?<([\d.]+))?(?: *;.*)?$")


def page() -> str:
    """Give the text of the page, with that part made anew."""
    before, rest = PAGE.read_text(encoding="utf-8").split(HEAD)
    return before + HEAD + "".join(_rows()) + END + rest.split(END)[1]


def _rows() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {"none": project["dependencies"], **project["optional-dependencies"]}
    return [f"| {_named(extra)} | {', '.join(map(_said, needed)) or 'nothing'} |\n" for extra, needed in extras.items()]


def _named(extra: str) -> str:
    return extra if extra == "none" else f"`{extra}`"


def _said(requirement: str) -> str:
    """Say a requirement in words, without the conditions under which it is left out."""
    match = _REQUIREMENT.match(requirement)
    assert match, requirement
    name, lowest, below = match.groups()
    return f"{name}{f' {lowest}' if lowest else ''}{f' (below {below})' if below else ''}"
