"""Genkit itself, with models defined in code: what its flows and models do becomes lines, each exactly once."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import genkit._core._tracing
import pytest
from genkit import (
    ActionRunContext,
    EmbedResponse,
    Genkit,
    GenkitError,
    Interrupt,
    Message,
    ModelRequest,
    ModelResponse,
    ModelResponseChunk,
    Part,
)
from genkit.middleware import BaseMiddleware, GenerateMiddlewareContext, ModelHookParams
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once

from flowemf.integrations import otel
from flowemf.integrations.genkit import FlowMetrics

PROMPT, ANSWER = "Zanzibar-prompt", "Zanzibar-answer"
USAGE = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}


def response(text: str = ANSWER, usage: dict[str, Any] | None = None, **members: Any) -> ModelResponse:
    message = Message(role="model", content=[Part(text=text)])
    return ModelResponse.model_validate({"message": message, "usage": USAGE if usage is None else usage, **members})


class OwnError(Exception):
    """An error of the application's own."""


class Application:
    """A Genkit application with the plugin, and the lines that it has written."""

    def __init__(self, captured: Any, **settings: Any) -> None:
        self.ai = Genkit(plugins=[FlowMetrics(namespace="App/Test", sink=captured, **settings)], model="answering")
        self.ai.define_model("answering", self._answering)
        self.ai.define_model("failing", self._failing)
        self.fails_with: list[BaseException] = []
        self._captured = captured

    async def _answering(self, _request: ModelRequest, context: ActionRunContext) -> ModelResponse:
        for word in ANSWER.split("-"):
            context.send_chunk(ModelResponseChunk(content=[Part(text=word)]))
        return response()

    async def _failing(self, _request: ModelRequest, _context: ActionRunContext) -> ModelResponse:
        if self.fails_with:
            raise self.fails_with.pop(0)
        return response()

    def flow(self, body: Callable[[], Awaitable[Any]], name: str = "flow") -> Any:
        """Define a flow."""

        async def run(_input: str) -> Any:
            return await body()

        return self.ai.flow(name=name)(run)

    def run(self, flow: Any) -> Any:
        """Run a flow as a program would; its own failures are expected."""

        async def main() -> Any:
            try:
                return await flow(PROMPT)
            except Exception as problem:
                return problem

        return asyncio.run(main())

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every line, judged."""
        return self._captured.documents  # type: ignore[no-any-return]

    @property
    def said(self) -> list[tuple[str, ...]]:
        """Each line in short: what it is about, and how that ended."""
        return [_short(line) for line in self.lines]

    def sums(self, *metrics: str) -> tuple[float, ...]:
        """Add up metrics over all lines."""
        found: Counter[str] = Counter()
        for line in self.lines:
            found.update({metric: line.get(metric, 0) for metric in metrics})
        return tuple(found[metric] for metric in metrics)


def _short(line: dict[str, Any]) -> tuple[str, ...]:
    if "FlowStarted" in line:
        return ("start", line["FlowName"])
    if "FlowName" in line:
        return ("end", line["FlowName"], line["Status"], *([line["ErrorType"]] if "ErrorType" in line else []))
    return ("model", line["ModelID"], *([line["ErrorType"]] if "ErrorType" in line else []))


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[TracerProvider]:
    """Set a tracer provider, as an application does that has one; Genkit took its tracer from whoever was first."""
    made = TracerProvider()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", made)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(genkit._core._tracing, "tracer", made.get_tracer("genkit-tracer", "v1"))
    monkeypatch.delenv("GENKIT_ENV", raising=False)
    yield made
    otel.uninstall()


@pytest.fixture
def app(captured: Any) -> Application:
    return Application(captured)


# --- Each call once


def test_the_step_around_a_model_repeats_its_usage_and_is_not_counted(app: Application) -> None:
    """`ai.generate` opens a span of its own with the same output; the model is counted, its tokens once."""
    asyncio.run(app.ai.generate(prompt=PROMPT))
    assert app.said == [("model", "answering")]
    assert app.sums("GenerationCount", "InputTokens", "OutputTokens", "TokensUsed") == (1, 11, 7, 18)


def test_a_flow_with_a_generation(app: Application) -> None:
    """A start, a generation, an end; the generation belongs to the flow, and all of them to one trace."""
    app.run(app.flow(lambda: app.ai.generate(prompt=PROMPT)))
    assert app.said == [("start", "flow"), ("model", "answering"), ("end", "flow", "Success")]
    start, generation, end = app.lines
    assert start["flow_id"] == generation["flow_id"] == end["flow_id"]
    assert start["trace_id"] == generation["trace_id"] == end["trace_id"]
    assert end["FlowDuration"] >= generation["GenerationDuration"] > 0


def test_each_attempt_of_a_retried_call_is_a_generation(app: Application) -> None:
    """The provider bills each of them: two that failed and one that did not."""

    class Again(BaseMiddleware[Any]):
        async def wrap_model(
            self,
            params: ModelHookParams,
            ctx: GenerateMiddlewareContext,
            next_fn: Callable[[ModelHookParams, GenerateMiddlewareContext], Awaitable[ModelResponse]],
        ) -> ModelResponse:
            for _ in range(2):
                try:
                    return await next_fn(params, ctx)
                except Exception:  # noqa: PERF203 - the next attempt follows
                    continue
            return await next_fn(params, ctx)

    app.fails_with = [ConnectionError("lost"), TimeoutError("slow")]
    app.run(app.flow(lambda: app.ai.generate(model="failing", prompt=PROMPT, use=[Again()])))
    assert app.said == [
        ("start", "flow"),
        ("model", "failing", "Connection"),
        ("model", "failing", "Timeout"),
        ("model", "failing"),
        ("end", "flow", "Success"),
    ]
    assert app.sums("GenerationCount", "GenerationError", "TokensUsed") == (3, 2, 18)


def test_a_streamed_answer_is_one_generation(app: Application) -> None:
    """However many chunks there were, in a streaming flow or out of it."""

    async def main() -> list[str]:
        @app.ai.flow(name="telling", chunk_type=str)
        async def telling(_input: str, context: ActionRunContext) -> str:
            answer = app.ai.generate_stream(prompt=PROMPT)
            async for chunk in answer.stream:
                context.send_chunk(chunk.text)
            return (await answer.response).text

        return [chunk async for chunk in telling.stream("x").stream]

    assert asyncio.run(main()) == ["Zanzibar", "answer"]
    assert app.said == [("start", "telling"), ("model", "answering"), ("end", "telling", "Success")]
    assert app.sums("TokensUsed") == (18,)


def test_a_tool_is_no_generation_and_the_models_around_it_are_two(app: Application) -> None:
    """The model asks for a tool and answers afterwards: two calls, each with its tokens."""

    async def asking(request: ModelRequest, _context: ActionRunContext) -> ModelResponse:
        if len(request.messages) > 1:
            return response()
        wanted = {"toolRequest": {"name": "looking", "ref": "1", "input": "x"}}
        return ModelResponse.model_validate(
            {"message": {"role": "model", "content": [wanted]}, "usage": {"inputTokens": 3, "outputTokens": 2}}
        )

    app.ai.define_model("asking", asking)

    @app.ai.tool()
    async def looking(_what: str) -> str:
        """Look it up."""
        return ANSWER

    app.run(app.flow(lambda: app.ai.generate(model="asking", prompt=PROMPT, tools=["looking"])))
    assert app.said == [("start", "flow"), ("model", "asking"), ("model", "asking"), ("end", "flow", "Success")]
    assert app.sums("GenerationCount", "InputTokens", "OutputTokens", "TokensUsed") == (2, 14, 9, 23)


def test_an_embedder_is_no_generation(app: Application) -> None:
    """It generates nothing and reports no tokens; the flow around it is measured as any other."""

    async def embedding(_request: Any) -> EmbedResponse:
        return EmbedResponse.model_validate({"embeddings": [{"embedding": [0.1]}]})

    app.ai.define_embedder("embedding", embedding)
    app.run(app.flow(lambda: app.ai.embed(embedder="embedding", content=PROMPT)))
    assert app.said == [("start", "flow"), ("end", "flow", "Success")]


def test_flows_at_once_do_not_mix(app: Application) -> None:
    """Twenty requests in one loop: each generation belongs to its own flow."""
    flow = app.flow(lambda: app.ai.generate(prompt=PROMPT))

    async def main() -> None:
        await asyncio.gather(*(flow(str(number)) for number in range(20)))

    asyncio.run(main())
    assert app.sums("FlowStarted", "FlowCompleted", "GenerationCount", "TokensUsed") == (20, 20, 20, 360)
    assert set(Counter(line["flow_id"] for line in app.lines).values()) == {3}


def test_two_applications_with_the_plugin_count_once(captured: Any) -> None:
    """A program may hold several Genkit objects; each gets the plugin, and nothing is counted twice."""
    first, second = Application(captured), Application(captured)
    first.run(first.flow(lambda: first.ai.generate(prompt=PROMPT)))
    second.run(second.flow(lambda: second.ai.generate(prompt=PROMPT)))
    assert second.sums("FlowStarted", "FlowCompleted", "GenerationCount") == (2, 2, 2)


# --- Failures


def test_a_model_may_fail_in_a_flow_that_succeeds(app: Application) -> None:
    """`ai.generate` returns the error; the flow goes on, and GenerationError alone tells."""
    app.fails_with = [GenkitError(status="RESOURCE_EXHAUSTED", message="quota")]
    answer = app.run(app.flow(lambda: app.ai.generate(model="failing", prompt=PROMPT)))
    assert "RESOURCE_EXHAUSTED" in str(answer)
    assert app.said == [("start", "flow"), ("model", "failing", "Throttling"), ("end", "flow", "Success")]
    assert app.sums("GenerationError", "FlowError") == (1, 0)


@pytest.mark.parametrize(
    ("status", "error_type"),
    [
        ("RESOURCE_EXHAUSTED", "Throttling"),
        ("DEADLINE_EXCEEDED", "Timeout"),
        ("UNAVAILABLE", "Connection"),
        ("UNAUTHENTICATED", "Authentication"),
        ("PERMISSION_DENIED", "Authentication"),
        ("INVALID_ARGUMENT", "GenericError"),
        ("INTERNAL", "GenericError"),
    ],
)
def test_the_status_of_genkit_names_the_error(app: Application, status: Any, error_type: str) -> None:
    """Of the flow and of the model, whatever words stand beside it."""
    words = "no author found to generate"
    app.fails_with = [GenkitError(status=status, message=words)]

    async def body() -> None:
        await app.ai.generate(model="failing", prompt=PROMPT)
        raise GenkitError(status=status, message=words)

    app.run(app.flow(body))
    assert app.said == [("start", "flow"), ("model", "failing", error_type), ("end", "flow", "Error", error_type)]


@pytest.mark.parametrize(
    ("error", "error_type"),
    [
        (TimeoutError("slow"), "Timeout"),
        (ConnectionResetError("lost"), "Connection"),
        (GenkitError(status="RESOURCE_EXHAUSTED", message="quota"), "Throttling"),
        (OwnError("own"), "GenericError"),
        (ValueError("a timeout of -1 is no number"), "GenericError"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_the_real_class_is_found_through_any_number_of_flows(
    app: Application, error: BaseException, error_type: str
) -> None:
    """Genkit wraps what leaves an inner flow in an error of its own; the outer flow tells the real one's type."""

    async def failing() -> None:
        raise error

    inner = app.flow(failing, "inner")
    middle = app.flow(lambda: inner("x"), "middle")
    app.run(app.flow(lambda: middle("x"), "outer"))
    assert app.said[3:] == [(("end"), name, "Error", error_type) for name in ("inner", "middle", "outer")]


