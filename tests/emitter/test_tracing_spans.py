"""enable_xray_tracing: the spans around flows and generations, seen by the real OpenTelemetry SDK."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.util._once import Once

from flowemf import Monitor
from flowemf._tracing import context as _trace_context

SECRET = "AKIA" + "IOSFODNN7EXAMPLE"
TRACE, CALLER = "4efaaf4d1e8720b39541901950019ee5", "53995c3f42cd8ad8"


class Spans:
    """What has ended, by name."""

    def __init__(self, provider: TracerProvider) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracer = provider.get_tracer("app")
        self.provider = provider
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def all(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    @property
    def last(self) -> Any:
        return self.all[-1]

    def named(self, name: str) -> Any:
        (found,) = [span for span in self.all if span.name == name]
        return found


@pytest.fixture(autouse=True)
def _fresh_provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each test set the one provider that a process may set."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    yield
    _trace_context.drop()


@pytest.fixture
def spans() -> Spans:
    """Set a provider, as an application does."""
    provider = TracerProvider()
    trace.set_tracer_provider(provider)
    return Spans(provider)


@pytest.fixture
def traced(make_monitor: Callable[..., Monitor]) -> Monitor:
    """Make a monitor that opens spans."""
    return make_monitor(enable_xray_tracing=True)


def span_id_of(span: Any) -> str:
    return f"{span.context.span_id:016x}"


def test_a_flow_is_a_span(traced: Monitor, spans: Spans, captured: Any) -> None:
    """Named as the conventions want it; its lines name it, and it names the flow."""
    with traced.flow("chat") as flow:
        pass
    span = spans.last
    assert (span.name, span.kind, span.status.status_code) == (
        "invoke_workflow chat",
        SpanKind.INTERNAL,
        StatusCode.UNSET,
    )
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "chat",
        "flowemf.flow_id": flow.flow_id,
    }
    assert span.instrumentation_scope.name == "flowemf"
    assert [document["span_id"] for document in captured.documents] == [span_id_of(span)] * 2
    trace_id = f"{span.context.trace_id:032x}"
    assert captured.last["trace_id"] == f"1-{trace_id[:8]}-{trace_id[8:]}"


def test_a_generation_is_a_span_with_its_usage(traced: Monitor, spans: Spans, captured: Any, clock: Any) -> None:
    """Numbers with our meaning, under the names of the conventions."""
    with traced.generation("nova") as generation:
        clock.wait(80)
        generation.first_token()
        generation.record_usage(
            input_tokens=36,
            output_tokens=7,
            cache_read_tokens=22,
            cache_write_tokens=3,
            reasoning_tokens=5,
            resolved_model_id="nova-2",
        )
    span = spans.last
    assert (span.name, span.kind) == ("chat nova", SpanKind.CLIENT)
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "nova",
        "gen_ai.response.model": "nova-2",
        "gen_ai.response.time_to_first_chunk": 0.08,
        "gen_ai.usage.input_tokens": 36,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 22,
        "gen_ai.usage.cache_creation.input_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 5,
    }
    assert captured.last["span_id"] == span_id_of(span)


def test_spans_nest_as_calls_do(traced: Monitor, spans: Spans) -> None:
    """The application's own spans among them."""
    with spans.tracer.start_as_current_span("request") as request, traced.flow("outer"), traced.flow("inner"):
        with traced.generation("nova"), spans.tracer.start_as_current_span("http"):
            pass
        with spans.tracer.start_as_current_span("after"):
            pass
    parents = {span.name: span.parent and span.parent.span_id for span in spans.all}
    identifiers = {span.name: span.context.span_id for span in spans.all}
    assert parents == {
        "request": None,
        "invoke_workflow outer": identifiers["request"],
        "invoke_workflow inner": identifiers["invoke_workflow outer"],
        "chat nova": identifiers["invoke_workflow inner"],
        "http": identifiers["chat nova"],
        "after": identifiers["invoke_workflow inner"],
    }
    assert {span.context.trace_id for span in spans.all} == {request.get_span_context().trace_id}
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_an_error_is_recorded_without_its_secrets(traced: Monitor, spans: Spans) -> None:
    """Type, class and cleaned message; no stack trace, whose last line would be the message as it is."""
    with pytest.raises(TimeoutError), traced.flow("chat"):
        raise TimeoutError(f"no answer to {SECRET}")
    span = spans.last
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "Timeout"
    (event,) = span.events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "builtins.TimeoutError"
    assert "no answer to" in event.attributes["exception.message"]
    assert set(event.attributes) == {"exception.type", "exception.message"}
    assert SECRET not in span.to_json()


def test_a_response_that_is_an_error_is_one_in_the_span(traced: Monitor, spans: Spans) -> None:
    """Without an exception there is no event, but a status."""
    with traced.generation("gemini") as generation:
        generation.record_response({"error": {"status": "RESOURCE_EXHAUSTED"}})
    assert (spans.last.status.status_code, spans.last.attributes["error.type"]) == (StatusCode.ERROR, "Throttling")
    assert spans.last.events == ()


