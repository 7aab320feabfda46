"""Frameworks and instrumentations as their users have them, against services on 127.0.0.1: each call becomes one line.

The numbers are written out here: of a call with 33 tokens of input, 20 of them from the cache, and 7 of output.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import boto3
import openai
import pydantic_ai
import pytest
import strands.types.exceptions
from botocore.config import Config
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
from opentelemetry.instrumentation.genai.bedrock import BedrockInstrumentor
from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from otel_services import SECRET_ANSWER, SECRET_PROMPT, Services, model_services, own_provider
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import flowemf
from flowemf.integrations import otel

# What Bedrock and Anthropic report of one call, with our meaning; and OpenAI, which writes to no cache.
CACHED = {"InputTokens": 33, "OutputTokens": 7, "CacheReadTokens": 20, "CacheWriteTokens": 2, "TokensUsed": 40}
REASONED = {"InputTokens": 33, "OutputTokens": 7, "CacheReadTokens": 20, "ReasoningTokens": 3, "TokensUsed": 40}
BEDROCK_MESSAGES: Any = [{"role": "user", "content": [{"text": SECRET_PROMPT}]}]
MESSAGES: Any = [{"role": "user", "content": SECRET_PROMPT}]


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with model_services() as running:
        yield running


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch, captured: Any) -> Iterator[TracerProvider]:
    """Give an application with a provider of its own, in which everything is collected; no line may tell a secret."""
    with own_provider(monkeypatch) as provider:
        flowemf.configure("App/Test", sink=captured)
        otel.install()
        yield provider
        otel.uninstall()
    assert "Zanzibar" not in b"".join(captured.lines).decode()
    assert "internal_error" not in flowemf.stats()


@pytest.fixture
def instrumented() -> Iterator[Callable[[Any], None]]:
    """Switch an instrumentation on for one test."""
    running: list[Any] = []

    def instrument(instrumentor: Any) -> None:
        instrumentor.instrument()
        running.append(instrumentor)

    yield instrument
    for each in running:
        each.uninstrument()


def tokens(line: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in line.items() if name.endswith("Tokens") or name == "TokensUsed"}


def in_short(captured: Any) -> list[tuple[str, ...]]:
    """Say of each line what it is, of whom, and how it ended."""
    keys = ("event", "FlowName", "ModelID", "Status", "ErrorType")
    return [tuple(line[key] for key in keys if key in line) for line in captured.documents]


# --- strands-agents


def strands_agent(services: Services, model: str, *, streaming: bool = True) -> Any:
    from strands import Agent
    from strands.models import BedrockModel

    once = Config(retries={"total_max_attempts": 1})
    bedrock = BedrockModel(model_id=model, streaming=streaming, endpoint_url=services.url, boto_client_config=once)
    return Agent(model=bedrock, name="helper", callback_handler=None, retry_strategy=None)


@pytest.mark.parametrize("streaming", [True, False])
def test_an_agent_of_strands_is_a_flow_with_a_generation(services: Services, captured: Any, streaming: bool) -> None:
    """The agent's span repeats the usage, which counts once."""
    strands_agent(services, "nova", streaming=streaming)(SECRET_PROMPT)
    assert in_short(captured) == [
        ("flow.start", "helper"),
        ("generation", "nova"),
        ("flow.end", "helper", "Success"),
    ]
    start, generation, end = captured.documents
    assert tokens(generation) == CACHED
    assert 0 < generation["TimeToFirstToken"] <= generation["GenerationDuration"] + 1
    assert start["flow_id"] == generation["flow_id"] == end["flow_id"]
    assert start["trace_id"] == generation["trace_id"] == end["trace_id"]
    assert start["span_id"] == end["span_id"] != generation["span_id"]


