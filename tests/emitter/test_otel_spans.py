"""What becomes of spans: failures, cancellations, samplers, limits, and an SDK that is switched off."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import Status, StatusCode

import flowemf
from flowemf import _calls
from flowemf._collecting import live_spans, processor
from flowemf._open_calls import OpenCalls
from flowemf.integrations import otel

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "nova"}
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper"}


class Collected:
    """A provider whose spans are collected, and what it exports."""

    def __init__(self, monitor: flowemf.Monitor, **settings: Any) -> None:
        self.provider = TracerProvider(**settings)
        self.early = self.provider.get_tracer("early")
        self.exporter = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        otel.install(monitor, tracer_provider=self.provider)
        self.tracer = self.provider.get_tracer("late")


Collect = Callable[..., Collected]


@pytest.fixture
def collect(make_monitor: Any) -> Iterator[Collect]:
    yield lambda **settings: Collected(make_monitor(), **settings)
    otel.uninstall()


@pytest.fixture
def tracer(collect: Collect) -> trace.Tracer:
    return collect().tracer


def ends(captured: Any) -> list[dict[str, Any]]:
    return [line for line in captured.documents if line["event"] == "flow.end"]


# --- What is read


def test_a_generation_span_becomes_a_whole_line(tracer: trace.Tracer, captured: Any) -> None:
    """Duration, tokens, first chunk and the model that answered; the conventions' other names too."""
    span = tracer.start_span("chat nova", attributes=CHAT, start_time=1_000_000_000)
    span.set_attributes(
        {
            "gen_ai.usage.input_tokens": 33,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.cache_read.input_tokens": 20,
            "gen_ai.usage.cache_write.input_tokens": 2,
            "gen_ai.usage.reasoning.output_tokens": 3,
            "gen_ai.response.time_to_first_chunk": 0.25,
            "gen_ai.response.model": "nova-2",
        }
    )
    span.end(2_234_567_891)
    line = captured.last
    assert line["GenerationDuration"] == 1234.568
    assert line["TimeToFirstToken"] == 250.0
    assert [line[name] for name in ("InputTokens", "OutputTokens", "TokensUsed")] == [33, 7, 40]
    assert [line[name] for name in ("CacheReadTokens", "CacheWriteTokens", "ReasoningTokens")] == [20, 2, 3]
    assert (line["ModelID"], line["resolved_model_id"]) == ("nova", "nova-2")
    context = span.get_span_context()
    assert line["trace_id"].replace("-", "")[1:] == f"{context.trace_id:032x}"
    assert line["span_id"] == f"{context.span_id:016x}"


@pytest.mark.parametrize("operation", ["chat", "generate_content", "text_completion"])
def test_each_operation_of_a_model_is_a_generation(tracer: trace.Tracer, captured: Any, operation: str) -> None:
    """As the conventions list them."""
    tracer.start_span("x", attributes={**CHAT, "gen_ai.operation.name": operation}).end()
    assert captured.last["event"] == "generation"


@pytest.mark.parametrize("operation", ["embeddings", "execute_tool", "create_agent", "retrieval", "", "chatting"])
def test_other_operations_are_no_generations(tracer: trace.Tracer, captured: Any, operation: str) -> None:
    """They have tokens sometimes, and never any that count as a generation's."""
    tracer.start_span("x", attributes={**CHAT, "gen_ai.operation.name": operation}).end()
    assert captured.lines == []


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        ("invoke_agent helper", AGENT, "helper"),
        ("invoke_agent helper", {"gen_ai.operation.name": "invoke_agent"}, "helper"),
        ("invoke_agent", {"gen_ai.operation.name": "invoke_agent"}, "invoke_agent"),
        ("x", {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "crew"}, "crew"),
    ],
)
def test_agents_and_workflows_are_flows(
    tracer: trace.Tracer, captured: Any, name: str, attributes: dict[str, str], expected: str
) -> None:
    """By the name that they have, in an attribute or in the name of the span."""
    tracer.start_span(name, attributes=attributes).end()
    assert [(line["event"], line["FlowName"]) for line in captured.documents] == [
        ("flow.start", expected),
        ("flow.end", expected),
    ]


@pytest.mark.parametrize(
    ("scope", "name", "expected"),
    [
        ("strands.telemetry.tracer", "invoke_agent Strands Agents", "Strands Agents"),
        ("strands.telemetry.tracer", "invoke_swarm", "invoke_swarm"),
        ("pydantic-ai", "agent run", "helper"),
    ],
)
def test_flows_that_only_their_names_give_away(
    collect: Collect, captured: Any, scope: str, name: str, expected: str
) -> None:
    """strands-agents sets attributes after the start; older releases of pydantic-ai have no operation."""
    collect().provider.get_tracer(scope).start_span(name, attributes={"agent_name": "helper"}).end()
    assert {line["FlowName"] for line in captured.documents} == {expected}


