"""`flowemf replay --to logs`: to a log group, of which CloudWatch extracts the metrics.

Options and what is read go in; the log group has the metric lines, the ledger the counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.cli import replay_to_sink
from flowemf_processor.cli.replay_delivery import Delivery
from flowemf_processor.cli.replay_log_group import Verification
from flowemf_processor.cli.streams import say
from flowemf_processor.core.log_batches import REASONS
from flowemf_processor.core.roads import STANDARD, Found
from flowemf_processor.errors import ConfigurationError

if TYPE_CHECKING:
    from flowemf_processor.cli.replay_delivery import Reading
    from flowemf_processor.cli.replay_options import ReplayOptions
    from flowemf_processor.sinks.logs import LogGroup

LOGS = "logs"


def send(options: ReplayOptions, reading: Reading) -> Delivery:
    """Send the metric lines.

    Raises:
        ConfigurationError: the configuration of AWS is wrong, or there is no such log group, or one that extracts
            nothing; nothing was sent.
        TryAgainLaterError: CloudWatch Logs cannot be reached, or somebody else uses the checkpoint.
    """
    from flowemf_processor.sinks.logs import LogGroup, connect

    delivery = Delivery(meanings=REASONS)
    stream, where = options.log.stream, {"endpoint_url": options.endpoint_url, "region": options.region}
    group = LogGroup(stream, **where)
    if options.log.create:
        group.make_group()
    _refuse_what_extracts_nothing(group)
    group.make_stream()
    sink = connect(stream, connections=options.delivering.connections, **where)
    verification = Verification(options, reading.clock)
    replay_to_sink.send(
        options,
        reading,
        delivery,
        sink.destination,
        lambda persistent: verification.heard(persistent(sink)),
        log_stream=stream,
    )
    delivery.verified = verification.verified()
    return delivery


def print_requests(options: ReplayOptions, reading: Reading) -> Delivery:
    """Print the requests that would be sent."""
    delivery = Delivery(meanings=REASONS)
    replay_to_sink.print_requests(options, reading, delivery, log_stream=options.log.stream)
    return delivery


def _refuse_what_extracts_nothing(group: LogGroup) -> None:
    """Stop before lines go where no metric comes of them; who may not look is believed."""
    facts = group.facts()
    if facts.found is Found.THERE and not facts.extracts:
        raise ConfigurationError(
            f"log group {facts.name}: is of the class {facts.log_class}, of which CloudWatch extracts no metrics; name "
            f"one of the class {STANDARD}, or use --to metrics"
        )
    if facts.found is Found.FORBIDDEN:
        say(
            f"log group {facts.name}: its class could not be looked at; only {STANDARD} extracts metrics ({facts.said})"
        )
