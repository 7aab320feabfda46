"""Adds events to sums.

Events go in; the sums that they change come out, and what cannot be added is counted by reason.

CloudWatch does not add up across dimensions, so a line publishes each number under several dimension sets. Prometheus
does, and a sum over all of them would count each number several times. So each number is added to one series, whose
labels are all the dimensions of the record that the metric is published under: every other set follows by a query.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from flowemf_processor.core.admission import TOO_MANY_SERIES
from flowemf_processor.core.prometheus.names import Family, Kind, family_of, label_of
from flowemf_processor.core.prometheus.sums import Gathering, SeriesKey, Sums

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowemf_processor.model import Event, Measurement

NEGATIVE, NAME_TAKEN, LABELS_MEET = "negative-count", "name-taken", "labels-meet"
REASONS = {
    NEGATIVE: "a Count is below 0, and a counter of Prometheus never falls; give the metric another unit",
    NAME_TAKEN: "another metric has this name in Prometheus already; rename one of them",
    LABELS_MEET: "two dimensions have the same name in Prometheus; rename one of them",
    TOO_MANY_SERIES: "there are more series than --max-series allows; new ones are left out",
}
"""Each reason for leaving datapoints out, and what it means."""


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
        if not any(each.datapoints for each in published):
            return None
        family = family_of(*metric, first.unit)
        if family.kind is Kind.COUNTER and _is_negative(first):
            return NEGATIVE
        labels = _labels(published)
        if labels is None:
            return LABELS_MEET
        if not self._owns(metric, family):
            return NAME_TAKEN
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
