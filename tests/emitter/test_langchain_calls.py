"""LangChain as its users have it: models, chains, tools and streams, with models that are defined here."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from bedrock_service import CONVERSE_STREAM, MESSAGES, Service, bedrock_service, converse, stream
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, Generation, LLMResult
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

import flowemf
from flowemf.integrations import bedrock, langchain

ROOT = Path(__file__).parents[2]
USAGE = {
    "input_tokens": 33,
    "output_tokens": 7,
    "total_tokens": 40,
    "input_token_details": {"cache_read": 20, "cache_creation": 2},
    "output_token_details": {"reasoning": 3},
}
TOKENS = {
    "InputTokens": 33,
    "OutputTokens": 7,
    "CacheReadTokens": 20,
    "CacheWriteTokens": 2,
    "ReasoningTokens": 3,
    "TokensUsed": 40,
}


class Model(BaseChatModel):
    """A chat model that takes its time, says what it is told to say, and may fail or never end."""

    model_name: str = "fake-1"
    clock: Any = None
    error: Any = None
    client: Any = None

    @property
    def _llm_type(self) -> str:
        return "fake"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name}

    def _wait(self, milliseconds: float) -> None:
        if self.clock is not None:
            self.clock.wait(milliseconds)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self._wait(100)
        if self.error is not None:
            raise self.error
        if self.client is not None:
            self.client.converse(modelId="inner", messages=MESSAGES)
        message = AIMessage("Zanzibar", usage_metadata=USAGE, response_metadata={"model_name": "fake-1-2026"})
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(""))
        if self.client is not None:
            list(self.client.converse_stream(modelId="inner", messages=MESSAGES)["stream"])
        self._wait(30)
        yield ChatGenerationChunk(message=AIMessageChunk("Zanz"))
        self._wait(30)
        if self.error is not None:
            raise self.error
        yield ChatGenerationChunk(message=AIMessageChunk("ibar", usage_metadata=USAGE))


@pytest.fixture(autouse=True)
def _installed(captured: Any, clock: Any) -> Iterator[None]:
    flowemf.configure("App/Test", sink=captured, clock=clock)
    langchain.install()
    langchain.install()
    yield
    langchain.uninstall()
    assert b"Zanz" not in b"".join(captured.lines)
    assert "internal_error" not in flowemf.stats()


def in_short(captured: Any) -> list[tuple[str, ...]]:
    keys = ("event", "FlowName", "ModelID", "Status", "ErrorType", "generation_status")
    return [tuple(line[key] for key in keys if key in line) for line in captured.documents]


def metrics_of(line: dict[str, Any]) -> dict[str, float]:
    """Give the metrics of a line, each once."""
    named = {each["Name"] for directive in line["_aws"]["CloudWatchMetrics"] for each in directive["Metrics"]}
    return {name: line[name] for name in named}


def test_a_model_s_answer_is_a_generation(captured: Any, clock: Any) -> None:
    """Called by itself it has no flow; LangChain's tokens include the cache."""
    Model(clock=clock).invoke("Zanzibar")
    (line,) = captured.documents
    assert metrics_of(line) == {"GenerationCount": 1, "GenerationDuration": 100, **TOKENS}
    assert (line["ModelID"], line["resolved_model_id"]) == ("fake-1", "fake-1-2026")
    assert "flow_id" not in line


def test_a_stream_has_a_first_token(captured: Any, clock: Any) -> None:
    """An empty part is none."""
    for _ in Model(clock=clock).stream("Zanzibar"):
        clock.wait(1)
    (line,) = captured.documents
    assert metrics_of(line) == {
        "GenerationCount": 1,
        "TimeToFirstToken": 31,
        "GenerationDuration": line["GenerationDuration"],
        **TOKENS,
    }
    assert 62 <= line["GenerationDuration"] <= 64


@pytest.mark.parametrize(
    ("error", "error_type"), [(TimeoutError("late"), "Timeout"), (ConnectionError("gone"), "Connection")]
)
def test_a_failing_model_is_an_error(error: Exception, error_type: str, captured: Any) -> None:
    """At once, in the middle of a stream, and in a task; the application gets the model's exception."""
    model = Model(error=error)
    with pytest.raises(type(error)):
        model.invoke("Zanzibar")
    with pytest.raises(type(error)):
        list(model.stream("Zanzibar"))
    with pytest.raises(type(error)):
        asyncio.run(model.ainvoke("Zanzibar"))
    assert in_short(captured) == [("generation", "fake-1", error_type)] * 3


def test_a_stream_that_is_left_is_cancelled(captured: Any) -> None:
    """It is counted, and is no error."""
    for _ in Model().stream("Zanzibar"):
        break
    gc.collect()
    assert in_short(captured) == [("generation", "fake-1", "Cancelled")]


