"""The world around the sample application: a clock, models and tools, all of them simulated.

A random number generator goes in; answers come out that took as long on the simulated clock as real ones would have,
or exceptions: for each error type one, named and worded like those of the libraries that raise them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

_FAILURE_SHARE = 0.04
_CHUNKS = 8
_ENDPOINT = "https://bedrock-runtime.us-east-1.amazonaws.com"


class SimulatedClock:
    """Goes on only when it is told to; what `flowemf.configure` takes as its `clock`."""

    def __init__(self) -> None:
        self._request_started_wall_ms = 0.0
        self._request_started_ms = 0.0
        self._now_ms = 0.0

    def wall_ms(self) -> int:
        """Return the milliseconds since the epoch."""
        return int(self._request_started_wall_ms + self._now_ms - self._request_started_ms)

    def monotonic_ms(self) -> float:
        """Return milliseconds that only go forward."""
        return self._now_ms

    def advance(self, duration_ms: float) -> None:
        """Let time pass."""
        self._now_ms += duration_ms

    def begin_request(self, wall_ms: float) -> None:
        """Let a request arrive at a time of day; requests may overlap, as they do in a real service."""
        self._request_started_wall_ms = wall_ms
        self._request_started_ms = self._now_ms


@dataclass(frozen=True)
class Model:
    """How a model behaves.

    Attributes:
        model_id: its name.
        typical_ms: the median time that it takes.
        input_tokens: what a call sends, about.
        output_tokens: what it answers, about; 0 for a model that answers without tokens.
        caches: whether it keeps a prompt's beginning in a cache.
        reasons: whether it thinks before it answers.
    """

    model_id: str
    typical_ms: float
    input_tokens: int
    output_tokens: int
    caches: bool = False
    reasons: bool = False


@dataclass(frozen=True)
class Answer:
    """What a model reported: its usage."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class World:
    """Models and tools that answer after a simulated while, or fail.

    Args:
        random: decides everything that varies.
        clock: what time passes on.
    """

    def __init__(self, random: Random, clock: SimulatedClock) -> None:
        self.random = random
        self.clock = clock
        self._failures = rotation()
        self._next_call_fails = False

    def fail_next_call(self) -> None:
        """Let the next call of a model fail for certain."""
        self._next_call_fails = True

    def next_failure(self) -> Exception:
        """Take the next failure of the rotation."""
        return next(self._failures)

    def wait(self, typical_ms: float) -> None:
        """Let about so much time pass; now and then much more, as in real life."""
        self.clock.advance(typical_ms * math.exp(self.random.gauss(0, 0.45)))

    def call(self, model: Model) -> Answer:
        """Call a model and wait for its whole answer.

        Raises:
            Exception: one of `KINDS`, four times in a hundred.
        """
        self._maybe_fail(model)
        self.wait(model.typical_ms)
        return self._answer(model)

    async def call_async(self, model: Model) -> Answer:
        """Call a model and let other tasks run meanwhile."""
        await asyncio.sleep(0)
        return self.call(model)

    def stream(self, model: Model) -> Iterator[Answer]:
        """Call a model and take its answer in pieces; each carries the usage so far."""
        self._maybe_fail(model)
        whole = self._answer(model)
        self.wait(model.typical_ms * 0.3)
        for chunk in range(1, _CHUNKS + 1):
            yield replace(whole, output_tokens=whole.output_tokens * chunk // _CHUNKS)
            self.wait(model.typical_ms * 0.7 / _CHUNKS)

    def _maybe_fail(self, model: Model) -> None:
        fails = self.random.random() < _FAILURE_SHARE or self._next_call_fails
        self._next_call_fails = False
        if fails:
            self.wait(model.typical_ms * 0.5)
            raise self.next_failure()

    def _answer(self, model: Model) -> Answer:
        read = self._about(model.input_tokens)
        written = self._about(model.output_tokens)
        hit = model.caches and self.random.random() < 0.7
        return Answer(
            input_tokens=read,
            output_tokens=written,
            cache_read_tokens=read * 3 // 4 if hit else None,
            cache_write_tokens=read * 3 // 4 if model.caches and not hit else None,
            reasoning_tokens=written // 2 if model.reasons else None,
        )

    def _about(self, typical: int) -> int:
        return int(typical * self.random.uniform(0.6, 1.8))


# --- How the calls of models fail


class ReadTimeoutError(Exception):
    """Named like botocore's."""


class EndpointConnectionError(Exception):
    """Named like botocore's."""


class RateLimitError(Exception):
    """Named like that of the SDKs of OpenAI and Anthropic, with the HTTP status that they carry."""

    status_code = 429


class ClientError(Exception):
    """Named like botocore's, with the service's answer as `response`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"An error occurred ({code}) when calling the Converse operation: {message}")
        self.response = {"Error": {"Code": code, "Message": message}}

    @property
    def is_throttling(self) -> bool:
        """Whether the same call may succeed a little later."""
        return self.response["Error"]["Code"] == "ThrottlingException"


class AccessDeniedException(ClientError):  # noqa: N818 - the name is the point
    """Named like the class that botocore makes of this error code."""


class UnusableAnswerError(ValueError):
    """The application's own: the model has answered, but not with what was asked for."""


def _timeout() -> Exception:
    return ReadTimeoutError(f'Read timeout on endpoint URL: "{_ENDPOINT}"')


def _connection() -> Exception:
    return EndpointConnectionError(f'Could not connect to the endpoint URL: "{_ENDPOINT}"')


def _authentication() -> Exception:
    return AccessDeniedException("AccessDeniedException", "You don't have access to the model with the specified ID.")


def _throttling() -> Exception:
    return ClientError("ThrottlingException", "Too many tokens, please wait before trying again.")


def _rate_limit() -> Exception:
    return RateLimitError("Number of requests has exceeded your per-minute limit")


def _generic() -> Exception:
    return UnusableAnswerError("the answer is not the JSON object that was asked for")


KINDS: tuple[Callable[[], Exception], ...] = (
    _throttling,
    _timeout,
    _rate_limit,
    _connection,
    _generic,
    _authentication,
)


def rotation() -> Iterator[Exception]:
    """Give a new exception each time, one kind after the other, so that a short run meets all of them."""
    return (kind() for kind in cycle(KINDS))
