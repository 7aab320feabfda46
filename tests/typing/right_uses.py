"""The public interface as an application's author uses it, with the types that an editor must show.

Type checkers read this file against the installed wheel and must find nothing wrong; nobody runs it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, assert_type

import flowemf
import flowemf_schemas
from flowemf.integrations import embedded_metrics, lambda_
from flowemf.integrations.asgi import FlowMiddleware
from flowemf.testing import ManualClock, capture_metrics

monitor = flowemf.configure(
    "MyApp/GenKit",
    custom_dimensions={"Environment": "Production"},
    rollups="standard",
    redact=[re.compile("internal-[0-9]+"), "secret"],
    error_types={ValueError: "Input", "QuotaError": "Quota"},
    prices={"amazon.nova-*": {"input": "0.06", "output": "0.24"}},
    sink=Path("metrics.log"),
    delivery="background",
    sample_rate=0.5,
    clock=ManualClock(),
)
assert_type(monitor, flowemf.Monitor)
assert_type(flowemf.Monitor("MyApp/Other", sink=print, disabled=True), flowemf.Monitor)
assert_type(flowemf.stats(), dict[str, int])
assert_type(flowemf.install(), tuple[str, ...])
assert_type(flowemf.__version__, str)


# --- A decorated function keeps its signature: of each kind, with parentheses, without, and of a monitor of one's own.


@flowemf.flow("chat")
def answer(question: str, *, attempts: int = 1) -> int:
    return len(question) * attempts


@flowemf.flow
def answer_bare(question: str, *, attempts: int = 1) -> int:
    return len(question) * attempts


@monitor.flow("chat")
async def answer_later(question: str) -> bytes:
    return question.encode()


@flowemf.generation("amazon.nova-lite-v1:0")
def words(question: str) -> Iterator[str]:
    yield from question.split()


@flowemf.flow
async def words_later(question: str) -> AsyncIterator[str]:
    for word in question.split():
        yield word


@lambda_.handler
def handle(event: dict[str, Any], context: object) -> list[int]:
    return [len(event)]


@lambda_.handler("orders", monitor=monitor)
def handle_orders(event: dict[str, Any], context: object) -> list[int]:
    return [len(event)]


class Agent:
    @flowemf.flow
    def run(self, question: str) -> int:
        return len(question)

    @staticmethod
    @flowemf.flow("static")
    def measured(question: str) -> int:
        return len(question)

    @classmethod
    @flowemf.flow("class")
    def made(cls, question: str) -> Agent:
        return cls()


def called() -> None:
    assert_type(answer("why", attempts=2), int)
    assert_type(answer_bare("why"), int)
    assert_type(words("why not"), Iterator[str])
    assert_type(words_later("why not"), AsyncIterator[str])
    assert_type(handle({}, None), list[int])
    assert_type(handle_orders({}, None), list[int])
    assert_type(Agent().run("why"), int)
    assert_type(Agent.measured("why"), int)
    assert_type(Agent.made("why"), Agent)
    shorter: Callable[[str], int] = answer
    assert_type(shorter("why"), int)


async def blocks() -> None:
    assert_type(await answer_later("why"), bytes)
    with flowemf.flow("chat") as flow, flowemf.generation("nova") as generation:
        assert_type(flow, flowemf.Flow)
        assert_type(flow.flow_id, str | None)
        assert_type(generation, flowemf.Generation)
        assert_type(generation.first_token(), None)
        generation.record_usage(input_tokens=11, output_tokens=7, cache_read_tokens=None)
        generation.record_response({"usage": {}})
    async with flowemf.flow() as flow, monitor.generation("nova") as generation:
        assert_type(flow, flowemf.Flow)
        assert_type(generation, flowemf.Generation)


def a_block_passes_exceptions_on() -> int:
    # A checker must not believe that a block swallows exceptions: no other `return` is needed.
    with flowemf.flow("chat"):
        return 1


def others() -> None:
    flowemf.metric("Documents", 3, "Count", {"Index": "manuals"}, resolution=1)
    flowemf.record_generation("nova", duration_ms=1, error=TimeoutError(), time_to_first_token_ms=0.5)
    flowemf.on_flow_error("chat", 1.5, "ThrottlingException")
    flowemf.bind(tenant="acme", attempt=3)
    flowemf.unbind("tenant")
    assert_type(flowemf.fields({"Latency": (12, "Milliseconds"), "Sizes": [1, 2]}), dict[str, Any])
    embedded_metrics.install(monitor)
    assert_type(flowemf_schemas.load("ledger"), dict[str, Any])
    with capture_metrics(clock=ManualClock(0)) as captured:
        assert_type(captured.count("FlowCompleted", FlowName="chat"), int)
        assert_type(captured.values("FlowDuration"), list[float])


async def application(scope: Any, receive: Any, send: Any) -> None:
    del scope, receive, send


FlowMiddleware(application, monitor=monitor)

try:
    flowemf.configure(sink="nowhere://")
except flowemf.ConfigurationError as problem:
    base: flowemf.FlowEmfError = problem