def test_prompts_and_answers_come_into_no_line(tracer: trace.Tracer, captured: Any) -> None:
    """In whichever attribute or event they are."""
    secret = "Zanzibar"
    held = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.prompt")
    with tracer.start_as_current_span("a", attributes={**AGENT, **dict.fromkeys(held, secret)}) as agent:
        agent.add_event("gen_ai.choice", {"message": secret, "gen_ai.output.messages": secret})
        with tracer.start_as_current_span("c", attributes={**CHAT, **dict.fromkeys(held, secret)}) as span:
            span.add_event("gen_ai.user.message", {"content": secret})
            span.set_status(Status(StatusCode.ERROR, "TimeoutError: too slow"))
    assert len(captured.documents) == 3
    assert secret not in b"".join(captured.lines).decode()


# --- Failures


class QuotaError(Exception):
    """An error that nobody knows."""


def raising(tracer: trace.Tracer, error: BaseException) -> None:
    """Run an agent whose model raises, as instrumentations written with context managers do."""
    with (
        pytest.raises(type(error)),
        tracer.start_as_current_span("a", attributes=AGENT),
        tracer.start_as_current_span("c", attributes=CHAT),
    ):
        raise error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError("too slow"), "Timeout"),
        (ConnectionResetError("gone"), "Connection"),
        (QuotaError("RESOURCE_EXHAUSTED: no more"), "Throttling"),
        (QuotaError("no author found, failed to generate"), "GenericError"),
    ],
)
def test_the_exception_gives_the_type(tracer: trace.Tracer, captured: Any, error: Exception, expected: str) -> None:
    """Of the generation and of the flow around it; both tell the message as the explicit API would."""
    raising(tracer, error)
    generation, end = captured.documents[1:]
    assert generation["ErrorType"] == end["ErrorType"] == expected
    assert generation["error_message"] == end["error_message"] == f"{type(error).__name__}: {error}"


def test_the_cause_of_an_exception_gives_the_type(tracer: trace.Tracer, captured: Any) -> None:
    """The exception itself is looked at where it passes through, with all that is beneath it."""
    error = QuotaError("wrapped")
    error.__cause__ = TimeoutError()
    raising(tracer, error)
    assert ends(captured)[0]["ErrorType"] == "Timeout"


def test_error_types_of_the_application_are_asked(make_monitor: Any, captured: Any) -> None:
    """By class, which a span alone could not tell."""
    provider = TracerProvider()
    otel.install(make_monitor(error_types={QuotaError: "Quota"}), tracer_provider=provider)
    raising(provider.get_tracer("x"), QuotaError("no more"))
    otel.uninstall()
    assert [line["ErrorType"] for line in captured.documents[1:]] == ["Quota", "Quota"]


def failed(tracer: trace.Tracer, *, attributes: dict[str, str], events: list[dict[str, str]], said: str | None) -> None:
    span = tracer.start_span("c", attributes=CHAT)
    span.set_attributes(attributes)
    for event in events:
        span.add_event("exception", event)
    span.set_status(Status(StatusCode.ERROR, said))
    span.end()


@pytest.mark.parametrize(
    ("attributes", "events", "said", "expected"),
    [
        ({"error.type": "ThrottlingException"}, [{"exception.type": "TimeoutError"}], None, "Throttling"),
        ({"error.type": "429"}, [], None, "RateLimit"),
        ({"error.type": "_OTHER"}, [{"exception.type": "builtins.TimeoutError"}], None, "Timeout"),
        ({"error.type": "ValidationException"}, [{"exception.type": "TimeoutError"}], None, "GenericError"),
        ({}, [{"exception.type": "openai.APITimeoutError"}], "429", "Timeout"),
        ({}, [{"exception.type": "KeyError"}, {"exception.type": "openai.RateLimitError"}], None, "RateLimit"),
        ({}, [{"exception.type": "genkit.GenkitError"}], "RESOURCE_EXHAUSTED: quota", "Throttling"),
        ({}, [], "UNAVAILABLE: later", "Connection"),
        ({}, [], "the request timed out", "Timeout"),
        ({}, [], "failed to generate", "GenericError"),
        ({}, [], None, "Unknown"),
    ],
)
def test_the_most_certain_sign_of_an_error_decides(
    tracer: trace.Tracer,
    captured: Any,
    attributes: dict[str, str],
    events: list[dict[str, str]],
    said: str | None,
    expected: str,
) -> None:
    """`error.type`, then the exception, then a status, then the words of the message."""
    failed(tracer, attributes=attributes, events=events, said=said)
    assert captured.last["ErrorType"] == expected
    assert captured.last["GenerationError"] == 1


