"""Every destination that `flowemf replay --to` knows.

A name goes in; what carries out a replay to it, and which options mean something to it, comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.cli import replay_to_local, replay_to_metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf_processor.cli.replay_delivery import Delivery, Reading
    from flowemf_processor.cli.replay_options import ReplayOptions

    Run = Callable[[ReplayOptions, Reading], Delivery]

_AWS = frozenset(("endpoint_url", "region"))
_REMEMBERED = frozenset(("checkpoint", "no_checkpoint"))
_PACED = frozenset(("max_rate", "in_flight", "retry_for", "on_ambiguous"))
_SERIES = frozenset(("relative_error", "max_series"))


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


DESTINATIONS = {
    replay_to_local.LOCAL: Destination(replay_to_local.store, replay_to_local.weigh, frozenset(("database",))),
    replay_to_metrics.METRICS: Destination(
        replay_to_metrics.send, replay_to_metrics.print_requests, _AWS | _REMEMBERED | _PACED | _SERIES
    ),
}
"""Every destination by its name."""

PARTICULAR = frozenset().union(*(each.options for each in DESTINATIONS.values()))
"""The options that some destinations know and others do not."""
