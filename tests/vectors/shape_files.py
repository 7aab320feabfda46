"""Writes files of the corpus of shapes, and remembers what was put into each.

Lines and the values in them go in; files lie in `shapes/`, and their expectations come out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shape_corpus import DIRECTORY, Shape


class Files:
    """The files that were written."""

    def __init__(self) -> None:
        self.shapes: list[Shape] = []

    def add(
        self,
        name: str,
        form: str,
        lines: Iterable[str | bytes],
        values: Iterable[float],
        *,
        other: int = 0,
        ending: bytes = b"\n",
        **more: Any,
    ) -> None:
        """Write a file whose metric records hold one value of the metric A each."""
        values = list(values)
        data = b"".join((each.encode() if isinstance(each, str) else each) + ending for each in lines)
        (DIRECTORY / name).write_bytes(data)
        extra = more.pop("records", {})
        records = {"metric": len(values), "other": other, **extra}
        kept = {kind: count for kind, count in records.items() if count}
        sums, counts = more.pop("sums", {"A": sum(values)}), more.pop("counts", {"A": len(values)})
        self.shapes.append(Shape(name, form, kept, sums, counts, **more))
