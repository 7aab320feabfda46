"""Lays the demo's answers out as tables.

Rows go in; tables for a terminal, or plain text for a pipe, come out.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.box import Box
from rich.table import Table

from flowemf_processor.cli.streams import data, is_terminal, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowemf_processor.cli.demo_queries import FlowRow, ModelRow

_NOTHING = "-"
_PIPED_WIDTH = 200
# A narrower terminal wraps the lines, which is ugly; a number cut short would be wrong.
_LEAST_WIDTH = 80
# ASCII, so that a pipe and a terminal without Unicode show the same table; no vertical lines, since 80 columns are few.
_BOX = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


def flow_table(rows: Iterable[FlowRow]) -> Table:
    """Lay out the flows."""
    headings = ("Flow", "Runs", "Success", "p50 ms", "p95 ms", "p99 ms", "Cancelled", "Errors by type")
    table = plain_table("Flows", headings, text_columns=("Flow", "Errors by type"))
    for row in rows:
        errors = ", ".join(f"{kind}:{count}" for kind, count in (row.errors or {}).items())
        table.add_row(
            printable(row.name),
            f"{row.runs:,}",
            _NOTHING if row.success_rate is None else f"{row.success_rate:.1%}",
            *(_milliseconds(each) for each in (row.p50_ms, row.p95_ms, row.p99_ms)),
            f"{row.cancelled:,}",
            printable(errors) or _NOTHING,
        )
    return table


def model_table(rows: Iterable[ModelRow]) -> Table:
    """Lay out the models."""
    headings = ("Model", "Generations", "Errors", "Tokens in", "out", "total", "p95 ms")
    table = plain_table("Models", headings, text_columns=("Model",))
    for row in rows:
        numbers = (row.generations, row.errors, row.input_tokens, row.output_tokens, row.total_tokens)
        table.add_row(
            printable(row.model_id),
            *(f"{number:,}" for number in numbers),
            _milliseconds(row.p95_ms),
        )
    return table


def plain_table(title: str, headings: Iterable[str], *, text_columns: tuple[str, ...]) -> Table:
    """Make a table without rows; what no column of text is holds numbers."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=_BOX,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    for heading in headings:
        is_text = heading in text_columns
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=heading != text_columns[-1])
    return table


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables with a line between them, before whatever is said next."""
    from rich.console import Console

    console = Console(width=None if is_terminal(sys.stdout) else _PIPED_WIDTH)
    console.width = max(console.width, _LEAST_WIDTH)
    with console.capture() as captured:
        for number, table in enumerate(tables):
            if number:
                console.print()
            console.print(table)
    for line in captured.get().splitlines():
        data(line.rstrip())
    if sys.stdout is not None:
        sys.stdout.flush()  # so that the tables stay before what is said next, where both go to one file or pipe


def _milliseconds(duration_ms: float | None) -> str:
    return _NOTHING if duration_ms is None else f"{duration_ms:,.0f}" if duration_ms >= 10 else f"{duration_ms:.1f}"