def test_of_too_many_open_calls_the_oldest_is_over(captured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that leaves streams open doesn't grow by them: they count as cancelled, and once."""
    monkeypatch.setattr(langchain, "_MOST_RUNS", 2)
    streams = [Model(model_name=f"fake-{number}").stream("Zanzibar") for number in range(3)]
    for each in streams:
        assert [part.content for part in islice(each, 2)] == ["", "Zanz"]
    assert in_short(captured) == [("generation", "fake-0", "Cancelled")]
    for each in streams:
        list(each)
    assert in_short(captured)[1:] == [("generation", "fake-1"), ("generation", "fake-2")]


def test_of_too_many_open_chains_the_oldest_is_forgotten(captured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was started, and nobody knows how it ended; the others end as they do."""
    monkeypatch.setattr(langchain, "_MOST_RUNS", 2)

    def answer(_: object) -> Iterator[str]:
        yield "Zanzibar"
        yield "!"

    chains = [RunnableLambda(answer).with_config(run_name=f"answer-{number}") for number in range(3)]
    streams = [chain.stream("question") for chain in chains]
    for each in streams:
        next(each)
    for each in streams:
        list(each)
    started = [("flow.start", f"answer-{number}") for number in range(3)]
    ended = [("flow.end", f"answer-{number}", "Success") for number in (1, 2)]
    assert in_short(captured) == started + ended


def test_a_completion_model_is_read_too(captured: Any) -> None:
    """Its usage is with the result, not with a message; one without a name is called as its class."""

    class Completion(FakeListLLM):
        def _generate(self, prompts: list[str], *args: Any, **kwargs: Any) -> LLMResult:
            usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
            return LLMResult(
                generations=[[Generation(text="Zanzibar")] for _ in prompts], llm_output={"token_usage": usage}
            )

    Completion(responses=["Zanzibar"]).invoke("Zanzibar")
    (line,) = captured.documents
    assert (line["ModelID"], line["InputTokens"], line["TokensUsed"]) == ("Completion", 5, 8)
    FakeListLLM(responses=["Zanzibar"]).invoke("Zanzibar")
    assert flowemf.stats()["usage_not_found"] == 1


@pytest.mark.parametrize("is_async", [False, True])
def test_the_outermost_run_is_a_flow_and_what_it_calls_belongs_to_it(is_async: bool, captured: Any) -> None:
    """Chains in chains, and models that tools ask, are in the one flow; a batch has as many."""

    @tool
    def look_up(word: str) -> str:
        """Look something up."""
        return str(Model(model_name="fake-2").invoke(word).content)

    chain = RunnableLambda(lambda text: Model().invoke(text).content) | look_up
    named = chain.with_config(run_name="answer")
    if is_async:
        asyncio.run(named.ainvoke("Zanzibar"))
    else:
        named.invoke("Zanzibar")
    assert in_short(captured) == [
        ("flow.start", "answer"),
        ("generation", "fake-1"),
        ("generation", "fake-2"),
        ("flow.end", "answer", "Success"),
    ]
    assert len({line["flow_id"] for line in captured.documents}) == 1
    named.batch(["Zanzibar", "Zanzibar"])
    assert [line["event"] for line in captured.documents].count("flow.end") == 3


def test_a_failing_chain_and_a_cancelled_one(captured: Any) -> None:
    """The flow has the type of the error; a task that is cancelled is no error."""

    async def wait(_: str) -> str:
        await asyncio.sleep(10)
        return ""

    failing = RunnableLambda(lambda text: Model(error=TimeoutError("late")).invoke(text))
    with pytest.raises(TimeoutError):
        failing.with_config(run_name="failing").invoke("Zanzibar")
    waiting = RunnableLambda(wait).with_config(run_name="waiting")
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(asyncio.wait_for(waiting.ainvoke("Zanzibar"), 0.05))
    assert in_short(captured) == [
        ("flow.start", "failing"),
        ("generation", "fake-1", "Timeout"),
        ("flow.end", "failing", "Error", "Timeout"),
        ("flow.start", "waiting"),
        ("flow.end", "waiting", "Cancelled"),
    ]


def test_a_streamed_chain_is_one_flow(captured: Any) -> None:
    """Its end is the end of the stream; what is bound in between stays the application's."""
    chain = (Model() | RunnableLambda(lambda message: message.content)).with_config(run_name="answer")
    list(chain.stream("Zanzibar"))
    assert [short[:2] for short in in_short(captured)] == [
        ("flow.start", "answer"),
        ("generation", "fake-1"),
        ("flow.end", "answer"),
    ]


def test_inside_a_flow_of_the_application_a_chain_is_none(captured: Any) -> None:
    """The application's name says more than RunnableSequence."""
    with flowemf.flow("chat") as flow:
        (RunnableLambda(lambda text: text) | Model()).invoke("Zanzibar")
    assert in_short(captured) == [
        ("flow.start", "chat"),
        ("generation", "fake-1"),
        ("flow.end", "chat", "Success"),
    ]
    assert {line["flow_id"] for line in captured.documents} == {flow.flow_id}


def test_an_answer_from_the_cache_is_no_generation(captured: Any) -> None:
    """No model was asked."""
    model = Model(cache=InMemoryCache())
    model.invoke("Zanzibar")
    model.invoke("Zanzibar")
    assert in_short(captured) == [("generation", "fake-1")]


def test_after_uninstalling_nothing_is_measured(captured: Any) -> None:
    """And installing begins anew."""
    langchain.uninstall()
    (RunnableLambda(lambda text: text) | Model()).invoke("Zanzibar")
    assert captured.lines == []
    langchain.install()
    Model().invoke("Zanzibar")
    assert len(captured.lines) == 1


# --- Never twice


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with bedrock_service() as running:
        yield running


def test_the_client_inside_a_model_counts_nothing_more(service: Service, captured: Any) -> None:
    """The hook on botocore finds the call measured; the next call, even between two parts of a stream, is its own."""
    client = service.client()
    bedrock.install(client)
    try:
        service.answers.extend([converse(), stream(*CONVERSE_STREAM), converse(), converse()])
        model = Model(client=client)
        model.invoke("Zanzibar")
        assert in_short(captured) == [("generation", "fake-1")]
        parts = iter(model.stream("Zanzibar"))
        for part in parts:
            if part.content:
                client.converse(modelId="own", messages=MESSAGES)
                break
        list(parts)
        client.converse(modelId="own", messages=MESSAGES)
    finally:
        bedrock.uninstall()
    assert in_short(captured)[1:] == [("generation", "own"), ("generation", "fake-1"), ("generation", "own")]


def test_an_explicit_generation_around_a_model_is_the_only_one(captured: Any) -> None:
    """The application measures it."""
    with flowemf.generation("alias") as generation:
        generation.record_response(Model().invoke("Zanzibar"))
    (line,) = captured.documents
    assert (line["ModelID"], line["TokensUsed"]) == ("alias", 40)
    with pytest.raises(TimeoutError), flowemf.generation("alias"):
        Model(error=TimeoutError("late")).invoke("Zanzibar")
    assert in_short(captured)[1:] == [("generation", "alias", "Timeout")]


@pytest.mark.parametrize("instrumented_first", [True, False])
def test_with_the_instrumentation_each_run_counts_once(
    instrumented_first: bool, captured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its spans are counted, and nothing here; without it everything is as before."""
    from opentelemetry import trace
    from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.util._once import Once

    from flowemf.integrations import otel

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider())
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    model = Model(metadata={"ls_provider": "fake", "ls_model_name": "fake-1"})
    steps = [otel.install, LangChainInstrumentor().instrument]
    for step in steps if instrumented_first else reversed(steps):
        step()
    try:
        model.invoke("Zanzibar")
        list(model.stream("Zanzibar"))
    finally:
        LangChainInstrumentor().uninstrument()
        otel.uninstall()
    assert [line["ModelID"] for line in captured.documents if line["event"] == "generation"] == ["fake-1"] * 2
    model.invoke("Zanzibar")
    assert len([line for line in captured.documents if line["event"] == "generation"]) == 3


def test_without_langchain_the_error_names_the_package(run_python: Any) -> None:
    """Nobody has to guess what to install."""
    program = """
import sys
sys.modules["langchain_core"] = None
try:
    import flowemf.integrations.langchain
except ImportError as error:
    print(error)
"""
    said = run_python(program).stdout.decode()
    assert said.startswith(
        "flowemf.integrations.langchain needs langchain-core, which is not installed: pip install langchain-core"
    )


def test_the_oldest_langchain_gives_the_same_lines(tmp_path: Path) -> None:
    """The tests above, with langchain-core 1.0.0; what it depends on is here already."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path)]
    wanted = "langchain-core==1.0.0"
    finished = subprocess.run([*command, wanted], capture_output=True, text=True, check=False, timeout=120)
    if finished.returncode:
        pytest.skip(f"{wanted} cannot be had: {finished.stderr.strip()[-200:]}")
    # The instrumentation wants a newer one.
    arguments = ["-q", "-p", "no:cacheprovider", "-W", "ignore", "-k", "not oldest and not instrumentation"]
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import langchain_core.version, pytest;"
        "assert langchain_core.version.VERSION == '1.0.0';"
        f"sys.exit(pytest.main({[__file__, *arguments]!r}))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert finished.returncode == 0, finished.stdout