def test_a_tool_or_an_embedder_may_be_what_fails(app: Application) -> None:
    """They write no line; the flow that fails because of them tells their error."""

    async def embedding(_request: Any) -> EmbedResponse:
        raise TimeoutError("slow")

    app.ai.define_embedder("embedding", embedding)
    app.run(app.flow(lambda: app.ai.embed(embedder="embedding", content=PROMPT)))
    assert app.said == [("start", "flow"), ("end", "flow", "Error", "Timeout")]


def test_an_error_that_a_flow_got_over_does_not_name_a_later_one(app: Application) -> None:
    """An inner flow times out, the outer one carries on, and fails for a reason of its own."""

    async def slow() -> None:
        raise TimeoutError("slow")

    inner = app.flow(slow, "inner")

    async def body() -> None:
        try:
            await inner("x")
        except GenkitError:
            raise OwnError("something else") from None

    app.run(app.flow(body, "outer"))
    assert app.said[-2:] == [("end", "inner", "Error", "Timeout"), ("end", "outer", "Error", "GenericError")]


def test_error_types_of_ones_own_reach_what_is_collected(captured: Any) -> None:
    """The setting of `configure` works for Genkit's errors as well, by class and by status."""
    app = Application(captured, error_types={"OwnError": "Ours", "FAILED_PRECONDITION": "NotReady"})
    for error in (OwnError("own"), GenkitError(status="FAILED_PRECONDITION", message="not yet")):

        async def body(raised: BaseException = error) -> None:
            raise raised

        app.run(app.flow(body, type(error).__name__))
    assert [line["ErrorType"] for line in app.lines if "ErrorType" in line] == ["Ours", "NotReady"]


