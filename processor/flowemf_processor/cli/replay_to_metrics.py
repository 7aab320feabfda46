"""`flowemf replay --to metrics`: to CloudWatch by PutMetricData.

Options and what is read go in; CloudWatch has the metrics, the ledger the counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor import pipeline
from flowemf_processor.cli.replay_checkpoint import opened_checkpoint
from flowemf_processor.cli.replay_delivery import Delivery, HeardSink
from flowemf_processor.cli.streams import json_data

if TYPE_CHECKING:
    from flowemf_processor.cli.replay_delivery import Reading
    from flowemf_processor.cli.replay_options import ReplayOptions

METRICS = "metrics"


def send(options: ReplayOptions, reading: Reading) -> Delivery:
    """Send the metrics.

    Raises:
        ConfigurationError: the configuration of AWS is wrong; nothing was sent.
        TryAgainLaterError: somebody else uses the checkpoint.
    """
    from flowemf_processor.sinks.metrics import connect

    delivering, delivery = options.delivering, Delivery()
    sink = connect(endpoint_url=options.endpoint_url, region=options.region, connections=delivering.connections)
    with opened_checkpoint(options, sink.destination, delivery) as checkpoints:
        pipeline.replay_to_sink(
            reading.sources,
            HeardSink(delivering.persistent(sink, checkpoints), delivery.answers),
            checkpoints,
            ledger=reading.ledger,
            clock=reading.clock,
            progress=reading.progress.advance,
            guards=reading.guards,
            terms=delivering.terms,
        )
    return delivery


def print_requests(options: ReplayOptions, reading: Reading) -> Delivery:
    """Print the requests that would be sent."""
    batches = pipeline.dry_run(
        reading.sources,
        ledger=reading.ledger,
        clock=reading.clock,
        progress=reading.progress.advance,
        guards=reading.guards,
        terms=options.delivering.terms,
    )
    for batch in batches:
        reading.progress.make_way()
        json_data(batch.request)
    return Delivery(is_dry_run=True)
