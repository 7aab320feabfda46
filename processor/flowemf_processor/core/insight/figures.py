"""What the report says, as numbers that can still be filtered, and their totals.

Whoever answers SQL over METRICS goes in; sums and durations by period, name, error type and filter come out,
no more of them than a page can hold however large the log was. These go in again; sums or percentiles come out.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

from flowemf_processor.core.insight import figures_sql as sql
from flowemf_processor.core.insight.axes import NamedValues, TimeAxis, named_values, time_axis
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MOST_PERIODS = 60
MOST_NAMES = 30
MOST_ERROR_TYPES = 12
MOST_FILTERS = 6
MOST_FILTER_VALUES = 20
MOST_OTHER_METRICS = 50
MOST_ROWS = 40_000
MOST_DURATIONS = 200_000
PERIOD, NAME, ERROR = 0, 1, 2
"""By what figures are added up: the places of these codes in a row."""

# By how much a duration may be off once there are too many to keep each, as a share of it.
_TOLERANCES = (0.0, 0.001, 0.005, 0.01)


class _Answer(Protocol):
    @property
    def rows(self) -> Iterable[tuple[Any, ...]]: ...


class Metrics(Protocol):
    """Answers SQL over the view METRICS."""

    def ask(self, sql: str, parameters: Mapping[str, Any] | None = None, /) -> _Answer:
        """Answer one question; `$name` in it stands for a parameter."""
        ...

    def keep(self, name: str, sql: str, parameters: Mapping[str, Any] | None = None, /) -> None:
        """Keep the answer to a question as a table of this name, for further ones."""
        ...


@dataclass(frozen=True, slots=True)
class Side:
    """What is known of flows, or of generations.

    Attributes:
        metrics: the metrics of which `rows` has sums.
        named: the flows, or the models.
        rows: period, code of the name, code of the error type, a code for each filter, a sum for each of the metrics.
        durations: by metric: period, code of the name, a code for each filter, values in ascending order, their counts.
    """

    metrics: tuple[str, ...]
    named: NamedValues
    rows: list[tuple[Any, ...]]
    durations: dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class OtherMetric:
    """A metric of which the report knows nothing but its values."""

    namespace: str
    name: str
    unit: str
    count: float
    sum: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything the report says.

    Attributes:
        axis: the periods; None where no flow and no generation was measured.
        filters: the custom dimensions that can be chosen from, and the namespace where there are several.
        left_out: the dimensions that cannot, since the page would grow too large.
        errors: the error types.
        flows: what is known of flows.
        generations: what is known of generations.
        tolerance: by how much durations may be off, as a share of each; 0 where every value is kept.
        others: metrics beyond ours, those with the most values first.
        others_left_out: how many more of them there are.
    """

    axis: TimeAxis | None
    filters: tuple[NamedValues, ...]
    left_out: tuple[str, ...]
    errors: NamedValues
    flows: Side
    generations: Side
    tolerance: float
    others: tuple[OtherMetric, ...]
    others_left_out: int


@dataclass(frozen=True, slots=True)
class _Grain:
    """How finely the log is told: the finest that fits is taken."""

    axis: TimeAxis
    filters: int
    tolerance: float


