"""Everything at once around the same call of Bedrock's: spans, hooks and explicit generations count it once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import strands.telemetry.tracer
from botocore.config import Config
from opentelemetry import trace
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
from opentelemetry.instrumentation.genai.bedrock import BedrockInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.util._once import Once
from otel_services import Services, model_services

import flowemf
from flowemf.integrations import bedrock, otel

MESSAGES = [{"role": "user", "content": [{"text": "how long?"}]}]
INSTRUMENTATIONS = {"botocore": BotocoreInstrumentor, "genai-bedrock": BedrockInstrumentor}
SOURCES = [
    names for size in range(3) for names in itertools.combinations(("strands", "botocore", "genai-bedrock"), size + 1)
]


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with model_services() as running:
        yield running


@pytest.fixture(autouse=True)
def _own_provider(monkeypatch: pytest.MonkeyPatch, captured: Any) -> Iterator[None]:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider())
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(strands.telemetry.tracer, "_tracer_instance", None)
    flowemf.configure("App/Test", sink=captured)
    yield
    otel.uninstall()
    bedrock.uninstall()
    assert "internal_error" not in flowemf.stats()


def ask(services: Services, *, through_strands: bool, streaming: bool) -> None:
    """Call the model once, in an agent of strands' or with boto3."""
    import boto3
    from strands import Agent
    from strands.models import BedrockModel

    once = Config(retries={"total_max_attempts": 1})
    if through_strands:
        model = BedrockModel(model_id="nova", streaming=streaming, endpoint_url=services.url, boto_client_config=once)
        Agent(model=model, name="helper", callback_handler=None, retry_strategy=None)("how long?")
        return
    client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=services.url, config=once)
    if streaming:
        for _ in client.converse_stream(modelId="nova", messages=MESSAGES)["stream"]:
            pass
    else:
        client.converse(modelId="nova", messages=MESSAGES)


def generations(captured: Any) -> list[tuple[str, int, int]]:
    lines = [line for line in captured.documents if line["event"] == "generation"]
    return [(line["ModelID"], line["InputTokens"], line["TokensUsed"]) for line in lines]


@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("sources", SOURCES, ids=" + ".join)
def test_spans_and_the_hook_count_a_call_once(
    sources: tuple[str, ...], streaming: bool, services: Services, captured: Any
) -> None:
    """The outermost one counts, with the cache in its input tokens; the hook finds the call measured."""
    flowemf.install()
    with ExitStack() as switched_on:
        for name in sources:
            if name in INSTRUMENTATIONS:
                instrumentor = INSTRUMENTATIONS[name]()
                instrumentor.instrument()
                switched_on.callback(instrumentor.uninstrument)
        ask(services, through_strands="strands" in sources, streaming=streaming)
    assert generations(captured) == [("nova", 33, 40)]


@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "whole"])
def test_the_hook_counts_what_opens_no_span(streaming: bool, services: Services, captured: Any) -> None:
    """Without a framework the call is the hook's."""
    flowemf.install()
    ask(services, through_strands=False, streaming=streaming)
    assert generations(captured) == [("nova", 33, 40)]


def test_an_application_s_own_span_hides_nothing(services: Services, captured: Any) -> None:
    """Only a generation's span measures the call."""
    flowemf.install()
    with trace.get_tracer("shop").start_as_current_span("checkout"):
        ask(services, through_strands=False, streaming=False)
    assert generations(captured) == [("nova", 33, 40)]


def test_an_explicit_generation_is_the_only_one_whatever_is_switched_on(services: Services, captured: Any) -> None:
    """With the instrumentation and the hook inside of it."""
    flowemf.install()
    instrumentor = BotocoreInstrumentor()
    instrumentor.instrument()
    try:
        with flowemf.generation("alias") as generation:
            ask(services, through_strands=False, streaming=True)
            generation.record_usage(input_tokens=33, output_tokens=7)
    finally:
        instrumentor.uninstrument()
    assert generations(captured) == [("alias", 33, 40)]


def test_a_failing_call_is_one_error_whatever_is_switched_on(services: Services, captured: Any) -> None:
    """The framework's span names the type; the hook keeps quiet."""
    import boto3
    from botocore.exceptions import ClientError

    flowemf.install()
    instrumentor = BotocoreInstrumentor()
    instrumentor.instrument()
    try:
        once = Config(retries={"total_max_attempts": 1})
        client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=services.url, config=once)
        with pytest.raises(ClientError):
            client.converse(modelId="throttled", messages=MESSAGES)
    finally:
        instrumentor.uninstrument()
    (line,) = captured.documents
    assert (line["GenerationCount"], line["GenerationError"], line["ErrorType"]) == (1, 1, "Throttling")
