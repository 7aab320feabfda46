"""Tables of flows, models and other metrics for a terminal, or plain text for a pipe.

Figures go in; tables come out, and are printed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.box import Box
from rich.table import Table

from flowemf_processor.cli.streams import data, is_terminal, printable
from flowemf_processor.core.insight.totals import ERROR, NAME, percentiles, sums
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowemf_processor.core.insight.figures import Figures, OtherMetric, Side

_NOTHING = "-"
_PIPED_WIDTH = 200
# A narrower terminal wraps the lines, which is ugly; a number cut short would be wrong.
_LEAST_WIDTH = 80
# ASCII, so that a pipe and a terminal without Unicode show the same table; no vertical lines, since 80 columns are few.
_BOX = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)

_FLOW_COUNTS = (names.FLOW_STARTED, names.FLOW_COMPLETED, names.FLOW_ERROR, names.FLOW_CANCELLED)
_MODEL_COUNTS = (
    names.GENERATION_COUNT,
    names.GENERATION_ERROR,
    names.INPUT_TOKENS,
    names.OUTPUT_TOKENS,
    names.TOKENS_USED,
)


def flow_and_model_tables(figures: Figures) -> Iterator[Table]:
    """Lay out the flows and the models, those with the most runs and generations first."""
    if figures.flows.rows:
        yield _flow_table(figures)
    if figures.generations.rows:
        yield _model_table(figures.generations)


def other_table(others: Sequence[OtherMetric]) -> Table:
    """Lay out the metrics of which nothing but their values is known."""
    headings = ("Metric", "Values", "Sum", "Mean", "Smallest", "Largest", "Unit")
    table = _empty_table("Other metrics", headings, text_columns=("Metric", "Unit"))
    for other in others:
        numbers = (other.count, other.sum, other.sum / other.count, other.minimum, other.maximum)
        table.add_row(printable(other.name), *(f"{number:,.6g}" for number in numbers), printable(other.unit))
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


def success_rate(completed: float, failed: float) -> str:
    """Write the share of those that completed or failed: who cancels says nothing about success."""
    return f"{completed / (completed + failed):.1%}" if completed + failed else _NOTHING


def _flow_table(figures: Figures) -> Table:
    side = figures.flows
    counts = [sums(side, metric, NAME) for metric in _FLOW_COUNTS]
    shares = [percentiles(side, names.FLOW_DURATION, share, NAME) for share in (0.5, 0.95, 0.99)]
    headings = ("Flow", "Runs", "Success", "p50 ms", "p95 ms", "p99 ms", "Cancelled", "Errors by type")
    table = _empty_table("Flows", headings, text_columns=("Flow", "Errors by type"))
    for code in _busiest(counts):
        started, completed, failed, cancelled = (int(each.get(code, 0)) for each in counts)
        table.add_row(
            printable(side.named.label(code)),
            f"{started:,}",
            success_rate(completed, failed),
            *(_milliseconds(each.get(code)) for each in shares),
            f"{cancelled:,}",
            printable(", ".join(_errors_of(figures, code))) or _NOTHING,
        )
    return table


def _errors_of(figures: Figures, flow: int) -> list[str]:
    side = figures.flows
    place = len(side.rows[0]) - len(side.metrics) + side.metrics.index(names.FLOW_ERROR)
    found: dict[int, int] = {}
    for row in side.rows:
        if row[NAME] == flow and row[place]:
            found[row[ERROR]] = found.get(row[ERROR], 0) + int(row[place])
    by_label = ((figures.errors.label(code), count) for code, count in found.items())
    return [f"{label}:{count}" for label, count in sorted(by_label, key=lambda each: (-each[1], each[0]))]


def _model_table(side: Side) -> Table:
    counts = [sums(side, metric, NAME) for metric in _MODEL_COUNTS]
    p95 = percentiles(side, names.GENERATION_DURATION, 0.95, NAME)
    headings = ("Model", "Generations", "Errors", "Tokens in", "out", "total", "p95 ms")
    table = _empty_table("Models", headings, text_columns=("Model",))
    for code in _busiest(counts):
        numbers = (f"{int(each.get(code, 0)):,}" for each in counts)
        table.add_row(printable(side.named.label(code)), *numbers, _milliseconds(p95.get(code)))
    return table


def _busiest(counts: Sequence[Mapping[int, float]]) -> list[int]:
    """Give the codes that occur, those with the most of the first thing first."""
    codes = {code for each in counts for code in each}
    return sorted(codes, key=lambda code: (-counts[0].get(code, 0), code))


def _empty_table(title: str, headings: Iterable[str], *, text_columns: tuple[str, ...]) -> Table:
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


def _milliseconds(duration_ms: float | None) -> str:
    return _NOTHING if duration_ms is None else f"{duration_ms:,.0f}" if duration_ms >= 10 else f"{duration_ms:.1f}"
