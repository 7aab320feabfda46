"""The essentials of the report for a terminal, or plain text for a pipe: headlines with curves, then tables.

Figures go in; lines and tables of flows, models and other metrics come out, in ASCII where the terminal knows no more.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.box import Box
from rich.table import Table

from flowemf_processor.cli.output.streams import data, flush_data, is_terminal, printable, styled
from flowemf_processor.core.insight.figures import ERROR, NAME, PERIOD, percentiles, sums
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowemf_processor.core.insight.figures import Figures, OtherMetric, Side

PERIODS = 40
"""So many periods fit beside a headline in 80 columns."""
_NOTHING = "-"
_PIPED_WIDTH = 200
# A narrower terminal wraps the lines, which is ugly; a number cut short would be wrong.
_LEAST_WIDTH = 80
# ASCII, so that a pipe and a terminal without Unicode show the same table; no vertical lines, since 80 columns are few.
_BOX = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_BLOCKS, _ASCII = "▁▂▃▄▅▆▇█", "_.:-=+*#"
_ENDED = (names.FLOW_COMPLETED, names.FLOW_ERROR, names.FLOW_CANCELLED)
# Headlines about generations: name, metric, how the sum is written
_TOTALS = (
    ("Generations", names.GENERATION_COUNT, "{:,.0f}"),
    ("Tokens", names.TOKENS_USED, "{:,.0f}"),
    ("Estimated cost", names.ESTIMATED_COST, "${:,.4f}"),
)
_FLOW_COUNTS = (names.FLOW_STARTED, names.FLOW_COMPLETED, names.FLOW_ERROR, names.FLOW_CANCELLED)
_MODEL_COUNTS = (
    names.GENERATION_COUNT,
    names.GENERATION_ERROR,
    names.INPUT_TOKENS,
    names.OUTPUT_TOKENS,
    names.TOKENS_USED,
)


def print_report(figures: Figures, heading: Sequence[str]) -> None:
    """Print the essentials.

    Args:
        figures: what is shown.
        heading: lines to begin with: a title, and where the figures come from.
    """
    title, *rest = heading
    data(styled(printable(title), bold=True))
    for line in rest:
        data(printable(line))
    headlines = [*_headlines(figures)]
    if headlines:
        data("")
    for name, number, curve in headlines:
        data(f"{name:<16}{number:>18}  {curve}".rstrip())
    tables = [*_tables(figures)]
    if tables:
        data("")
        print_tables(tables)


def sparkline(values: Sequence[float | None], levels: str) -> str:
    """Draw a curve of one line; where there is no value, nothing.

    >>> sparkline([0, 5, None, 10], "_-#")
    '_- #'
    """
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    low = 0.0 if low < high / 2 else low  # a curve that stays high shows its own ups and downs
    return "".join(" " if value is None else levels[_level(value, low, high, len(levels))] for value in values)


def _level(value: float, low: float, high: float, levels: int) -> int:
    if high == low:
        return levels // 2 if high else 0
    return min(levels - 1, int((value - low) / (high - low) * levels))


def _levels() -> str:
    try:
        _BLOCKS.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return _ASCII
    return _BLOCKS


def _headlines(figures: Figures) -> Iterator[tuple[str, str, str]]:
    if figures.axis is None:
        return
    count, flows, generations = figures.axis.count, figures.flows, figures.generations

    def curve(by_period: Mapping[int, float], *, has_gaps: bool = False) -> str:
        return sparkline([by_period.get(each, None if has_gaps else 0) for each in range(count)], _levels())

    if flows.rows:
        ended = _added(*(sums(flows, metric, PERIOD) for metric in _ENDED))
        succeeded, failed = (sums(flows, metric, PERIOD) for metric in _ENDED[:2])
        yield "Flows ended", f"{sum(ended.values()):,.0f}", curve(ended)
        rate = _success_rate(sum(succeeded.values()), sum(failed.values()))
        yield "Success rate", rate, curve(_success_rates(succeeded, failed), has_gaps=True)
    for name, side, metric in (
        ("Flow p95", flows, names.FLOW_DURATION),
        ("Generation p95", generations, names.GENERATION_DURATION),
    ):
        for value in percentiles(side, metric, 0.95).values():
            yield name, f"{value:,.0f} ms", curve(percentiles(side, metric, 0.95, PERIOD), has_gaps=True)
    for name, metric, form in _TOTALS:
        by_period = sums(generations, metric, PERIOD) if generations.metrics else {}
        if by_period:
            yield name, form.format(sum(by_period.values())), curve(by_period)


def _success_rate(completed: float, failed: float) -> str:
    """Write the share of those that completed or failed: who cancels says nothing about success."""
    return f"{completed / (completed + failed):.1%}" if completed + failed else _NOTHING


def _success_rates(succeeded: Mapping[int, float], failed: Mapping[int, float]) -> dict[int, float]:
    """Give the percentage of each period in which something ended."""
    wholes = _added(succeeded, failed)
    return {each: 100 * succeeded.get(each, 0) / whole for each, whole in wholes.items() if whole}


def _added(*all_of_them: Mapping[int, float]) -> dict[int, float]:
    codes = {code for each in all_of_them for code in each}
    return {code: sum(each.get(code, 0) for each in all_of_them) for code in codes}


def _tables(figures: Figures) -> Iterator[Table]:
    yield from flow_and_model_tables(figures)
    if figures.others:
        yield _other_table(figures.others)


def flow_and_model_tables(figures: Figures) -> Iterator[Table]:
    """Lay out the flows and the models, those with the most runs and generations first."""
    if figures.flows.rows:
        yield _flow_table(figures)
    if figures.generations.rows:
        yield _model_table(figures.generations)


def _other_table(others: Sequence[OtherMetric]) -> Table:
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
    flush_data()


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
            _success_rate(completed, failed),
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
