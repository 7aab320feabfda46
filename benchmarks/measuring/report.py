"""Sets results as text: tables of numbers, and ratios with their goals beside them.

Rows and ratios go in; lines for a terminal come out.
"""

from __future__ import annotations

from collections.abc import Sequence

from measuring.ratios import Ratio


def ratio_lines(ratios: Sequence[Ratio]) -> list[str]:
    """Write one line for each ratio: number, goal, verdict in words, sentence."""
    rows = [
        [
            f"{each.value:.2f} {each.unit}",
            each.by_cpu,
            _goal(each),
            {True: "reached", False: "MISSED", None: ""}[each.reached],
            each.sentence,
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


def _goal(ratio: Ratio) -> str:
    if ratio.goal is None:
        return ""
    return f"{'>=' if ratio.at_least else '<='} {ratio.goal:g}{f' (aim {ratio.aim:g})' if ratio.aim else ''}"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
