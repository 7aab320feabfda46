"""What each series has added up to, and what events add to it.

Events go in; the sums that they change come out, as values and as the text that a checkpoint keeps, and what cannot be
added is counted by reason.

CloudWatch does not add up across dimensions, so a line publishes each number under several dimension sets. Prometheus
does, and a sum over all of them would count each number several times. So each number is added to one series, whose
labels are all the dimensions of the record that the metric is published under: every other set follows by a query.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowemf_processor.core.admission import TOO_MANY_SERIES
from flowemf_processor.core.prometheus.names import Family, Kind, family_of, label_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowemf_processor.model import Event, Measurement, StatisticSet

# What OpenTelemetry advises for generations, doubled once more for flows of several of them:
# https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/#metric-gen_aiclientoperationduration
BUCKETS_SECONDS = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84,
)  # fmt: skip
"""The upper bounds of the buckets of every duration."""

_NEGATIVE, _NAME_TAKEN, _LABELS_MEET = "negative-count", "name-taken", "labels-meet"
REASONS = {
    _NEGATIVE: "a Count is below 0, and a counter of Prometheus never falls; give the metric another unit",
    _NAME_TAKEN: "another metric has this name in Prometheus already; rename one of them",
    _LABELS_MEET: "two dimensions have the same name in Prometheus; rename one of them",
    TOO_MANY_SERIES: "there are more series than --max-series allows; new ones are left out",
}
"""Each reason for leaving datapoints out, and what it means."""


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """What tells a series from others: the family's name and the labels, sorted by name."""

    family: str
    labels: tuple[tuple[str, str], ...]

    def as_text(self) -> str:
        """Write it down."""
        return json.dumps([self.family, self.labels], separators=(",", ":"))

    @classmethod
    def of_text(cls, text: str) -> SeriesKey:
        """Read what `as_text` wrote."""
        family, labels = json.loads(text)
        return cls(family, tuple((name, value) for name, value in labels))


@dataclass(frozen=True, slots=True)
class Sums:
    """What a series has added up to.

    Attributes:
        metric: the namespace and the name of the metric in the log.
        kind: as what it is shown.
        total: the sum of the values.
        count: how many there were.
        buckets: of a histogram, how many fell into each bucket; the last one has no upper bound.
    """

    metric: tuple[str, str]
    kind: Kind
    total: float = 0.0
    count: float = 0.0
    buckets: tuple[float, ...] = ()

    def as_text(self) -> str:
        """Write it down, without loss."""
        said = [*self.metric, self.kind.value, self.total, self.count, self.buckets]
        return json.dumps(said, separators=(",", ":"))

    @classmethod
    def of_text(cls, text: str) -> Sums:
        """Read what `as_text` wrote."""
        namespace, name, kind, total, count, buckets = json.loads(text)
        return cls((namespace, name), Kind(kind), total, count, tuple(buckets))


@dataclass(slots=True)
class Gathering:
    """Adds to sums; the parts are added with `math.fsum`, so that their order does not show.

    Attributes:
        before: what was there.
    """

    before: Sums
    _totals: list[float] = field(default_factory=list)
    _counts: list[float] = field(default_factory=list)
    _buckets: list[float] = field(default_factory=list)

    def add_values(self, values: Iterable[tuple[float, float]]) -> None:
        """Add values, each with how often it occurred."""
        for value, count in values:
            self._totals.append(value * count)
            self._add_count(value, count)

    def add_statistic_set(self, statistics: StatisticSet, *, in_base_unit: float, largest: float) -> None:
        """Add what a statistic set says. Its values may lie anywhere below the largest one: they count as that one.

        Args:
            statistics: the set.
            in_base_unit: its sum in the family's unit.
            largest: its largest value in the family's unit.
        """
        self._totals.append(in_base_unit)
        self._add_count(largest, statistics.count)

    def _add_count(self, value: float, count: float) -> None:
        self._counts.append(count)
        if self.before.kind is Kind.HISTOGRAM:
            if not self._buckets:
                self._buckets = list(self.before.buckets) or [0.0] * (len(BUCKETS_SECONDS) + 1)
            self._buckets[bisect_left(BUCKETS_SECONDS, value)] += count

    def after(self) -> Sums:
        """Give what it comes to."""
        before = self.before
        return Sums(
            before.metric,
            before.kind,
            math.fsum((before.total, *self._totals)),
            math.fsum((before.count, *self._counts)),
            tuple(self._buckets) or before.buckets,
        )


