"""`flowemf replay --to prometheus`: counters, histograms and summaries to scrape, or in a file.

Options and what is read go in; Prometheus sees the sums of everything that was read, in this run and in earlier ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowemf_processor.cli.delivery_options import opened_checkpoint
from flowemf_processor.cli.replay_delivery import Delivery
from flowemf_processor.cli.streams import say
from flowemf_processor.core.prometheus import REASONS
from flowemf_processor.errors import ConfigurationError

if TYPE_CHECKING:
    from flowemf_processor.cli.replay_delivery import Reading
    from flowemf_processor.cli.replay_options import ReplayOptions

PROMETHEUS = "prometheus"
_SUFFIX = ".prom"
_TO_REPEAT = "use --no-checkpoint (the sums are then those of that run alone)"


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