def test_a_wrappers_error_is_resolved_to_what_went_wrong_inside(tracer: trace.Tracer, captured: Any) -> None:
    """Through a tool's span and one that is none of our business."""
    wrapper = {"exception.type": "genkit._core.GenkitError", "exception.message": "INTERNAL: something"}
    with tracer.start_as_current_span("a", attributes=AGENT) as agent:
        with tracer.start_as_current_span("t", attributes={"gen_ai.operation.name": "execute_tool"}) as tool:
            with tracer.start_as_current_span("GET /") as request:
                request.add_event("exception", {"exception.type": "httpx.ReadTimeout", "exception.message": "slow"})
                request.set_status(StatusCode.ERROR)
            tool.add_event("exception", wrapper)
            tool.set_status(StatusCode.ERROR)
        agent.add_event("exception", wrapper)
        agent.set_status(StatusCode.ERROR, "INTERNAL: something")
    assert ends(captured)[0]["ErrorType"] == "Timeout"


def test_an_error_that_was_overcome_does_not_name_the_next_one(tracer: trace.Tracer, captured: Any) -> None:
    """A second attempt has succeeded; what the flow failed with was its own."""
    with tracer.start_as_current_span("a", attributes=AGENT) as agent:
        with tracer.start_as_current_span("c", attributes=CHAT) as attempt:
            attempt.set_attribute("error.type", "ThrottlingException")
            attempt.set_status(StatusCode.ERROR, "slow down")
        agent.add_event("exception", {"exception.type": "shop.EmptyAnswer", "exception.message": "nothing"})
        agent.set_status(StatusCode.ERROR, "nothing")
    assert ends(captured)[0]["ErrorType"] == "GenericError"


def test_secrets_in_messages_are_redacted(tracer: trace.Tracer, captured: Any) -> None:
    """As everywhere."""
    failed(tracer, attributes={}, events=[], said="Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefghijklmnop failed")
    assert "eyJ" not in captured.last["error_message"]


# --- Cancellation


def test_a_cancelled_agent_is_cancelled(tracer: trace.Tracer, captured: Any) -> None:
    """Its span has no status and no event, for OpenTelemetry records no `BaseException`."""

    async def main() -> None:
        async def agent() -> None:
            with tracer.start_as_current_span("a", attributes=AGENT):
                await asyncio.sleep(30)

        task = asyncio.create_task(agent())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert [line["Status"] for line in ends(captured)] == ["Cancelled"]


def test_work_that_is_done_while_another_was_cancelled_is_not_cancelled(tracer: trace.Tracer, captured: Any) -> None:
    """The exception was there before the span began."""
    try:
        raise asyncio.CancelledError
    except asyncio.CancelledError:
        tracer.start_span("a", attributes=AGENT).end()
    assert [line["Status"] for line in ends(captured)] == ["Success"]


def test_a_cancellation_that_was_recorded_is_no_error(tracer: trace.Tracer, captured: Any) -> None:
    """Some instrumentations record it as they would an exception."""
    span = tracer.start_span("a", attributes=AGENT)
    span.record_exception(asyncio.CancelledError())
    span.set_status(StatusCode.ERROR)
    span.end()
    assert [line["Status"] for line in ends(captured)] == ["Cancelled"]


# --- Samplers


@pytest.mark.parametrize("which", ["early", "tracer"])
def test_every_flow_is_counted_however_few_are_sampled(collect: Collect, captured: Any, which: str) -> None:
    """200 of 200, with the attributes they were started with; what is exported stays what it was."""
    collected = collect(sampler=ParentBased(TraceIdRatioBased(0.1)))
    tracer = getattr(collected, which)
    for _ in range(200):
        with tracer.start_as_current_span("a", attributes=AGENT), tracer.start_as_current_span("c", attributes=CHAT):
            pass
    assert Counter(line["event"] for line in captured.documents) == {
        "flow.start": 200,
        "generation": 200,
        "flow.end": 200,
    }
    exported = collected.exporter.get_finished_spans()
    assert 0 < len(exported) < 120
    assert len(exported) % 2 == 0
    assert all(span.context.trace_flags.sampled for span in exported)


