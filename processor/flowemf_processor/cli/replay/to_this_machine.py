"""The destinations of `flowemf replay` on this machine: --to local, --to prometheus, --to stdout.

Options and what is read go in; a DuckDB file has the events, Prometheus sees the sums of this run and of earlier ones,
or standard output has the metric lines, freed of what was wrapped around them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowemf_processor.cli.options.metrics_input import DEFAULT_DATABASE
from flowemf_processor.cli.output.streams import say
from flowemf_processor.cli.replay.delivery import Delivery
from flowemf_processor.cli.replay.delivery_options import opened_checkpoint
from flowemf_processor.core.prometheus import REASONS
from flowemf_processor.errors import ConfigurationError
from flowemf_processor.model import State
from flowemf_processor.pipeline.replay import DRY_RUN, replay_to_writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowemf_processor.cli.replay.command import ReplayOptions
    from flowemf_processor.cli.replay.delivery import Reading
    from flowemf_processor.model import Event, Mark


LOCAL = "local"
PROMETHEUS = "prometheus"
_SUFFIX = ".prom"
_TO_REPEAT = "use --no-checkpoint (the sums are then those of that run alone)"
STDOUT = "stdout"


def store(options: ReplayOptions, reading: Reading) -> Delivery:
    """Keep the events in the store.

    Raises:
        ConfigurationError: the file is no store.
        TryAgainLaterError: somebody else uses it.
    """
    from flowemf_processor.sinks.local import LocalStore

    path = Path(options.database or DEFAULT_DATABASE)
    with LocalStore(path) as local:
        reading.keep_in(local)
    return Delivery(database=path, forgets_stdin=options.source_id is None, to_repeat="name another --database")


def weigh(options: ReplayOptions, reading: Reading) -> Delivery:
    """Count what would be stored, and keep nothing."""
    reading.keep_in(_Scale())
    [account] = reading.ledger.destinations
    weighed = account.datapoints.pop(State.ACCEPTED, 0)
    if weighed:
        account.datapoints[State.PENDING] = weighed
        account.reasons[DRY_RUN] = weighed
    return Delivery(is_dry_run=True, database=Path(options.database or DEFAULT_DATABASE))


class _Scale:
    """Stands in for the store in a dry run: takes events and keeps nothing."""

    name = LOCAL

    def mark(self, source: str) -> Mark | None:  # noqa: ARG002 - the port's signature
        return None

    def store(self, events: Sequence[Event], marks: Iterable[Mark]) -> None:
        """Keep nothing."""


def add_up(options: ReplayOptions, reading: Reading) -> Delivery:
    """Add the metrics up and show the sums.

    Raises:
        ConfigurationError: nobody would see them, or the file cannot be one of node_exporter's.
        TryAgainLaterError: somebody else uses the checkpoint, or the file cannot be written.
    """
    from flowemf_processor.sinks.exposition import Exposition
    from flowemf_processor.sinks.prometheus import PassingSums, PrometheusStore

    file = _file(options)
    delivery = Delivery(meanings=REASONS, to_repeat=_TO_REPEAT)
    with opened_checkpoint(options, _destination(file, reading), delivery) as checkpoints:
        written = Exposition()
        store = PrometheusStore(
            checkpoints or PassingSums(),
            max_series=reading.guards.max_series,
            on_change=lambda: written.write(file) if file else None,
            on_refusal=lambda reason, metric: say(f"{PROMETHEUS}: {metric} is left out: {REASONS[reason]}"),
        )
        written.add(store)
        if file is not None:  # the run that kept these sums may have ended before it could show them
            written.write(file)
        if reading.services is not None and reading.services.exposition is not None:
            reading.services.exposition.add(store)
        reading.keep_in(store)
    return delivery


def _file(options: ReplayOptions) -> Path | None:
    """Give the file's absolute path: a checkpoint knows the sums by it."""
    if options.prometheus_file is None:
        return None
    file = Path(options.prometheus_file)
    if file.suffix != _SUFFIX:
        raise ConfigurationError(
            f"--prometheus-file {file}: node_exporter reads files that end in {_SUFFIX} only; name it "
            f"{file.stem}{_SUFFIX}"
        )
    if not file.parent.is_dir():
        raise ConfigurationError(f"--prometheus-file {file}: there is no directory {file.parent}; make it first")
    return file.resolve()


def _destination(file: Path | None, reading: Reading) -> str:
    """Say whose sums these are: those that are shown elsewhere, Prometheus takes for others."""
    if file is not None:
        return f"{PROMETHEUS} {file}"
    if reading.services is None or reading.services.address is None:
        raise ConfigurationError(
            "--to prometheus needs a place to show the sums at: --prometheus-file FILE, or --listen PORT with --follow"
        )
    return f"{PROMETHEUS} {reading.services.address}"


def write(options: ReplayOptions, reading: Reading) -> Delivery:  # noqa: ARG001 - one signature for all destinations
    """Write the lines.

    Raises:
        BrokenPipeError: the reader went away.
        TryAgainLaterError: standard output cannot be written.
    """
    from flowemf_processor.sinks.stdout import StandardOutput

    replay_to_writer(
        reading.sources,
        StandardOutput(),
        ledger=reading.ledger,
        clock=reading.clock,
        progress=reading.progress.advance,
        guards=reading.guards,
    )
    return Delivery()
