"""Adds the figures up: over everything, by period, by name or by error type.

A side of the figures and a metric go in; sums or percentiles by what was asked for come out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.core.insight.quantiles import quantile

if TYPE_CHECKING:
    from flowemf_processor.core.insight.figures import Side

PERIOD, NAME, ERROR = 0, 1, 2
"""By what figures are added up: the places of these codes in a row."""


def sums(side: Side, metric: str, by: int) -> dict[int, float]:
    """Add a metric up.

    Args:
        side: flows or generations.
        metric: one of those that it has sums of.
        by: PERIOD, NAME or ERROR.

    Returns:
        The sum for each code, where it is not 0.
    """
    place = len(side.rows[0]) - len(side.metrics) + side.metrics.index(metric) if side.rows else 0
    found: dict[int, float] = {}
    for row in side.rows:
        if row[place]:
            found[row[by]] = found.get(row[by], 0) + row[place]
    return found


def percentiles(side: Side, metric: str, share: float, by: int | None = None) -> dict[int, float]:
    """Compute a percentile of a duration.

    Args:
        side: flows or generations.
        metric: one of those that it has durations of.
        share: 0.95 for the 95th percentile.
        by: PERIOD or NAME; None for one over everything, under the code 0.

    Returns:
        The percentile for each code, in the metric's own unit.
    """
    gathered: dict[int, list[tuple[float, float]]] = {}
    for cell in side.durations.get(metric, ()):
        gathered.setdefault(0 if by is None else cell[by], []).extend(zip(cell[-2], cell[-1], strict=True))
    found = {}
    for code, pairs in gathered.items():
        values, counts = zip(*sorted(pairs), strict=True)
        found[code] = quantile(values, counts, share)
    return {code: value for code, value in found.items() if value is not None}
