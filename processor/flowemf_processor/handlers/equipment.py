"""What an execution environment keeps from one invocation to the next: settings and clients.

Environment variables go in; settings, a sink, a ledger of event ids and a keeper of rejects come out. Each is built
when it is needed first and then kept: boto3 takes a quarter of a second to be imported.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from flowemf_processor.clock import SystemClock
from flowemf_processor.core.admission import SeriesCap
from flowemf_processor.core.conditions import Conditions
from flowemf_processor.core.pacing import Pacer
from flowemf_processor.handlers.settings import DROP, settings_from
from flowemf_processor.pipeline.delivery import Terms

if TYPE_CHECKING:
    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.handlers.settings import HandlerSettings
    from flowemf_processor.ports import RejectsKeeper, Sink
    from flowemf_processor.sinks.event_ids import EventIds

_REQUESTS_PER_SECOND = 250.0
_DAY_SECONDS = 24 * 3600


class Equipment:
    """What is kept; `equipment` gives the one of this process.

    Args:
        settings: what the user chose.
    """

    def __init__(self, settings: HandlerSettings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.conditions = Conditions(settings.strict, settings.namespaces)
        self.terms = Terms(1, settings.on_ambiguous != DROP, settings.relative_error)
        self.cap = SeriesCap(settings.max_series)
        self.pacer = Pacer(_REQUESTS_PER_SECOND)
        self.is_cold = True

    @functools.cached_property
    def sink(self) -> Sink:
        """CloudWatch."""
        from flowemf_processor.sinks.metrics import connect

        return connect()

    @functools.cached_property
    def _dynamodb(self) -> Any:
        from flowemf_processor.sinks.aws import repeating_client

        return repeating_client("dynamodb")

    @functools.cached_property
    def _s3(self) -> Any:
        from flowemf_processor.sinks.aws import repeating_client

        return repeating_client("s3")

    def event_ids(self, claimant: str) -> EventIds | None:
        """Open the ledger of event ids for one invocation, if there is one."""
        if not self.settings.ledger_table:
            return None
        from flowemf_processor.sinks.event_ids import EventIds

        keep_seconds = self.settings.ledger_days * _DAY_SECONDS
        return EventIds(
            self._dynamodb, self.settings.ledger_table, claimant=claimant, keep_seconds=keep_seconds, clock=self.clock
        )

    def rejects(self, ledger: Ledger) -> RejectsKeeper | None:
        """Open the keeper of rejects for one invocation, if they are to be kept."""
        if not self.settings.rejects:
            return None
        from flowemf_processor.sinks.rejects import RejectsObject

        bucket, prefix = self.settings.rejects_place
        account = ledger.open_rejects(self.settings.rejects)
        return RejectsObject(self._s3, bucket, prefix, account=account, clock=self.clock)


@functools.lru_cache(1)
def equipment() -> Equipment:
    """Give what this process keeps.

    Returns:
        The same object at every call.

    Raises:
        ConfigurationError: an environment variable is wrong.
    """
    return Equipment(settings_from(os.environ))
