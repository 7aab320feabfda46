"""The essentials of the report for a terminal: headlines with curves, then tables.

Figures go in; lines and tables come out, in ASCII where the terminal knows no more.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowemf_processor.cli.demo_queries import FlowRow, ModelRow
from flowemf_processor.cli.demo_tables import flow_table, model_table, plain_table, print_tables
from flowemf_processor.cli.streams import data, printable, styled
from flowemf_processor.core.insight.totals import ERROR, NAME, PERIOD, percentiles, sums
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.table import Table

    from flowemf_processor.core.insight.figures import Figures, Side

PERIODS = 40
"""So many periods fit beside a headline in 80 columns."""

_BLOCKS, _ASCII = "▁▂▃▄▅▆▇█", "_.:-=+*#"
_ENDED = (names.FLOW_COMPLETED, names.FLOW_ERROR, names.FLOW_CANCELLED)


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


def _headlines(figures: Figures) -> Iterator[tuple[str, str, str]]:
    if figures.axis is None:
        return
    count, flows, generations = figures.axis.count, figures.flows, figures.generations

    def curve(by_period: Mapping[int, float], *, has_gaps: bool = False) -> str:
        return sparkline([by_period.get(each, None if has_gaps else 0) for each in range(count)], _levels())

    if flows.rows:
        ended = _added(*(sums(flows, metric, PERIOD) for metric in _ENDED))
        succeeded, failed = (sums(flows, metric, PERIOD) for metric in _ENDED[:2])
        rates = {
            each: 100 * succeeded.get(each, 0) / whole for each, whole in _added(succeeded, failed).items() if whole
        }
        yield "Flows ended", f"{sum(ended.values()):,.0f}", curve(ended)
        yield "Success rate", _rate(sum(succeeded.values()), sum(failed.values())), curve(rates, has_gaps=True)
    for name, side, metric in (
        ("Flow p95", flows, names.FLOW_DURATION),
        ("Generation p95", generations, names.GENERATION_DURATION),
    ):
        for value in percentiles(side, metric, 0.95).values():
            yield name, f"{value:,.0f} ms", curve(percentiles(side, metric, 0.95, PERIOD), has_gaps=True)
    for name, metric, form in (
        ("Generations", names.GENERATION_COUNT, "{:,.0f}"),
        ("Tokens", names.TOKENS_USED, "{:,.0f}"),
        ("Estimated cost", names.ESTIMATED_COST, "${:,.4f}"),
    ):
        by_period = sums(generations, metric, PERIOD) if generations.metrics else {}
        if by_period:
            yield name, form.format(sum(by_period.values())), curve(by_period)


def _tables(figures: Figures) -> Iterator[Table]:
    if figures.flows.rows:
        yield flow_table(_flow_rows(figures))
    if figures.generations.rows:
        yield model_table(_model_rows(figures.generations))
    if figures.others:
        table = plain_table(
            "Other metrics",
            ("Metric", "Values", "Sum", "Mean", "Smallest", "Largest", "Unit"),
            text_columns=("Metric", "Unit"),
        )
        for other in figures.others:
            numbers = (other.count, other.sum, other.sum / other.count, other.minimum, other.maximum)
            table.add_row(printable(other.name), *(f"{number:,.6g}" for number in numbers), printable(other.unit))
        yield table


def _flow_rows(figures: Figures) -> Iterator[FlowRow]:
    side = figures.flows
    started, completed, failed, cancelled = (sums(side, metric, NAME) for metric in (names.FLOW_STARTED, *_ENDED))
    p50, p95, p99 = (percentiles(side, names.FLOW_DURATION, share, NAME) for share in (0.5, 0.95, 0.99))
    for code in _busiest(started, completed, failed, cancelled):
        yield FlowRow(
            name=side.named.label(code),
            runs=int(started.get(code, 0)),
            completed=int(completed.get(code, 0)),
            failed=int(failed.get(code, 0)),
            cancelled=int(cancelled.get(code, 0)),
            p50_ms=p50.get(code),
            p95_ms=p95.get(code),
            p99_ms=p99.get(code),
            errors=_errors_of(figures, code),
        )


def _errors_of(figures: Figures, flow: int) -> dict[str, int]:
    place = len(figures.flows.rows[0]) - len(figures.flows.metrics) + figures.flows.metrics.index(names.FLOW_ERROR)
    found: dict[int, int] = {}
    for row in figures.flows.rows:
        if row[NAME] == flow and row[place]:
            found[row[ERROR]] = found.get(row[ERROR], 0) + int(row[place])
    ordered = sorted(found.items(), key=lambda each: (-each[1], each[0]))
    return {figures.errors.label(code): count for code, count in ordered}


def _model_rows(side: Side) -> Iterator[ModelRow]:
    generations, errors, incoming, outgoing, total = (
        sums(side, metric, NAME)
        for metric in (
            names.GENERATION_COUNT,
            names.GENERATION_ERROR,
            names.INPUT_TOKENS,
            names.OUTPUT_TOKENS,
            names.TOKENS_USED,
        )
    )
    p95 = percentiles(side, names.GENERATION_DURATION, 0.95, NAME)
    for code in _busiest(generations, errors, total):
        yield ModelRow(
            model_id=side.named.label(code),
            generations=int(generations.get(code, 0)),
            errors=int(errors.get(code, 0)),
            input_tokens=int(incoming.get(code, 0)),
            output_tokens=int(outgoing.get(code, 0)),
            total_tokens=int(total.get(code, 0)),
            p95_ms=p95.get(code),
        )


def _busiest(*counts: Mapping[int, float]) -> list[int]:
    """Give the codes that occur, those with the most of the first thing first."""
    codes = {code for each in counts for code in each}
    return sorted(codes, key=lambda code: (-counts[0].get(code, 0), code))


def _added(*all_of_them: Mapping[int, float]) -> dict[int, float]:
    codes = {code for each in all_of_them for code in each}
    return {code: sum(each.get(code, 0) for each in all_of_them) for code in codes}


def _rate(succeeded: float, failed: float) -> str:
    return f"{succeeded / (succeeded + failed):.1%}" if succeeded + failed else "-"


def _levels() -> str:
    try:
        _BLOCKS.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return _ASCII
    return _BLOCKS
