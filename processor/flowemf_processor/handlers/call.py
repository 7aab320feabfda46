"""What Lambda says of one invocation: who asks, and how much time there is.

A context goes in; a value comes out that counts the time down.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_DEFAULT_SECONDS = 60.0  # where there is no context, as in a local test
_RESERVE_SECONDS = 2.0
_RESERVE_SHARE = 0.2
_READING_SHARE = 0.5
_SKEW_MS = 2_000  # how far the clocks of two machines may differ
_MS = 1000


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