def test_what_is_sampled_out_stays_so_for_others(collect: Collect) -> None:
    """Trace flags go out in headers: they say what they said before."""
    collected = collect(sampler=ALWAYS_OFF)
    with collected.tracer.start_as_current_span("a", attributes=AGENT) as span:
        assert not span.get_span_context().trace_flags.sampled
        assert trace.get_current_span().get_span_context() is span.get_span_context()
    assert collected.exporter.get_finished_spans() == ()
    description = collected.provider.sampler.get_description()
    otel.uninstall()
    assert collected.provider.sampler is ALWAYS_OFF
    assert description == ALWAYS_OFF.get_description()
    assert not collected.early.start_span("a").is_recording()


# --- Limits


def genkit_model(tracer: trace.Tracer, answer: str) -> None:
    attributes = {"genkit:type": "action", "genkit:metadata:subtype": "model"}
    with tracer.start_as_current_span("fake/one", attributes=attributes) as span:
        usage = {"inputTokens": 11.0, "outputTokens": 7.0}
        span.set_attribute("genkit:output", json.dumps({"message": {"text": answer}, "usage": usage}))
        span.set_attribute("genkit:state", "success")


def test_tokens_that_a_limit_has_cut_off_are_counted_as_lost(
    make_monitor: Any, captured: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The generation is counted without them, and the remedy is said once."""
    monitor = make_monitor()
    provider = TracerProvider(span_limits=SpanLimits(max_span_attribute_length=100))
    otel.install(monitor, tracer_provider=provider)
    tracer = provider.get_tracer("genkit-tracer")
    for answer in ("x" * 200, "y" * 200, ""):
        genkit_model(tracer, answer)
    otel.uninstall()
    assert [line.get("InputTokens") for line in captured.documents] == [None, None, 11]
    assert monitor.stats()["usage_truncated"] == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT" in said


# --- A guest


def test_nothing_that_goes_wrong_reaches_the_application(
    collect: Collect, captured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither at the start nor at the end of a span; it is counted."""

    def broken(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    collected = collect()
    monkeypatch.setattr(processor.ANYBODY, "starting", broken)
    with collected.tracer.start_as_current_span("a", attributes=AGENT):
        pass
    monkeypatch.undo()
    monkeypatch.setattr(processor.ANYBODY, "ending", broken)
    with collected.tracer.start_as_current_span("a", attributes=AGENT):
        pass
    assert len(collected.exporter.get_finished_spans()) == 2
    assert otel._find_lines()._tally.as_dict()["internal_error"] == 2


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.request.model": 7, "gen_ai.agent.name": 7},
        {"gen_ai.request.model": "", "gen_ai.agent.name": ""},
        {"gen_ai.usage.input_tokens": "many", "gen_ai.usage.output_tokens": -1},
        {"gen_ai.usage.input_tokens": True, "gen_ai.usage.output_tokens": 1.5},
        {"gen_ai.response.time_to_first_chunk": "soon", "gen_ai.response.model": ["a", "b"]},
        {"gen_ai.response.time_to_first_chunk": -1, "error.type": 7},
    ],
)
@pytest.mark.parametrize("operation", ["chat", "invoke_agent"])
def test_attributes_of_the_wrong_kind_do_no_harm(
    collect: Collect, captured: Any, operation: str, attributes: dict[str, Any]
) -> None:
    """Each span is counted, and each line is valid."""
    collected = collect()
    span = collected.tracer.start_span("x", attributes={"gen_ai.operation.name": operation, **attributes})
    span.set_status(StatusCode.ERROR)
    span.end()
    assert captured.last["event"] == ("generation" if operation == "chat" else "flow.end")
    assert "internal_error" not in otel._find_lines()._tally.as_dict()


def test_a_span_that_ends_before_it_starts_is_counted_without_a_duration(tracer: trace.Tracer, captured: Any) -> None:
    """The wall clock may have been put back."""
    tracer.start_span("x", attributes=CHAT, start_time=2_000_000).end(1_000_000)
    assert captured.last["GenerationCount"] == 1
    assert "GenerationDuration" not in captured.last


def test_a_span_that_was_put_together_by_hand_is_counted_without_a_duration(collect: Collect, captured: Any) -> None:
    """Who replays spans into processors may leave their times out."""
    processors = collect().provider._active_span_processor
    identity = trace.SpanContext(1, 2, is_remote=False)
    span = ReadableSpan("chat nova", identity, attributes={**CHAT, "gen_ai.usage.input_tokens": 11})
    processors.on_start(span)  # type: ignore[arg-type] # as such programs do
    processors.on_end(span)
    assert (captured.last["ModelID"], captured.last["InputTokens"]) == ("nova", 11)
    assert "GenerationDuration" not in captured.last


