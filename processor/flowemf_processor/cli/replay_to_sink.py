"""What the destinations of AWS have in common: a checkpoint, several attempts, and an account of the answers.

A sink goes in; it has been given what the sources hold.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowemf_processor.cli.delivery_options import opened_checkpoint
from flowemf_processor.cli.replay_delivery import HeardSink
from flowemf_processor.cli.streams import json_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf_processor.cli.replay_delivery import Delivery, Reading
    from flowemf_processor.cli.replay_options import ReplayOptions
    from flowemf_processor.core.log_batches import LogStream
    from flowemf_processor.ports import Sink

    Persistent = Callable[[Sink], Sink]


def send(
    options: ReplayOptions,
    reading: Reading,
    delivery: Delivery,
    destination: str,
    make_sink: Callable[[Persistent], Sink],
    *,
    log_stream: LogStream | None = None,
) -> None:
    """Replay into a sink.

    Args:
        options: what the user chose.
        reading: what is read.
        delivery: is told what the summary needs.
        destination: what a checkpoint calls it.
        make_sink: gets what makes a sink try again, and gives the sink.
        log_stream: where PutLogEvents is to write lines; None sends aggregates with PutMetricData.

    Raises:
        ConfigurationError: the checkpoint cannot be used.
        TryAgainLaterError: somebody else uses it.
    """
    delivering = options.delivering
    is_followed = reading.services is not None
    if is_followed:  # whoever follows tries again as long as it takes, and never sleeps over it
        delivering = replace(delivering, retry_for=0.0)
    with opened_checkpoint(options, destination, delivery, is_spool=is_followed) as checkpoints:
        sink = make_sink(lambda each: delivering.persistent(each, checkpoints))
        reading.engine.replay_to_sink(
            reading.sources,
            HeardSink(sink, delivery.answers),
            checkpoints,
            ledger=reading.ledger,
            clock=reading.clock,
            progress=reading.progress.advance,
            guards=reading.guards,
            terms=replace(delivering.terms, log_stream=log_stream, service=reading.service),
        )


def print_requests(
    options: ReplayOptions, reading: Reading, delivery: Delivery, *, log_stream: LogStream | None = None
) -> None:
    """Print the requests that would be sent, one JSON object a line.

    Args:
        options: what the user chose.
        reading: what is read.
        delivery: is told that this was a dry run.
        log_stream: where PutLogEvents would write lines; None plans aggregates for PutMetricData.
    """
    delivery.is_dry_run = True
    batches = reading.engine.dry_run(
        reading.sources,
        ledger=reading.ledger,
        clock=reading.clock,
        progress=reading.progress.advance,
        guards=reading.guards,
        terms=replace(options.delivering.terms, log_stream=log_stream),
    )
    for batch in batches:
        reading.progress.make_way()
        json_data(batch.request)
