"""Sets results as text: tables of numbers, and ratios with their goals beside them.

Rows and ratios go in; lines for a terminal come out, and plain dictionaries for `--json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """A measured number and what it should be: at least `goal` where `at_least`, else at most.

    Attributes:
        what: the sentence that the number completes.
        value: the number measured.
        goal: the bound that it should keep.
        at_least: whether more is better.
        aim: what to hope for beyond the goal, where there is such a thing.
        unit: what the numbers count; "x" for a ratio.
        by_cpu: the same number by processor time, which other programs on the machine disturb less.
    """

    what: str
    value: float
    goal: float
    at_least: bool
    aim: float | None = None
    unit: str = "x"
    by_cpu: float | None = None

    @property
    def reached(self) -> bool:
        """Whether the goal holds in this run."""
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def as_dict(self) -> dict[str, object]:
        """Give every field, and whether the goal was reached."""
        return {**asdict(self), "reached": self.reached}


def ratio_lines(ratios: Sequence[Ratio]) -> list[str]:
    """Write one line for each ratio: number, goal, verdict in words, sentence."""
    rows = [
        [
            f"{each.value:.2f} {each.unit}",
            each.by_cpu,
            f"{'>=' if each.at_least else '<='} {each.goal:g}{f' (aim {each.aim:g})' if each.aim else ''}",
            "reached" if each.reached else "MISSED",
            each.what,
        ]
        for each in ratios
    ]
    return table(["measured", "by cpu", "goal", "", "what"], rows, left=(4,))


def table(head: Sequence[str], rows: Sequence[Sequence[object]], left: Sequence[int] = (0,)) -> list[str]:
    """Align columns: numbers with two decimals to the right, the columns named in `left` to the left."""
    texts = [list(head), *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(head))]
    texts.insert(1, ["-" * width for width in widths])
    return [
        "  ".join(
            text.ljust(width) if column in left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in texts
    ]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
