"""The essentials of the report for a terminal: headlines with curves, then tables.

Figures go in; lines and tables come out, in ASCII where the terminal knows no more.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowemf_processor.cli.figure_tables import flow_and_model_tables, other_table, print_tables, success_rate
from flowemf_processor.cli.streams import data, printable, styled
from flowemf_processor.core.insight.totals import PERIOD, percentiles, sums
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.table import Table

    from flowemf_processor.core.insight.figures import Figures

PERIODS = 40
"""So many periods fit beside a headline in 80 columns."""

_BLOCKS, _ASCII = "▁▂▃▄▅▆▇█", "_.:-=+*#"
_ENDED = (names.FLOW_COMPLETED, names.FLOW_ERROR, names.FLOW_CANCELLED)
# Headlines about generations: name, metric, how the sum is written
_TOTALS = (
    ("Generations", names.GENERATION_COUNT, "{:,.0f}"),
    ("Tokens", names.TOKENS_USED, "{:,.0f}"),
    ("Estimated cost", names.ESTIMATED_COST, "${:,.4f}"),
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
        rate = success_rate(sum(succeeded.values()), sum(failed.values()))
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


def _success_rates(succeeded: Mapping[int, float], failed: Mapping[int, float]) -> dict[int, float]:
    """Give the percentage of each period in which something ended."""
    wholes = _added(succeeded, failed)
    return {each: 100 * succeeded.get(each, 0) / whole for each, whole in wholes.items() if whole}


def _tables(figures: Figures) -> Iterator[Table]:
    yield from flow_and_model_tables(figures)
    if figures.others:
        yield other_table(figures.others)


def _added(*all_of_them: Mapping[int, float]) -> dict[int, float]:
    codes = {code for each in all_of_them for code in each}
    return {code: sum(each.get(code, 0) for each in all_of_them) for code in codes}


def _levels() -> str:
    try:
        _BLOCKS.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return _ASCII
    return _BLOCKS
