"""Every destination that `flowemf replay --to` knows.

A name goes in; what carries out a replay to it, and which options mean something to it, comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.cli.replay.to_cloudwatch import (
    AUTO,
    LOGS,
    METRICS,
    print_line_requests,
    print_metric_requests,
    send_by_working_road,
    send_lines,
    send_metrics,
)
from flowemf_processor.cli.replay.to_this_machine import LOCAL, PROMETHEUS, STDOUT, add_up, store, weigh, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf_processor.cli.replay.command import ReplayOptions
    from flowemf_processor.cli.replay.delivery import Delivery, Reading

    Run = Callable[[ReplayOptions, Reading], Delivery]

_AWS = frozenset(("endpoint_url", "region"))
_REMEMBERED = frozenset(("checkpoint", "no_checkpoint"))
_PACED = frozenset(("max_rate", "in_flight", "retry_for", "on_ambiguous"))
_SERIES = frozenset(("relative_error", "max_series"))
_LOG_GROUP = frozenset(("log_group", "log_stream", "create", "verify", "verify_for"))
_COUNTED_ONCE = frozenset(("not_extracted",))


@dataclass(frozen=True, slots=True)
class Destination:
    """Somewhere that metrics are brought to.

    Attributes:
        deliver: carries out a replay.
        rehearse: carries out a dry run; None where there is none.
        options: the options that mean something to it and not to every destination, as Python spells them.
    """

    deliver: Run
    rehearse: Run | None
    options: frozenset[str]

    @property
    def counts_in_cloudwatch(self) -> bool:
        """Whether CloudWatch would count there what it has extracted of a log group already."""
        return self.options >= _COUNTED_ONCE


DESTINATIONS = {
    LOCAL: Destination(store, weigh, frozenset(("database",))),
    METRICS: Destination(send_metrics, print_metric_requests, _AWS | _REMEMBERED | _PACED | _SERIES | _COUNTED_ONCE),
    LOGS: Destination(send_lines, print_line_requests, _AWS | _REMEMBERED | _PACED | _LOG_GROUP | _COUNTED_ONCE),
    AUTO: Destination(send_by_working_road, None, _AWS | _REMEMBERED | _PACED | _SERIES | _LOG_GROUP | _COUNTED_ONCE),
    PROMETHEUS: Destination(add_up, None, _REMEMBERED | frozenset(("prometheus_file", "max_series"))),
    STDOUT: Destination(write, None, frozenset()),
}
"""Every destination by its name."""

PARTICULAR = frozenset().union(*(each.options for each in DESTINATIONS.values()))
"""The options that some destinations know and others do not."""