@pytest.mark.parametrize(("levels", "generations"), [(63, 1), (64, 2)])
def test_a_generation_is_looked_for_through_so_many_spans(
    tracer: trace.Tracer, captured: Any, levels: int, generations: int
) -> None:
    """As many unrelated spans as no program has stand between two generations before both are counted."""
    with ExitStack() as stack:
        stack.enter_context(tracer.start_as_current_span("chat", attributes=CHAT))
        for _ in range(levels):
            stack.enter_context(tracer.start_as_current_span("GET /"))
        stack.enter_context(tracer.start_as_current_span("chat", attributes=CHAT))
    assert len(captured.documents) == generations


def test_what_fails_outside_of_flows_and_generations_is_nobody_s(tracer: trace.Tracer, captured: Any) -> None:
    """Nothing is written, and a flow that begins later fails with what goes wrong in itself."""
    with pytest.raises(TimeoutError), tracer.start_as_current_span("GET /"), tracer.start_as_current_span("SELECT"):
        raise TimeoutError("late")
    assert captured.lines == []
    with pytest.raises(ValueError, match="no"), tracer.start_as_current_span("a", attributes=AGENT):
        raise ValueError("no")
    assert [line["ErrorType"] for line in ends(captured)] == ["GenericError"]
    assert "internal_error" not in otel._find_lines()._tally.as_dict()


def test_the_ends_of_open_spans_may_be_written_early_and_only_once(
    collect: Collect, captured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is known by then; one that cannot be written takes nothing from the others."""
    watching = OpenCalls()
    monkeypatch.setattr(_calls, "watcher", watching)
    tracer = collect().tracer
    with (
        tracer.start_as_current_span("a", attributes=AGENT),
        tracer.start_as_current_span("c", attributes=CHAT) as chat,
    ):
        chat.set_attribute("gen_ai.usage.input_tokens", 11)
        assert watching.end_all(TimeoutError("the time is up")) == 2
    generation, flow = captured.documents[1:]
    assert (generation["ModelID"], generation["InputTokens"], generation["ErrorType"]) == ("nova", 11, "Timeout")
    assert (flow["FlowName"], flow["ErrorType"]) == ("helper", "Timeout")
    assert generation["flow_id"] == flow["flow_id"]

    def broken(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(processor.ANYBODY, "ending", broken)
    with tracer.start_as_current_span("a", attributes=AGENT), tracer.start_as_current_span("c", attributes=CHAT):
        watching.end_all(TimeoutError("the time is up"))
    assert [line["event"] for line in captured.documents[3:]] == ["flow.start", "flow.end"]
    assert otel._find_lines()._tally.as_dict()["internal_error"] == 1


def test_what_goes_wrong_before_configure_is_nobody_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nowhere to count it, and still nothing is raised."""

    def broken(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    provider = TracerProvider()
    otel.install(tracer_provider=provider)
    monkeypatch.setattr(processor.ANYBODY, "starting", broken)
    with provider.get_tracer("x").start_as_current_span("a", attributes=AGENT) as span:
        assert span.is_recording()
    otel.uninstall()


def test_spans_that_never_end_are_forgotten_in_the_end(
    collect: Collect, captured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest ones stay known; an old one that ends after all is left out."""
    monkeypatch.setattr(processor, "MOST_SPANS", 50)
    collected = collect()
    live = processor.nesting.watched
    assert isinstance(live, live_spans.LiveSpans)
    first = collected.tracer.start_span("x", attributes=AGENT)
    never = [collected.tracer.start_span("GET /") for _ in range(500)]
    assert 40 <= len(live.open) <= 50
    first.end()
    collected.tracer.start_span("x", attributes=AGENT).end()
    assert Counter(line["event"] for line in captured.documents) == {"flow.start": 2, "flow.end": 1}
    for span in never:
        span.end()
    assert len(live.open) == 0


def test_a_monitor_that_comes_later_is_used(captured: Any) -> None:
    """Until then calls are counted as made before `configure`, and said once."""
    provider = TracerProvider()
    otel.install(tracer_provider=provider)
    tracer = provider.get_tracer("x")
    tracer.start_span("x", attributes=CHAT).end()
    flowemf.configure("App/Test", sink=captured)
    tracer.start_span("x", attributes=CHAT).end()
    otel.uninstall()
    assert len(captured.documents) == 1
    assert flowemf.stats()["not_configured"] == 1