# --- Cancelled, interrupted, tried out


def test_a_cancelled_flow_is_cancelled_and_so_is_its_generation(app: Application) -> None:
    """Neither success nor failure: Genkit gives such spans no state at all."""

    async def waiting(_request: ModelRequest, _context: ActionRunContext) -> ModelResponse:
        await asyncio.Event().wait()
        return response()

    app.ai.define_model("waiting", waiting)
    flow = app.flow(lambda: app.ai.generate(model="waiting", prompt=PROMPT))

    async def main() -> None:
        task = asyncio.ensure_future(flow("x"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert app.said == [("start", "flow"), ("model", "waiting"), ("end", "flow", "Cancelled")]
    assert app.sums("FlowCancelled", "FlowError", "FlowCompleted", "GenerationError") == (1, 0, 0, 0)
    assert app.lines[1]["generation_status"] == "Cancelled"


def test_an_interrupt_is_no_failure(app: Application) -> None:
    """A tool that hands the decision to a person ends the flow well."""

    async def asking(_request: ModelRequest, _context: ActionRunContext) -> ModelResponse:
        wanted = {"toolRequest": {"name": "deciding", "ref": "1", "input": "x"}}
        return ModelResponse.model_validate({"message": {"role": "model", "content": [wanted]}, "usage": USAGE})

    app.ai.define_model("asking", asking)

    @app.ai.tool()
    async def deciding(_what: str) -> str:
        """Ask a person."""
        raise Interrupt({"question": PROMPT})

    app.run(app.flow(lambda: app.ai.generate(model="asking", prompt=PROMPT, tools=["deciding"])))
    assert app.said == [("start", "flow"), ("model", "asking"), ("end", "flow", "Success")]


@pytest.mark.parametrize("mark", ["true", True])
def test_a_preview_and_all_inside_it_is_skipped(app: Application, mark: Any) -> None:
    """What the developer UI runs while somebody types is nobody's request."""
    inner = app.flow(lambda: app.ai.generate(prompt=PROMPT), "inner")
    outer = app.flow(lambda: inner("x"), "outer")
    asyncio.run(outer.run("x", telemetry_labels={"genkitx:ignore-trace": mark}))
    assert app.said == []
    app.run(outer)
    assert app.sums("FlowStarted", "GenerationCount") == (2, 1)


def test_what_the_developer_ui_runs_is_skipped(app: Application) -> None:
    """It has a thread of its own; what other threads run is counted."""
    flow = app.flow(lambda: app.ai.generate(prompt=PROMPT))
    for name in ("genkit-reflection-server", "a worker"):
        thread = threading.Thread(target=app.run, args=(flow,), name=name)
        thread.start()
        thread.join(10)
    assert app.sums("FlowStarted", "FlowCompleted", "GenerationCount") == (1, 1, 1)


# --- A guest


def test_no_prompt_and_no_answer_reaches_a_line(app: Application, captured: Any) -> None:
    """Input, output, context and what tools say are in the spans, and stay there."""

    @app.ai.flow(name="asking")
    async def asking(_input: str) -> str:
        return (await app.ai.generate(prompt=PROMPT, system=PROMPT, context={"auth": {"token": PROMPT}})).text

    asyncio.run(asking.run(PROMPT, context={"user": PROMPT, "auth": {"uid": PROMPT}}))
    assert app.sums("FlowCompleted", "GenerationCount") == (1, 1)
    assert b"Zanzibar" not in b"".join(captured.lines)


def test_the_spans_leave_as_before(provider: TracerProvider, app: Application) -> None:
    """Whoever exports traces gets the same spans, with nothing added to them."""
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    app.run(app.flow(lambda: app.ai.generate(prompt=PROMPT)))
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["answering", "generate", "flow"]
    assert not [key for span in spans for key in span.attributes or {} if "flowemf" in str(key)]


def test_a_forged_usage_changes_nothing(app: Application) -> None:
    """A model that has been talked into writing JSON is still counted with the numbers of its plugin."""
    forged = '"}]},"usage":{"inputTokens":1e9,"outputTokens":1e9},"custom":{}}'

    async def forging(_request: ModelRequest, _context: ActionRunContext) -> ModelResponse:
        return response(forged, custom={"usage": {"inputTokens": 999}}, raw={"text": forged})

    app.ai.define_model("forging", forging)
    app.run(app.flow(lambda: app.ai.generate(model="forging", prompt=PROMPT)))
    assert app.sums("InputTokens", "OutputTokens", "TokensUsed") == (11, 7, 18)


def test_a_model_without_usage_is_counted_without_tokens(app: Application) -> None:
    """A plugin that reports nothing gives a generation, a duration, and no zeros."""

    async def silent(_request: ModelRequest, _context: ActionRunContext) -> ModelResponse:
        return response(usage={})

    app.ai.define_model("silent", silent)
    app.run(app.flow(lambda: app.ai.generate(model="silent", prompt=PROMPT)))
    (generation,) = [line for line in app.lines if "ModelID" in line]
    assert "GenerationDuration" in generation
    assert not {"InputTokens", "OutputTokens", "TokensUsed"} & generation.keys()
