"""`flowemf replay --to auto`: by extraction where that works, by PutMetricData where it does not.

Options and what is read go in; the facts and the road that they speak for are said, and CloudWatch has the metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.cli import replay_to_sink
from flowemf_processor.cli.replay_delivery import Delivery
from flowemf_processor.cli.replay_log_group import Verification
from flowemf_processor.cli.streams import say
from flowemf_processor.core.log_batches import REASONS, LogStream
from flowemf_processor.core.roads import EXTRACTION, FALLBACK, Found, GroupFacts, Road, road_for
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError

if TYPE_CHECKING:
    from flowemf_processor.cli.replay_delivery import Reading
    from flowemf_processor.cli.replay_options import ReplayOptions

AUTO = "auto"

_READ_FROM_GROUPS = Road(FALLBACK, "what is read lies in log groups, and no other one is named with --log-group")


def send(options: ReplayOptions, reading: Reading) -> Delivery:
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
    replay_to_sink.send(
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
