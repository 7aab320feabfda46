"""Calls that are collected automatically, in a Lambda invocation that runs out of time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.util._once import Once

import flowemf
from flowemf._collecting import collected
from flowemf.integrations import lambda_, otel
from flowemf.integrations.lambda_ import handler


class Context:
    """What the runtime passes, with a time that runs."""

    aws_request_id = "r-1"

    def __init__(self, remaining_ms: float) -> None:
        self._end_seconds = time.monotonic() + remaining_ms / 1000

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(1000 * (self._end_seconds - time.monotonic())))


@pytest.fixture
def tracer(monkeypatch: pytest.MonkeyPatch, captured: Any) -> Iterator[trace.Tracer]:
    """Collect from a provider of the application's own."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider())
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(lambda_, "_is_first", False)
    flowemf.configure("App/Test", sink=captured)
    otel.install()
    yield trace.get_tracer("somebody.s.framework")
    otel.uninstall()


@pytest.mark.parametrize("seconds", [0.0, 0.3], ids=["in time", "too late"])
def test_flows_and_generations_of_spans_are_told_that_the_time_is_up(
    tracer: trace.Tracer, captured: Any, seconds: float
) -> None:
    """Each end is written once: by the deadline, with the tokens known by then, else by the span."""

    @handler("chat")
    def chat(event: object, context: object) -> None:
        agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper"}
        model = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "nova"}
        with (
            tracer.start_as_current_span("invoke_agent helper", attributes=agent),
            tracer.start_as_current_span("chat nova", attributes=model) as span,
        ):
            span.set_attribute("gen_ai.usage.input_tokens", 11)
            time.sleep(seconds)

    chat({}, Context(250))
    documents = captured.documents
    assert len(documents) == 5
    (generation,) = [each for each in documents if "GenerationCount" in each]
    assert (generation["ModelID"], generation["InputTokens"], generation["request_id"]) == ("nova", 11, "r-1")
    ends = [(each["FlowName"], each.get("ErrorType")) for each in documents if "FlowDuration" in each]
    error_type = "Timeout" if seconds else None
    assert ends == [("helper", error_type), ("chat", error_type)]
    assert generation.get("ErrorType") == error_type
    assert all(each["FlowDuration"] < 260 for each in documents if "FlowDuration" in each)


@pytest.mark.parametrize("seconds", [0.0, 0.3], ids=["in time", "too late"])
def test_a_client_s_call_is_told_that_the_time_is_up(captured: Any, seconds: float) -> None:
    """What botocore's hooks and the callbacks of LiteLLM and LangChain measure, likewise once."""
    flowemf.configure("App/Test", sink=captured)

    @handler("chat")
    def chat(event: object, context: object) -> None:
        call = collected.begin("nova")
        assert call is not None
        call.read({"usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}})
        time.sleep(seconds)
        call.finish()

    chat({}, Context(250))
    (generation,) = [each for each in captured.documents if "GenerationCount" in each]
    assert (generation["InputTokens"], generation.get("ErrorType")) == (11, "Timeout" if seconds else None)
    assert generation["flow_id"] == captured.documents[0]["flow_id"]