def test_a_failing_agent_of_strands_names_what_the_service_said(services: Services, captured: Any) -> None:
    """Both lines have the type of strands' own exception for throttling."""
    with pytest.raises(strands.types.exceptions.ModelThrottledException):
        strands_agent(services, "throttled")(SECRET_PROMPT)
    assert in_short(captured)[1:] == [
        ("generation", "throttled", "Throttling"),
        ("flow.end", "helper", "Error", "Throttling"),
    ]


def test_a_tool_and_the_agent_within_it_are_no_generations(services: Services, captured: Any) -> None:
    """An agent that is called by a tool is a flow inside the flow of the agent that has the tool."""
    from strands import Agent, tool
    from strands.models.model import Model

    class Scripted(Model):
        """A model that calls the tool first, then answers."""

        def __init__(self) -> None:
            self.config = {"model_id": "scripted"}
            self.answers: list[list[Any]] = [
                [
                    {"messageStart": {"role": "assistant"}},
                    {"contentBlockStart": {"start": {"toolUse": {"name": "ask", "toolUseId": "1"}}}},
                    {"contentBlockDelta": {"delta": {"toolUse": {"input": "{}"}}}},
                    {"contentBlockStop": {}},
                    {"messageStop": {"stopReason": "tool_use"}},
                ],
                [
                    {"messageStart": {"role": "assistant"}},
                    {"contentBlockDelta": {"delta": {"text": SECRET_ANSWER}}},
                    {"contentBlockStop": {}},
                    {"messageStop": {"stopReason": "end_turn"}},
                ],
            ]

        def update_config(self, **_: Any) -> None: ...

        def get_config(self) -> Any:
            return self.config

        def structured_output(self, *_: Any, **__: Any) -> Any: ...

        async def stream(self, *_: Any, **__: Any) -> Any:
            for event in self.answers.pop(0):
                yield event

    @tool
    def ask() -> str:
        """Ask somebody else."""
        return str(strands_agent(services, "nova")(SECRET_PROMPT))

    Agent(model=Scripted(), name="outer", tools=[ask], callback_handler=None)(SECRET_PROMPT)
    assert in_short(captured) == [
        ("flow.start", "outer"),
        ("generation", "scripted"),
        ("flow.start", "helper"),
        ("generation", "nova"),
        ("flow.end", "helper", "Success"),
        ("generation", "scripted"),
        ("flow.end", "outer", "Success"),
    ]
    outer, _, helper, nova, *_ = captured.documents
    assert helper["parent_flow_id"] == outer["flow_id"]
    assert nova["flow_id"] == helper["flow_id"]


# --- pydantic-ai


@asynccontextmanager
async def pydantic_agent(services: Services, model: str) -> AsyncIterator[Any]:
    pydantic_ai.Agent.instrument_all()
    async with openai.AsyncOpenAI(base_url=f"{services.url}/v1", api_key="k", max_retries=0) as client:
        chat = OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client))
        yield pydantic_ai.Agent(chat, name="helper")


async def ask(services: Services, model: str) -> None:
    async with pydantic_agent(services, model) as agent:
        await agent.run(SECRET_PROMPT)


def test_an_agent_of_pydantic_ai_is_a_flow_with_a_generation(services: Services, captured: Any) -> None:
    """It says the model after the start only; the model that answered is a property."""
    asyncio.run(ask(services, "gpt"))
    assert in_short(captured) == [("flow.start", "helper"), ("generation", "gpt"), ("flow.end", "helper", "Success")]
    generation = captured.documents[1]
    assert tokens(generation) == REASONED
    assert generation["resolved_model_id"] == "gpt-2026"
    assert generation["flow_id"] == captured.documents[0]["flow_id"]


def test_a_stream_of_pydantic_ai_has_a_first_token(services: Services, captured: Any) -> None:
    """It gives the time to the first chunk under the name of the metric."""

    async def run() -> None:
        async with pydantic_agent(services, "gpt") as agent, agent.run_stream(SECRET_PROMPT) as result:
            async for _ in result.stream_text():
                pass

    asyncio.run(run())
    generation = captured.documents[1]
    assert tokens(generation) == REASONED
    assert 0 < generation["TimeToFirstToken"] <= generation["GenerationDuration"]


