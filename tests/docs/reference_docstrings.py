"""Turns a docstring in Google's style into Markdown.

The text of a docstring goes in; paragraphs, lists of arguments and runnable examples come out.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from itertools import groupby

_SECTIONS = {"Args", "Attributes", "Example", "Raises", "Returns", "Yields"}
_HEADING = re.compile(r"^([A-Z][a-z]+):$")
_ENTRY = re.compile(r"^(\*{0,2}[\w.]+): (.*)$")


def markdown(docstring: str) -> str:
    """Give a docstring, already freed of its indentation, as Markdown."""
    parts = [_section(heading, lines) for heading, lines in _sections(docstring.splitlines())]
    return "\n\n".join(part for part in parts if part)


def _sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Divide the lines at headings such as `Args:`; what stands before the first one has none."""
    heading = ""
    found: list[str] = []
    for line in lines:
        match = _HEADING.match(line)
        if match and match[1] in _SECTIONS:
            yield heading, found
            heading, found = match[1], []
        elif heading and line and not line.startswith(" "):
            yield heading, found
            heading, found = "", [line]
        else:
            found.append(line)
    yield heading, found


def _section(heading: str, lines: list[str]) -> str:
    text = textwrap.dedent("\n".join(lines)).strip("\n")
    if heading in ("", "Example"):
        return _prose(text)
    entries = [_ENTRY.match(line) for line in text.splitlines() if not line.startswith(" ")]
    if heading in ("Args", "Attributes", "Raises") and all(entries):
        return f"{heading}:\n\n{_entries(text)}"
    return f"{heading}: {_escaped(_joined(text))}"


def _entries(text: str) -> str:
    """Make a list of `name: what it is` with its continued lines."""
    items: list[list[str]] = []
    for line in text.splitlines():
        match = None if line.startswith(" ") else _ENTRY.match(line)
        if match:
            items.append([f"- `{match[1]}`: {match[2]}"])
        else:
            items[-1].append(line.strip())
    return "\n".join(_escaped(" ".join(item)) for item in items)


def _prose(text: str) -> str:
    """Keep paragraphs and lists; examples and indented blocks become blocks of code."""
    paragraphs = [list(lines) for filled, lines in groupby(text.splitlines(), key=bool) if filled]
    parts: list[str] = []
    for is_code, together in groupby(paragraphs, key=lambda lines: lines[0].startswith("    ")):
        if is_code:
            parts.append(_code([line for lines in together for line in ["", *lines]][1:], "text"))
        else:
            parts += map(_paragraph, together)
    return "\n\n".join(parts)


def _paragraph(lines: list[str]) -> str:
    if lines[0].startswith("- "):
        return _escaped("\n".join(lines).replace("\n  ", " "))
    code = next((place for place, line in enumerate(lines) if line.startswith(">>> ")), len(lines))
    parts = [_escaped(_joined("\n".join(lines[:code])))] if code else []
    if code < len(lines):
        parts.append(_code(lines[code:], "pycon"))
    return "\n\n".join(parts)


def _code(lines: list[str], kind: str) -> str:
    indented = "    " if kind == "text" else ""
    return "\n".join([f"```{kind}", *(line.removeprefix(indented) for line in lines), "```"])


def _joined(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines())


def _escaped(text: str) -> str:
    """Keep what stands in angle brackets from being taken for HTML, outside of code."""
    pieces = text.split("`")
    return "`".join(piece if place % 2 else piece.replace("<", "&lt;") for place, piece in enumerate(pieces))