class _Asker:
    """Gives the rows of an answer."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def __call__(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return list(self._metrics.ask(sql, parameters).rows)


def gather(
    metrics: Metrics,
    *,
    most_periods: int = MOST_PERIODS,
    most_rows: int = MOST_ROWS,
    most_durations: int = MOST_DURATIONS,
) -> Figures:
    """Ask for everything the report says.

    Args:
        metrics: answers SQL over the view METRICS.
        most_periods: how many periods there may be.
        most_rows: how many rows of sums there may be.
        most_durations: how many distinct durations there may be, over all groups of them.

    Returns:
        The figures. Where there would be more than that, durations are told less exactly (at most one percent off),
        then filters are left out, those with the most values first, and then periods become longer.
    """
    ask = _Asker(metrics)
    others, others_left_out = _others(ask)
    [(first_ms, last_ms)] = ask(sql.SPAN)
    flow_names, models, errors = _named(ask)
    if first_ms is None:
        nothing = (Side((), flow_names, [], {}), Side((), models, [], {}))
        return Figures(None, (), (), errors, *nothing, 0.0, others, others_left_out)
    filters, beyond = _filters(ask)
    metrics.keep(sql.LEAVES, *sql.leaves(flow_names, models, errors, filters))
    grain = _finest(ask, (first_ms, last_ms), len(filters), (most_periods, most_rows, most_durations))
    kept = filters[: grain.filters]
    return Figures(
        grain.axis,
        kept,
        (*(each.key for each in filters[grain.filters :]), *beyond),
        errors,
        _side(ask, sql.FLOW_SUMS, sql.FLOW_DURATIONS, flow_names, grain),
        _side(ask, sql.GENERATION_SUMS, sql.GENERATION_DURATIONS, models, grain),
        grain.tolerance,
        others,
        others_left_out,
    )


def _named(ask: _Asker) -> Iterator[NamedValues]:
    """Give the flows, the models and the error types."""
    for key, most in (
        (names.FLOW_NAME, MOST_NAMES),
        (names.MODEL_ID, MOST_NAMES),
        (names.ERROR_TYPE, MOST_ERROR_TYPES),
    ):
        found = [value for (value,) in ask(sql.values_of(key), {"most": most + 1})]
        has_none = key != names.ERROR_TYPE and bool(ask(sql.lacks(key)))
        yield named_values(key, found, most, has_none=has_none)


def _filters(ask: _Asker) -> tuple[tuple[NamedValues, ...], tuple[str, ...]]:
    """Find what can be chosen from, what has the fewest values first; and what is one too many."""
    found: dict[str, list[str]] = {}
    incomplete: set[str] = set()
    for key, value, is_everywhere in ask(sql.CUSTOM_VALUES, {"most": MOST_FILTER_VALUES + 1}):
        found.setdefault(key, []).append(value)
        if not is_everywhere:
            incomplete.add(key)
    all_of_them = [
        named_values(key, values, MOST_FILTER_VALUES, has_none=key in incomplete) for key, values in found.items()
    ]
    choices = sorted((each for each in all_of_them if each.kinds > 1), key=lambda each: (each.kinds, each.key))
    return tuple(choices[:MOST_FILTERS]), tuple(each.key for each in choices[MOST_FILTERS:])


def _finest(ask: _Asker, span_ms: tuple[int, int], filters: int, most: tuple[int, int, int]) -> _Grain:
    most_periods, most_rows, most_durations = most
    while True:
        axis = time_axis(*span_ms, most=most_periods)
        if ask(*sql.count_of_rows(axis, filters))[0][0] <= most_rows:
            for tolerance in _TOLERANCES:
                if ask(*sql.count_of_durations(axis, filters, tolerance))[0][0] <= most_durations:
                    return _Grain(axis, filters, tolerance)
        if filters:
            filters -= 1
        elif axis.count > 2:
            most_periods = max(2, axis.count // 2)
        else:  # names and error types are bounded, and so is what is left now
            return _Grain(axis, 0, _TOLERANCES[-1])


def _side(ask: _Asker, sums: tuple[str, ...], durations: tuple[str, ...], named: NamedValues, grain: _Grain) -> Side:
    rows = ask(*sql.rows(sums, grain.axis, grain.filters))
    spread = {metric: ask(*sql.durations(metric, grain.axis, grain.filters, grain.tolerance)) for metric in durations}
    return Side(sums, named, rows, spread)


def _others(ask: _Asker) -> tuple[tuple[OtherMetric, ...], int]:
    found = [OtherMetric(*row) for row in ask(sql.OTHERS)]
    return tuple(found[:MOST_OTHER_METRICS]), len(found[MOST_OTHER_METRICS:])


# --- Totals -----------------------------------------------------------------------------------------------------------


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
    found: dict[int, float] = {}
    for code, pairs in gathered.items():
        values, counts = zip(*sorted(pairs), strict=True)
        found[code] = quantile(values, counts, share)
    return found


def quantile(values: Sequence[float], counts: Sequence[float], share: float) -> float:
    """Interpolate between the two nearest ranks, as SQL's quantile_cont does over the values one by one.

    Args:
        values: in ascending order; at least one.
        counts: how often each occurred; above 0.
        share: 0 for the smallest value to 1 for the largest.

    Returns:
        The quantile.

    >>> quantile([10.0, 20.0], [3, 1], 0.5), quantile([10.0, 20.0], [1, 1], 0.5)
    (10.0, 15.0)
    """
    ends = list(accumulate(counts))
    rank = max(0.0, share * (ends[-1] - 1))
    below = int(rank)
    low, high = (values[min(bisect_right(ends, each), len(values) - 1)] for each in (below, below + 1))
    return low + (high - low) * (rank - below)