def test_a_failing_agent_of_pydantic_ai_has_the_type_of_its_exception(services: Services, captured: Any) -> None:
    """It writes no `error.type`, only the event of the exception."""
    with pytest.raises(ModelHTTPError):
        asyncio.run(ask(services, "throttled"))
    assert in_short(captured)[1:] == [
        ("generation", "throttled", "RateLimit"),
        ("flow.end", "helper", "Error", "RateLimit"),
    ]


def test_a_cancelled_agent_of_pydantic_ai_is_cancelled(captured: Any) -> None:
    """OpenTelemetry records no `BaseException`, so that the span of a cancelled run looks like a success."""
    from pydantic_ai.models.function import FunctionModel

    async def slow(*_: Any) -> Any:
        await asyncio.sleep(30)

    async def run() -> None:
        pydantic_ai.Agent.instrument_all()
        task = asyncio.create_task(pydantic_ai.Agent(FunctionModel(slow), name="helper").run(SECRET_PROMPT))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    # The model's task is cancelled after the agent's.
    (generation,) = [line for line in captured.documents if line["event"] == "generation"]
    (end,) = [line for line in captured.documents if line["event"] == "flow.end"]
    assert "GenerationError" not in generation
    assert generation["flow_id"] == end["flow_id"]
    assert (end["Status"], end["FlowCancelled"]) == ("Cancelled", 1)


# --- The anthropic SDK, which opens spans by itself


def anthropic_client(services: Services) -> Any:
    return anthropic.Anthropic(base_url=services.url, api_key="k", max_retries=0)


def test_a_message_of_the_anthropic_sdk_is_a_generation(services: Services, captured: Any) -> None:
    """Without any instrumentation: the client has its own."""
    with anthropic_client(services) as client:
        client.messages.create(model="claude", max_tokens=9, messages=MESSAGES)
    assert in_short(captured) == [("generation", "claude")]
    assert tokens(captured.last) == CACHED
    assert captured.last["resolved_model_id"] == "claude-2026"


def test_a_stream_of_the_anthropic_sdk_is_a_generation_with_a_first_token(services: Services, captured: Any) -> None:
    """It ends when the stream was read."""
    call: Any = {"model": "claude", "max_tokens": 9, "messages": MESSAGES}
    with anthropic_client(services) as client, client.messages.stream(**call) as stream:
        assert captured.lines == []
        stream.get_final_message()
    assert tokens(captured.last) == CACHED
    assert 0 < captured.last["TimeToFirstToken"] <= captured.last["GenerationDuration"]


def test_an_error_of_the_anthropic_sdk_has_its_code(services: Services, captured: Any) -> None:
    """It has the service's code as `error.type`, and no exception event."""
    with anthropic_client(services) as client, pytest.raises(anthropic.RateLimitError):
        client.messages.create(model="throttled", max_tokens=9, messages=MESSAGES)
    assert in_short(captured) == [("generation", "throttled", "RateLimit")]


# --- Instrumentations


def bedrock_client(services: Services) -> Any:
    return boto3.client("bedrock-runtime", endpoint_url=services.url, config=Config(retries={"total_max_attempts": 1}))


def converse(client: Any, model: str) -> None:
    client.converse(modelId=model, messages=BEDROCK_MESSAGES)


def converse_stream(client: Any, model: str) -> None:
    list(client.converse_stream(modelId=model, messages=BEDROCK_MESSAGES)["stream"])


