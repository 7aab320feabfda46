"""Shows metrics to Prometheus, at an address that it scrapes or in a file; among them how a run that follows is doing.

Collectors go in, and vitals as destinations are admitted; Prometheus's text formats come out.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.model import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from prometheus_client.core import Metric

    from flowemf_processor.pipeline.vitals import Vitals

_GAUGES: tuple[tuple[str, str, Callable[[Vitals], float | None]], ...] = (
    (
        "lag_seconds",
        "Age of the newest event delivered, while later ones wait; else 0.",
        lambda vitals: vitals.lag_seconds(time.time()),
    ),
    ("behind_bytes", "Bytes written to the logs and not read.", lambda vitals: vitals.behind_bytes),
    ("spool_bytes", "Bytes of requests that wait.", lambda vitals: vitals.spool_bytes),
    ("spool_requests", "Requests that wait.", lambda vitals: vitals.spool_batches),
    ("spool_limit_bytes", "Beyond this nothing more is read.", lambda vitals: vitals.spool_limit_bytes),
    ("reading", "1 while logs are read, 0 while the spool is full.", lambda vitals: float(vitals.is_reading)),
    ("destination_up", "0 while the destination takes nothing.", lambda vitals: float(vitals.away_since_s is None)),
    (
        "last_acceptance_timestamp_seconds",
        "When the destination accepted something last; absent before.",
        lambda vitals: vitals.accepted_s,
    ),
    (
        "newest_event_timestamp_seconds",
        "When the newest event happened that was accepted; absent before.",
        lambda vitals: vitals.newest_event_s,
    ),
)
_STATES = (State.ACCEPTED, State.REFUSED, State.AMBIGUOUS)


class Exposition:
    """What is shown; collectors are asked at every scrape, from another thread."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)

    def add(self, collector: Collector) -> None:
        """Show what a collector gives."""
        self._registry.register(collector)

    @contextlib.contextmanager
    def listening(self, host: str, port: int) -> Iterator[None]:
        """Answer scrapes at /metrics.

        Args:
            host: a name or address of this machine.
            port: 1 to 65535; 0 takes any that is free.

        Raises:
            ConfigurationError: nobody can listen there.
        """
        try:
            server, thread = start_http_server(port, addr=host, registry=self._registry)
        except OSError as error:
            raise ConfigurationError(
                f"--listen {host}:{port}: {error.strerror or error}; name another address or port"
            ) from error
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def write(self, path: Path) -> None:
        """Write everything to a file, whole or not at all.

        Raises:
            TryAgainLaterError: it cannot be written.
        """
        try:
            write_to_textfile(str(path), self._registry)
        except OSError as error:
            raise TryAgainLaterError(
                f"{path}: cannot be written ({error.strerror}); mend that and run again"
            ) from error


class VitalsMetrics(Collector):
    """Gives the vitals of all destinations of a run; `admit` and `collect` may be called from any thread."""

    def __init__(self) -> None:
        self._admitted: tuple[Vitals, ...] = ()

    def admit(self, vitals: Vitals) -> None:
        """Show one more destination."""
        self._admitted = (*self._admitted, vitals)

    def collect(self) -> Iterator[Metric]:
        """Give what is shown now."""
        for name, help_text, figure in _GAUGES:
            yield self._gauge(name, help_text, figure)
        datapoints = CounterMetricFamily(
            "flowemf_datapoints", "Datapoints by what became of them.", labels=("destination", "state")
        )
        records = CounterMetricFamily("flowemf_records", "Records read, by kind.", labels=("destination", "kind"))
        failed = CounterMetricFamily(
            "flowemf_failed_attempts", "Requests that did not get through and are tried again.", labels=("destination",)
        )
        for vitals in self._admitted:
            name = vitals.account.name
            for state in _STATES:
                datapoints.add_metric((name, state.value), vitals.account.datapoints[state])
            for kind, count in _kinds(vitals):
                records.add_metric((name, kind), count)
            failed.add_metric((name,), vitals.failed_attempts)
        yield from (datapoints, records, failed)

    def _gauge(self, name: str, help_text: str, figure: Callable[[Vitals], float | None]) -> Metric:
        gauge = GaugeMetricFamily(f"flowemf_{name}", help_text, labels=("destination",))
        for vitals in self._admitted:
            value = figure(vitals)
            if value is not None:
                gauge.add_metric((vitals.account.name,), value)
        return gauge


def _kinds(vitals: Vitals) -> Iterable[tuple[str, int]]:
    ledger = vitals.ledger
    return (
        ("metric", ledger.metric_records),
        ("other", ledger.other_records),
        ("rejected", ledger.rejected_records),
        ("duplicate", ledger.duplicate_records),
    )