class Additions:
    """Gathers what events add to sums that stay as they are until then.

    Args:
        sums: what there is, by series.
        owners: which metric has which name; added to here.
        max_series: how many series there may be.
    """

    def __init__(
        self, sums: Mapping[SeriesKey, Sums], owners: dict[str, tuple[tuple[str, str], Kind]], max_series: int
    ) -> None:
        self._sums = sums
        self._owners = owners
        self._room = max_series - len(sums)
        self._gathered: dict[SeriesKey, Gathering] = {}
        self.refused: Counter[str] = Counter()
        """Datapoints that were left out, by reason."""
        self.examples: dict[str, str] = {}
        """For each reason, the first metric that it met."""

    def add(self, event: Event) -> None:
        """Add the numbers of an event, each once, however many directives and dimension sets publish it."""
        metrics: dict[tuple[str, str], list[Measurement]] = {}
        for each in event.measurements:
            metrics.setdefault((each.namespace, each.name), []).append(each)
        for metric, published in metrics.items():
            reason = self._reason_against_adding(metric, published)
            if reason is not None:
                self.refused[reason] += sum(each.datapoints for each in published)
                self.examples.setdefault(reason, " ".join(metric))

    def changed(self) -> dict[SeriesKey, Sums]:
        """Give the sums that have changed."""
        return {key: gathering.after() for key, gathering in self._gathered.items()}

    def _reason_against_adding(self, metric: tuple[str, str], published: list[Measurement]) -> str | None:
        first = published[0]
        family = family_of(*metric, first.unit)
        if family.kind is Kind.COUNTER and _is_negative(first):
            return _NEGATIVE
        labels = _labels(published)
        if labels is None:
            return _LABELS_MEET
        if not self._owns(metric, family):
            return _NAME_TAKEN
        gathering = self._gathering(SeriesKey(family.name, labels), Sums(metric, family.kind))
        if gathering is None:
            return TOO_MANY_SERIES
        gathering.add_values((family.in_base_unit(value), count) for value, count in first.values)
        if first.statistic_set is not None:
            gathering.add_statistic_set(
                first.statistic_set,
                in_base_unit=family.in_base_unit(first.statistic_set.total),
                largest=family.in_base_unit(first.statistic_set.maximum),
            )
        return None

    def _owns(self, metric: tuple[str, str], family: Family) -> bool:
        """Tell whether the metric may use the names of its family; whoever comes first owns them."""
        owner = (metric, family.kind)
        if any(self._owners.get(name, owner) != owner for name in family.reserved):
            return False
        self._owners.update(dict.fromkeys(family.reserved, owner))
        return True

    def _gathering(self, key: SeriesKey, nothing: Sums) -> Gathering | None:
        gathering = self._gathered.get(key)
        if gathering is None:
            before = self._sums.get(key)
            if before is None and self._room <= 0:
                return None
            self._room -= before is None
            gathering = self._gathered[key] = Gathering(before or nothing)
        return gathering


def _is_negative(measurement: Measurement) -> bool:
    statistics = measurement.statistic_set
    return any(value < 0 for value, _ in measurement.values) or (statistics is not None and statistics.total < 0)


def _labels(published: Iterable[Measurement]) -> tuple[tuple[str, str], ...] | None:
    """Give the labels of all dimensions of a metric; None where two of them would become one."""
    dimensions = {pair for each in published for dimension_set in each.dimension_sets for pair in dimension_set}
    labels = {label_of(key): value for key, value in dimensions}
    return tuple(sorted(labels.items())) if len(labels) == len(dimensions) else None