@pytest.mark.parametrize("instrumentor", [BotocoreInstrumentor, BedrockInstrumentor])
@pytest.mark.parametrize("call", [converse, converse_stream])
def test_a_call_of_bedrock_has_one_meaning_of_its_tokens(
    services: Services, captured: Any, instrumented: Any, instrumentor: Any, call: Any
) -> None:
    """Both instrumentations write 11 tokens of input, those that did not come from the cache."""
    instrumented(instrumentor())
    call(bedrock_client(services), "nova")
    assert in_short(captured) == [("generation", "nova")]
    assert tokens(captured.last) == CACHED


@pytest.mark.parametrize("instrumentor", [BotocoreInstrumentor, BedrockInstrumentor])
def test_a_failed_call_of_bedrock_has_the_code_of_the_service(
    services: Services, captured: Any, instrumented: Any, instrumentor: Any
) -> None:
    """One has the code as `error.type`, the other the class that botocore makes of it."""
    instrumented(instrumentor())
    client = bedrock_client(services)
    with pytest.raises(client.exceptions.ThrottlingException):
        converse(client, "throttled")
    assert in_short(captured) == [("generation", "throttled", "Throttling")]


@pytest.mark.parametrize("streaming", [True, False])
def test_a_completion_of_openai_is_a_generation(
    services: Services, captured: Any, instrumented: Any, streaming: bool
) -> None:
    """Streams have the time to the first chunk beside the tokens."""
    instrumented(OpenAIInstrumentor())
    options: Any = {"stream": True, "stream_options": {"include_usage": True}} if streaming else {}
    with openai.OpenAI(base_url=f"{services.url}/v1", api_key="k", max_retries=0) as client:
        answer = client.chat.completions.create(model="gpt", messages=MESSAGES, **options)
        if streaming:
            list(answer)
    assert in_short(captured) == [("generation", "gpt")]
    assert tokens(captured.last) == REASONED
    assert ("TimeToFirstToken" in captured.last) is streaming


def test_a_failed_completion_of_openai_has_the_type_of_its_exception(
    services: Services, captured: Any, instrumented: Any
) -> None:
    """`error.type` is the class with its package."""
    instrumented(OpenAIInstrumentor())
    client = openai.OpenAI(base_url=f"{services.url}/v1", api_key="k", max_retries=0)
    with client, pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="throttled", messages=MESSAGES)
    assert in_short(captured) == [("generation", "throttled", "RateLimit")]


@pytest.mark.parametrize("streaming", [True, False])
def test_the_instrumentation_of_anthropic_and_the_sdk_itself_count_once(
    services: Services, captured: Any, instrumented: Any, streaming: bool
) -> None:
    """There are two generation spans, one inside the other."""
    instrumented(AnthropicInstrumentor())
    with anthropic_client(services) as client:
        message = client.messages.create(model="claude", max_tokens=9, messages=MESSAGES, stream=streaming)
        if streaming:
            list(message)
    assert in_short(captured) == [("generation", "claude")]
    assert tokens(captured.last) == CACHED


def test_a_chain_of_langchain_is_a_flow_with_a_generation(captured: Any, instrumented: Any) -> None:
    """The instrumentation calls a chain a workflow, by its name; a model without a name has no span."""
    usage: Any = {"input_tokens": 33, "output_tokens": 7, "total_tokens": 40, "input_token_details": {"cache_read": 20}}
    instrumented(LangChainInstrumentor())
    model = GenericFakeChatModel(
        messages=iter([AIMessage(SECRET_ANSWER, usage_metadata=usage)]), disable_streaming=True
    )
    chain = (RunnableLambda(lambda x: x) | model).with_config(run_name="asking", metadata={"ls_model_name": "fake"})
    chain.invoke(SECRET_PROMPT)
    assert in_short(captured) == [
        ("flow.start", "asking"),
        ("generation", "fake"),
        ("flow.end", "asking", "Success"),
    ]
    generation = captured.documents[1]
    assert tokens(generation) == {"InputTokens": 33, "OutputTokens": 7, "CacheReadTokens": 20, "TokensUsed": 40}
    assert generation["flow_id"] == captured.documents[0]["flow_id"]
