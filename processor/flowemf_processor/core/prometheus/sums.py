"""What one series has added up to.

Numbers go in; counts, sums and buckets come out, as values and as the text that a checkpoint keeps.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowemf_processor.core.prometheus.names import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowemf_processor.model import StatisticSet

# What OpenTelemetry advises for generations, doubled once more for flows of several of them:
# https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/#metric-gen_aiclientoperationduration
BUCKETS_SECONDS = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84,
)  # fmt: skip
"""The upper bounds of the buckets of every duration."""


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