@pytest.mark.parametrize("error", [asyncio.CancelledError(), GeneratorExit()])
def test_a_cancellation_is_no_error(traced: Monitor, spans: Spans, error: BaseException) -> None:
    """As in the lines."""
    with pytest.raises(type(error)), traced.flow("chat"):
        raise error
    assert spans.last.status.status_code is StatusCode.UNSET
    assert spans.last.attributes["flowemf.cancelled"] is True
    assert "error.type" not in spans.last.attributes


def test_names_are_cleaned_and_bounded(traced: Monitor, spans: Spans) -> None:
    """A span's name reaches another system than the lines do."""
    with traced.flow(f"chat {SECRET}"), traced.generation("m" * 5000), traced.flow(7):  # type: ignore[arg-type]
        pass
    assert not any(SECRET in span.to_json() for span in spans.all)
    assert max(len(span.name) for span in spans.all) < 300
    assert {span.name for span in spans.all} >= {"invoke_workflow"}


def test_tasks_have_their_own_spans(traced: Monitor, spans: Spans) -> None:
    """Two hundred flows at once, each with its generation, all below the request that started them."""

    @traced.flow("chat")
    async def chat(number: int) -> None:
        await asyncio.sleep(0.001 * (number % 3))
        async with traced.generation("nova") as generation:
            await asyncio.sleep(0)
            generation.record_usage(input_tokens=number)

    async def main() -> None:
        with traced.flow("request"):
            await asyncio.gather(*(chat(number) for number in range(200)))

    asyncio.run(main())
    flows = {span.context.span_id: span for span in spans.all if span.name == "invoke_workflow chat"}
    generations: list[Any] = [span for span in spans.all if span.name == "chat nova"]
    assert len({span.parent.span_id for span in generations} & set(flows)) == 200
    assert {span.parent.span_id for span in flows.values()} == {spans.named("invoke_workflow request").context.span_id}
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_thread_is_below_its_starter_only_where_it_takes_the_context_along(traced: Monitor, spans: Spans) -> None:
    """As with every context variable."""

    def work(name: str) -> None:
        with traced.flow(name):
            pass

    with traced.flow("starter"):
        context = contextvars.copy_context()
        threads = [
            threading.Thread(target=work, args=("alone",)),
            threading.Thread(target=context.run, args=(work, "along")),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert spans.named("invoke_workflow alone").parent is None
    starter = spans.named("invoke_workflow starter").context.span_id
    assert spans.named("invoke_workflow along").parent.span_id == starter


def test_the_consumer_of_a_generator_is_not_in_its_span(traced: Monitor, spans: Spans) -> None:
    """And the generator finds its own spans again, those of the application that it holds open too."""

    @traced.flow("stream")
    def stream() -> Iterator[str]:
        with spans.tracer.start_as_current_span("inner") as inner:
            yield "one"
            assert trace.get_current_span() is inner
            yield "two"
        with traced.generation("nova"):
            yield "three"

    with spans.tracer.start_as_current_span("consumer") as consumer:
        for _ in stream():
            assert trace.get_current_span() is consumer
        assert trace.get_current_span() is consumer
    flow = spans.named("invoke_workflow stream")
    assert flow.parent.span_id == consumer.get_span_context().span_id
    assert spans.named("inner").parent.span_id == flow.context.span_id
    assert spans.named("chat nova").parent.span_id == flow.context.span_id


def test_a_generation_that_streams_leaves_its_span_while_the_consumer_works(traced: Monitor, spans: Spans) -> None:
    """And comes back into it: what the stream does itself stands beneath it."""

    @traced.generation("nova")
    def stream() -> Iterator[str]:
        yield "one"
        with spans.tracer.start_as_current_span("inner"):
            pass

    with spans.tracer.start_as_current_span("consumer") as consumer:
        for _ in stream():
            assert trace.get_current_span() is consumer
    generation = spans.named("chat nova")
    assert generation.parent.span_id == consumer.get_span_context().span_id
    assert spans.named("inner").parent.span_id == generation.context.span_id


def test_an_async_generator_may_be_driven_from_several_tasks(
    traced: Monitor, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    """Each item from another task: nobody's context is changed, and OpenTelemetry has nothing to complain about."""

    @traced.flow("stream")
    async def stream() -> AsyncIterator[int]:
        for number in range(3):
            async with traced.generation("nova"):
                await asyncio.sleep(0)
            yield number

    async def take(items: AsyncIterator[int]) -> int:
        with spans.tracer.start_as_current_span("taker") as taker:
            item = await anext(items)
            assert trace.get_current_span() is taker
            return item

    async def main() -> None:
        items = stream()
        assert [await asyncio.create_task(take(items)) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(StopAsyncIteration):
            await asyncio.create_task(take(items))

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    flow = spans.named("invoke_workflow stream")
    generations: list[Any] = [span for span in spans.all if span.name == "chat nova"]
    assert [span.parent.span_id for span in generations] == [flow.context.span_id] * 3
    assert caplog.records == []


def test_a_block_that_ends_in_another_context_ends_its_span(
    traced: Monitor, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    """Frameworks do that; the context of the place where it ends stays as it is."""
    block = traced.flow("lifespan")

    async def leave() -> None:
        with spans.tracer.start_as_current_span("other") as other:
            await block.__aexit__(None, None, None)  # type: ignore[arg-type]
            assert trace.get_current_span() is other

    async def main() -> None:
        await asyncio.create_task(block.__aenter__())  # type: ignore[arg-type]
        await asyncio.create_task(leave())

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert spans.named("invoke_workflow lifespan").end_time
    assert caplog.records == []


@pytest.mark.parametrize(("flag", "recorded"), [("01", True), ("00", False)])
def test_a_bound_traceparent_is_the_parent(
    traced: Monitor, spans: Spans, captured: Any, flag: str, recorded: bool
) -> None:
    """And decides whether the trace is recorded; the lines name it in any case."""
    traced.bind(traceparent=f"00-{TRACE}-{CALLER}-{flag}")
    with traced.flow("chat"), traced.generation("nova"):
        pass
    assert {document["trace_id"] for document in captured.documents} == {f"1-{TRACE[:8]}-{TRACE[8:]}"}
    assert len(spans.all) == (2 if recorded else 0)
    if recorded:
        flow = spans.named("invoke_workflow chat")
        assert (f"{flow.context.trace_id:032x}", f"{flow.parent.span_id:016x}") == (TRACE, CALLER)
        assert flow.parent.is_remote


def test_a_lambda_invocation_is_the_parent(
    traced: Monitor, spans: Spans, monkeypatch: pytest.MonkeyPatch, captured: Any
) -> None:
    """So that the spans hang below the function's own segment in X-Ray."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={CALLER};Sampled=1;Lineage=1:a:0")
    with traced.flow("chat"):
        pass
    span = spans.last
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, CALLER)
    assert captured.last["trace_id"] == f"1-{TRACE[:8]}-{TRACE[8:]}"


@pytest.mark.parametrize("header", ["Root=1-2;Parent=x", "nonsense", "", f"Root=1-{TRACE[:8]}-{TRACE[8:]}"])
def test_an_invocation_without_a_parent_begins_a_trace(
    traced: Monitor, spans: Spans, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    """Half a header is no parent."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    with traced.flow("chat"):
        pass
    assert spans.last.parent is None


def test_what_is_not_recorded_still_has_identifiers(make_monitor: Any, captured: Any) -> None:
    """A sampler that drops everything changes no line."""
    trace.set_tracer_provider(TracerProvider(sampler=ALWAYS_OFF))
    with make_monitor(enable_xray_tracing=True).flow("chat"):
        pass
    start, end = captured.documents
    assert start["span_id"] == end["span_id"]


class Raising(SpanProcessor):
    """A span processor with a bug."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("start")

    def on_end(self, span: Any) -> None:
        raise RuntimeError("end")


def test_a_broken_span_processor_reaches_nobody(traced: Monitor, spans: Spans, captured: Any) -> None:
    """The lines are written, the result comes back, the trouble is counted."""
    spans.provider.add_span_processor(Raising())

    @traced.flow("chat")
    def chat() -> str:
        with traced.generation("nova"):
            return "answer"

    assert chat() == "answer"
    assert len(captured.documents) == 3
    assert traced.stats()["internal_error"] >= 2
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_processor_that_breaks_at_the_end_leaves_the_context_as_it_was(
    traced: Monitor, spans: Spans, captured: Any
) -> None:
    """A span that cannot end is left all the same."""

    class BreaksAtTheEnd(Raising):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            """Do nothing."""

    spans.provider.add_span_processor(BreaksAtTheEnd())
    with pytest.raises(ZeroDivisionError), traced.flow("chat"):
        _ = 1 / 0
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert traced.stats() == {"lines_written": 2, "internal_error": 1}
    assert captured.last["FlowError"] == 1


def test_hooks_and_one_call_generations_open_no_spans(traced: Monitor, spans: Spans) -> None:
    """Integrations make lines of spans with them: a span for each would go round in circles."""
    traced.on_flow_start("chat")
    traced.on_flow_end("chat", 1)
    traced.record_generation("nova", duration_ms=1)
    assert spans.all == []


@pytest.mark.parametrize("setting", [{"enable_flow_metrics": False, "enable_model_metrics": False}, {"disabled": True}])
def test_there_are_no_spans_where_there_are_no_lines(make_monitor: Any, spans: Spans, setting: dict[str, bool]) -> None:
    """Off means off."""
    monitor = make_monitor(enable_xray_tracing=True, **setting)
    with monitor.flow("chat"), monitor.generation("nova"):
        pass
    assert spans.all == []


def test_by_default_there_are_no_spans(monitor: Monitor, spans: Spans) -> None:
    """Though OpenTelemetry is there."""
    with monitor.flow("chat"), monitor.generation("nova"):
        pass
    assert spans.all == []
