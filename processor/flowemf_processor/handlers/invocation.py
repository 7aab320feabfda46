"""What one invocation of a handler has: the time that Lambda gives it, and what its environment keeps for the next.

A context goes in, and a value comes out that counts the time down; environment variables go in, and settings, a sink, a
ledger of event ids and a keeper of rejects come out. Each is built when it is needed first and then kept: boto3 takes a
quarter of a second to be imported.
"""

from __future__ import annotations

import functools
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowemf_processor.clock import SystemClock
from flowemf_processor.core.admission import SeriesCap
from flowemf_processor.core.conditions import Conditions
from flowemf_processor.core.pacing import Pacer
from flowemf_processor.handlers.settings import DROP, settings_from
from flowemf_processor.pipeline.delivery import Terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.handlers.settings import HandlerSettings
    from flowemf_processor.ports import RejectsKeeper, Sink
    from flowemf_processor.sinks.event_ids import EventIds

_DEFAULT_SECONDS = 60.0  # where there is no context, as in a local test
_RESERVE_SECONDS = 2.0
_RESERVE_SHARE = 0.2
_READING_SHARE = 0.5
_SKEW_MS = 2_000  # how far the clocks of two machines may differ
_MS = 1000
_REQUESTS_PER_SECOND = 250.0
_DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation.

    Attributes:
        request_id: Lambda's id of it.
        function_name: the function's name.
        reads_until_s: when reading has to be done, by the monotonic clock, so that there is time to send what was read.
        ends_s: when the work has to be done, by the monotonic clock; what remains then is for remembering, answering.
        dead_ms: when the process is dead for certain, or has answered, in milliseconds since the epoch.
    """

    request_id: str
    function_name: str
    reads_until_s: float
    ends_s: float
    dead_ms: int

    def left_seconds(self) -> float:
        """Tell how much time is left for the work."""
        return self.ends_s - time.monotonic()

    def may_read(self) -> bool:
        """Tell whether there is time to read more."""
        return time.monotonic() < self.reads_until_s


def call_of(context: Any) -> Call:
    """Read a context.

    Args:
        context: what Lambda passes beside the event; None, or any other object, where there is no Lambda.

    Returns:
        The invocation.
    """
    remaining: Callable[[], float] | None = getattr(context, "get_remaining_time_in_millis", None)
    seconds = remaining() / _MS if remaining is not None else _DEFAULT_SECONDS
    now_s = time.monotonic()
    work_seconds = seconds - min(_RESERVE_SECONDS, seconds * _RESERVE_SHARE)
    name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME") or getattr(context, "function_name", None) or "local"
    return Call(
        str(getattr(context, "aws_request_id", "local")),
        str(name),
        now_s + work_seconds * _READING_SHARE,
        now_s + work_seconds,
        round((time.time() + seconds) * _MS) + _SKEW_MS,
    )


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
