"""The ways of `flowemf replay` to CloudWatch: --to metrics, --to logs, and --to auto, which takes the one that works.

Options and what is read go in; CloudWatch has the metrics by PutMetricData, or a log group the lines of which it
extracts them, and the ledger has the counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.cli.output.streams import say
from flowemf_processor.cli.replay.delivery import Delivery, deliver_to_sink, print_requests
from flowemf_processor.cli.replay.log_group import Verification
from flowemf_processor.core.log_batches import REASONS, LogStream
from flowemf_processor.core.roads import EXTRACTION, FALLBACK, STANDARD, Found, GroupFacts, Road, road_for
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError

if TYPE_CHECKING:
    from flowemf_processor.cli.replay.command import ReplayOptions
    from flowemf_processor.cli.replay.delivery import Reading
    from flowemf_processor.sinks.logs import LogGroup


METRICS = "metrics"
LOGS = "logs"
AUTO = "auto"
_READ_FROM_GROUPS = Road(FALLBACK, "what is read lies in log groups, and no other one is named with --log-group")


def send_metrics(options: ReplayOptions, reading: Reading) -> Delivery:
    """Send the metrics.

    Raises:
        ConfigurationError: the configuration of AWS is wrong; nothing was sent.
        TryAgainLaterError: somebody else uses the checkpoint.
    """
    from flowemf_processor.sinks.metrics import connect

    delivery = Delivery()
    connections = options.delivering.connections
    sink = connect(endpoint_url=options.endpoint_url, region=options.region, connections=connections)
    deliver_to_sink(options, reading, delivery, sink.destination, lambda persistent: persistent(sink))
    return delivery


def print_metric_requests(options: ReplayOptions, reading: Reading) -> Delivery:
    """Print the requests that would be sent."""
    delivery = Delivery()
    print_requests(options, reading, delivery)
    return delivery


def send_lines(options: ReplayOptions, reading: Reading) -> Delivery:
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
    deliver_to_sink(
        options,
        reading,
        delivery,
        sink.destination,
        lambda persistent: verification.heard(persistent(sink)),
        log_stream=stream,
    )
    delivery.verified = verification.verified()
    return delivery


def print_line_requests(options: ReplayOptions, reading: Reading) -> Delivery:
    """Print the requests that would be sent."""
    delivery = Delivery(meanings=REASONS)
    print_requests(options, reading, delivery, log_stream=options.log.stream)
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


def send_by_working_road(options: ReplayOptions, reading: Reading) -> Delivery:
    """Send by the road that the facts speak for.

    Raises:
        ConfigurationError: the configuration of AWS is wrong; nothing was sent.
        TryAgainLaterError: somebody else uses the checkpoint.
    """
    from flowemf_processor.sinks import logs, metrics
    from flowemf_processor.sinks.auto import AutoSink

    connections = options.delivering.connections
    metrics_sink = metrics.connect(endpoint_url=options.endpoint_url, region=options.region, connections=connections)
    delivery = Delivery(meanings=REASONS)
    stream = options.log.stream if options.log.log_group else LogStream("", "")
    road = _road(options) if stream.group else _READ_FROM_GROUPS
    say(f"auto: {road.because}: by {road.name}")
    logs_sink = logs.connect(stream, endpoint_url=options.endpoint_url, region=options.region, connections=connections)
    verification = Verification(options, reading.clock)
    deliver_to_sink(
        options,
        reading,
        delivery,
        f"{AUTO} {logs_sink.destination} {metrics_sink.destination}",
        lambda persistent: verification.heard(
            AutoSink(persistent(logs_sink), persistent(metrics_sink), reading.clock, say)
        ),
        log_stream=stream if road.name == EXTRACTION else None,
    )
    delivery.verified = verification.verified()
    return delivery


def _road(options: ReplayOptions) -> Road:
    """Look at the log group, and make what is wanted and missing."""
    from flowemf_processor.sinks.logs import LogGroup

    group = LogGroup(options.log.stream, endpoint_url=options.endpoint_url, region=options.region)
    facts = group.facts()
    try:
        if facts.found is Found.MISSING and options.log.create:
            group.make_group()
            facts = group.facts()
        if facts.extracts:
            group.make_stream()
    except ConfigurationError as error:
        facts = GroupFacts(facts.name, Found.FORBIDDEN, said=str(error))
    except TryAgainLaterError as error:
        facts = GroupFacts(facts.name, Found.UNREACHABLE, said=str(error))
    return road_for(facts)
