"""`flowemf replay --to metrics`: to CloudWatch by PutMetricData.

Options and what is read go in; CloudWatch has the metrics, the ledger the counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.cli import replay_to_sink
from flowemf_processor.cli.replay_delivery import Delivery

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

    delivery = Delivery()
    connections = options.delivering.connections
    sink = connect(endpoint_url=options.endpoint_url, region=options.region, connections=connections)
    replay_to_sink.send(options, reading, delivery, sink.destination, lambda persistent: persistent(sink))
    return delivery


def print_requests(options: ReplayOptions, reading: Reading) -> Delivery:
    """Print the requests that would be sent."""
    delivery = Delivery()
    replay_to_sink.print_requests(options, reading, delivery)
    return delivery
