"""Adds metrics up for Prometheus.

Events and marks go in, together; families of counters, histograms and summaries come out whenever somebody asks.
"""

from __future__ import annotations

import threading
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Protocol

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from flowemf_processor.core.prometheus import BUCKETS_SECONDS, Additions, Family, Kind, SeriesKey, Sums
from flowemf_processor.ports import MarkStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowemf_processor.model import Event, Mark

NAME = "prometheus"


class SumStore(MarkStore, Protocol):
    """Keeps sums with the marks of what is in them."""

    def sums(self) -> Mapping[str, str]:
        """Give the sums that were kept, by series."""
        ...

    def keep_sums(self, changed: Mapping[str, str], marks: Iterable[Mark]) -> None:
        """Keep both or none."""
        ...


class PrometheusStore(Collector):
    """A store that adds up.

    What is shown is what was kept: a counter that a killed run had shown and not kept would fall, and Prometheus would
    take that for a restart from 0 and count everything again.

    Args:
        kept: keeps sums and marks.
        max_series: how many series there may be.
        on_change: is called when there is something new to show.
        on_refusal: is told, once for each reason, of the first metric that was left out.
    """

    name = NAME

    def __init__(
        self,
        kept: SumStore,
        *,
        max_series: int,
        on_change: Callable[[], None] = lambda: None,
        on_refusal: Callable[[str, str], None] = lambda _reason, _metric: None,
    ) -> None:
        self._kept = kept
        self._max_series = max_series
        self._on_change = on_change
        self._on_refusal = on_refusal
        self._turns = threading.Lock()
        self._sums = {SeriesKey.of_text(key): Sums.of_text(text) for key, text in kept.sums().items()}
        self._owners: dict[str, tuple[tuple[str, str], Kind]] = {}
        for key, sums in self._sums.items():
            reserved = Family(key.family, sums.kind).reserved
            self._owners.update(dict.fromkeys(reserved, (sums.metric, sums.kind)))
        self._told: set[str] = set()

    def mark(self, source: str) -> Mark | None:
        """Give the mark of the source with this identity."""
        return self._kept.mark(source)

    def store(self, events: Sequence[Event], marks: Iterable[Mark]) -> Mapping[str, int]:
        """Add events up and keep the sums with the marks; both or none.

        Args:
            events: what was read.
            marks: how far.

        Returns:
            How many datapoints were left out, by reason.
        """
        additions = Additions(self._sums, self._owners, self._max_series)
        for event in events:
            additions.add(event)
        changed = additions.changed()
        self._kept.keep_sums({key.as_text(): sums.as_text() for key, sums in changed.items()}, marks)
        with self._turns:
            self._sums.update(changed)
        for reason, metric in additions.examples.items():
            if reason not in self._told:
                self._told.add(reason)
                self._on_refusal(reason, metric)
        self._on_change()
        return additions.refused

    def collect(self) -> Iterator[Metric]:
        """Give what is shown now, family by family; called from any thread."""
        with self._turns:
            ordered = sorted(self._sums.items(), key=lambda item: item[0])
        for name, series in groupby(ordered, key=lambda item: item[0].family):
            several = list(series)
            first = several[0][1]
            metric = Metric(name, f"{first.metric[1]} of {first.metric[0]}, from log lines.", first.kind.value)
            for key, sums in several:
                _add_samples(metric, dict(key.labels), sums)
            yield metric


def _add_samples(metric: Metric, labels: dict[str, str], sums: Sums) -> None:
    if sums.kind is Kind.COUNTER:
        metric.add_sample(f"{metric.name}_total", labels, sums.total)
        return
    if sums.kind is Kind.HISTOGRAM:
        bounds = (*BUCKETS_SECONDS, float("inf"))
        for bound, count in zip(bounds, accumulate(sums.buckets), strict=True):
            upper = floatToGoString(bound)  # type: ignore[no-untyped-call,unused-ignore]
            metric.add_sample(f"{metric.name}_bucket", {**labels, "le": upper}, count)
    metric.add_sample(f"{metric.name}_count", labels, sums.count)
    metric.add_sample(f"{metric.name}_sum", labels, sums.total)


class PassingSums:
    """Keeps nothing beyond the run: sums begin at 0 each time, which Prometheus takes for a restart."""

    def mark(self, source: str) -> Mark | None:  # noqa: ARG002 - the port's signature
        """Know nothing."""
        return None

    def sums(self) -> Mapping[str, str]:
        """Give nothing."""
        return {}

    def keep_sums(self, changed: Mapping[str, str], marks: Iterable[Mark]) -> None:
        """Keep nothing."""
