"""Reads `verdicts.json`: lines and sources with the findings that each must give, whoever looks at them.

The file goes in; vectors come out. `documents` are lines that parse as JSON, for whoever judges a document; `texts` are
lines for whoever reads bytes; `sources` are whole files. A line is written as text, or as pieces with how often each is
repeated; `texts` and `sources` stand there byte by byte (Latin-1), since not all of them are UTF-8.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "verdicts.json"


@dataclass(frozen=True)
class LineVector:
    """One line and its verdict.

    Attributes:
        name: what is special about it.
        data: its bytes, without a line ending.
        findings: reason code -> how many findings of it.
        record: what a reader makes of the line: metric, rejected, other or incomplete.
        datapoints: how many datapoints (dimension set times metric times value) are good.
        terminated: whether a line ending follows.
    """

    name: str
    data: bytes
    findings: dict[str, int]
    record: str
    datapoints: int
    terminated: bool = True

    @property
    def document(self) -> Any:
        """The document, for a line of `documents`."""
        return json.loads(self.data)


@dataclass(frozen=True)
class SourceVector:
    """One file and its verdict.

    Attributes:
        name: what is special about it.
        data: its bytes.
        findings: line number (0 stands for the file as a whole) and reason code of each finding.
        records: how many records of each kind it holds, kinds without any left out.
        datapoints: how many datapoints are good.
    """

    name: str
    data: bytes
    findings: tuple[tuple[int, str], ...]
    records: dict[str, int]
    datapoints: int


def _bytes(spelled: str | list[tuple[str, int]], encoding: str) -> bytes:
    pieces = [(spelled, 1)] if isinstance(spelled, str) else spelled
    return "".join(text * times for text, times in pieces).encode(encoding)


def _lines(kind: str, encoding: str) -> list[LineVector]:
    vectors = []
    for entry in json.loads(FILE.read_text(encoding="utf-8"))[kind]:
        data = _bytes(entry.pop("line"), encoding)
        vectors.append(LineVector(data=data, **entry))
    return vectors


def documents() -> list[LineVector]:
    """Give the lines that parse as JSON."""
    return _lines("documents", "utf-8")


def texts() -> list[LineVector]:
    """Give the lines whose text is the point."""
    return _lines("texts", "latin-1")


def sources() -> list[SourceVector]:
    """Give the whole files."""
    return [
        SourceVector(
            entry["name"],
            entry["bytes"].encode("latin-1"),
            tuple((line, reason) for line, reason in entry["findings"]),
            entry["records"],
            entry["datapoints"],
        )
        for entry in json.loads(FILE.read_text(encoding="utf-8"))["sources"]
    ]
