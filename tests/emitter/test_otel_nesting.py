"""Each call is counted once, whoever collects it: spans inside spans, explicit blocks, our own hooks."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from opentelemetry import trace
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
from otel_services import SECRET_PROMPT, model_services, own_provider

import flowemf
from flowemf._collecting import nesting
from flowemf.integrations import bedrock, otel

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "nova"}


@pytest.fixture(autouse=True)
def tracer(monkeypatch: pytest.MonkeyPatch, captured: Any) -> Iterator[trace.Tracer]:
    """Give the tracer of some framework whose spans are collected."""
    with own_provider(monkeypatch) as provider:
        flowemf.configure("App/Test", sink=captured)
        otel.install()
        yield provider.get_tracer("somebody")
        otel.uninstall()
        bedrock.uninstall()


def agent(name: str) -> dict[str, str]:
    return {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}


def events(captured: Any) -> Counter[str]:
    return Counter(line["event"] for line in captured.documents)


def generations(captured: Any) -> list[str]:
    return [line["ModelID"] for line in captured.documents if line["event"] == "generation"]


# --- Spans inside spans


def test_the_outermost_of_two_generation_spans_is_counted(tracer: trace.Tracer, captured: Any) -> None:
    """Also where other spans stand between them."""
    with (
        tracer.start_as_current_span("chat", attributes={**CHAT, "gen_ai.request.model": "outer"}),
        tracer.start_as_current_span("POST /converse"),
        tracer.start_as_current_span("chat", attributes=CHAT),
    ):
        pass
    assert generations(captured) == ["outer"]


def test_generations_one_after_the_other_are_all_counted(tracer: trace.Tracer, captured: Any) -> None:
    """A span that has ended is around nothing, though it may still be the current one of some context."""
    with tracer.start_as_current_span("chat", attributes={**CHAT, "gen_ai.request.model": "first"}) as span:
        span.end()
        with tracer.start_as_current_span("chat", attributes={**CHAT, "gen_ai.request.model": "second"}):
            pass
    assert generations(captured) == ["first", "second"]


def test_a_span_that_says_late_what_it_is_is_known_by_those_inside_it(tracer: trace.Tracer, captured: Any) -> None:
    """Some frameworks set every attribute after the start."""
    with tracer.start_as_current_span("something") as span:
        span.set_attributes({**CHAT, "gen_ai.request.model": "outer"})
        with tracer.start_as_current_span("chat", attributes=CHAT):
            pass
    assert generations(captured) == ["outer"]


def test_a_span_that_says_at_its_end_what_it_is_is_counted(tracer: trace.Tracer, captured: Any) -> None:
    """A flow's start is then written together with its end: the numbers stay in balance."""
    with tracer.start_as_current_span("something") as span:
        span.set_attributes(agent("late"))
    assert events(captured) == {"flow.start": 1, "flow.end": 1}


# --- Explicit blocks


def test_an_explicit_generation_around_a_span_is_the_one_that_counts(tracer: trace.Tracer, captured: Any) -> None:
    """The outermost wins."""
    with flowemf.generation("explicit"), tracer.start_as_current_span("chat", attributes=CHAT):
        pass
    assert generations(captured) == ["explicit"]


def test_an_explicit_generation_inside_a_span_is_not_counted_again(tracer: trace.Tracer, captured: Any) -> None:
    """Nor does what is recorded on it do any harm."""
    with tracer.start_as_current_span("chat", attributes=CHAT), flowemf.generation("explicit") as generation:
        generation.first_token()
        generation.record_usage(input_tokens=1)
        generation.record_response({"usage": {"inputTokens": 1}})
    assert generations(captured) == ["nova"]


def test_an_explicit_generation_after_a_span_is_counted(tracer: trace.Tracer, captured: Any) -> None:
    """The span has ended."""
    with tracer.start_as_current_span("agent", attributes=agent("a")):
        with tracer.start_as_current_span("chat", attributes=CHAT):
            pass
        with flowemf.generation("explicit"):
            pass
    assert generations(captured) == ["nova", "explicit"]


def test_explicit_generations_inside_each_other_are_both_counted(captured: Any) -> None:
    """The application says so."""
    with flowemf.generation("outer"), flowemf.generation("inner"):
        pass
    assert generations(captured) == ["inner", "outer"]


def test_a_generator_that_is_a_generation_is_left_while_its_consumer_works(tracer: trace.Tracer, captured: Any) -> None:
    """What the consumer calls meanwhile is a call of its own."""

    @flowemf.generation("explicit")
    def answer() -> Iterator[str]:
        with tracer.start_as_current_span("chat", attributes=CHAT):
            yield "one"

    for _ in answer():
        with trace.use_span(trace.INVALID_SPAN), tracer.start_as_current_span("chat", attributes=CHAT):
            pass
    assert generations(captured) == ["nova", "explicit"]


def test_an_explicit_generation_with_a_span_of_ours_counts_once(
    tracer: trace.Tracer, captured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own spans are skipped, and so is what is inside them, also in threads, where no context variable goes."""
    flowemf.configure("App/Test", sink=captured, enable_xray_tracing=True)

    def call(current: trace.Span) -> None:
        with trace.use_span(current), tracer.start_as_current_span("chat", attributes=CHAT):
            pass

    with flowemf.flow("asking"), flowemf.generation("explicit"):
        thread = threading.Thread(target=call, args=(trace.get_current_span(),))
        thread.start()
        thread.join()
    assert events(captured) == {"flow.start": 1, "generation": 1, "flow.end": 1}
    assert generations(captured) == ["explicit"]


def test_what_another_integration_measures_is_not_counted_again(tracer: trace.Tracer, captured: Any) -> None:
    """It says so, and gets None where a span is around it."""
    measured = nesting.begin()
    assert measured is not None
    with tracer.start_as_current_span("chat", attributes=CHAT), flowemf.generation("explicit"):
        assert nesting.begin() is None
    nesting.end(measured)
    nesting.end(measured)
    assert generations(captured) == []
    with tracer.start_as_current_span("chat", attributes=CHAT):
        assert nesting.begin() is None
        assert nesting.inside_generation()
    assert not nesting.inside_generation()
    assert generations(captured) == ["nova"]


def test_a_measured_call_that_ends_in_another_context_is_over_in_all_of_them() -> None:
    """Contexts are copied at will."""
    outer = nesting.begin()
    copied = contextvars.copy_context()
    assert copied.run(nesting.inside_generation)
    copied.run(nesting.end, outer)
    assert not copied.run(nesting.inside_generation)
    assert not nesting.inside_generation()
    assert nesting.begin() is not None
    nesting.end(nesting._measured.get())


# --- Flows


def test_flows_of_both_kinds_know_which_is_around_which(tracer: trace.Tracer, captured: Any) -> None:
    """Explicit in automatic in explicit, and generations of both kinds in each."""
    with (
        flowemf.flow("one"),
        tracer.start_as_current_span("agent", attributes=agent("two")),
        tracer.start_as_current_span("GET /"),
        flowemf.flow("three"),
        tracer.start_as_current_span("agent", attributes=agent("four")),
    ):
        with flowemf.generation("explicit"):
            pass
        with tracer.start_as_current_span("chat", attributes=CHAT):
            pass
        flowemf.metric("Own", 1)
    lines = captured.documents
    one, two, three, four = [line for line in lines if line["event"] == "flow.start"]
    assert "parent_flow_id" not in one
    assert [each["parent_flow_id"] for each in (two, three, four)] == [each["flow_id"] for each in (one, two, three)]
    inside = [line for line in lines if line["event"] in ("generation", "metric")]
    assert [line["flow_id"] for line in inside] == [four["flow_id"]] * 3
    assert [line["FlowName"] for line in lines if line["event"] == "flow.end"] == ["four", "three", "two", "one"]


@pytest.mark.parametrize("explicit_first", [True, False])
def test_a_flow_that_both_measure_is_one_flow(tracer: trace.Tracer, captured: Any, explicit_first: bool) -> None:
    """It has the same name and is directly around; what is inside belongs to it."""
    automatic = tracer.start_as_current_span("agent", attributes=agent("asking"))
    blocks = (flowemf.flow("asking"), automatic) if explicit_first else (automatic, flowemf.flow("asking"))
    with blocks[0], blocks[1], tracer.start_as_current_span("chat", attributes=CHAT):
        pass
    start, generation, end = captured.documents
    assert (start["event"], generation["event"], end["event"]) == ("flow.start", "generation", "flow.end")
    assert start["flow_id"] == generation["flow_id"] == end["flow_id"]


def test_a_flow_that_calls_itself_is_counted_each_time(tracer: trace.Tracer, captured: Any) -> None:
    """Only the outermost automatic one can be the one that the application measures."""
    with (
        flowemf.flow("asking"),
        tracer.start_as_current_span("agent", attributes=agent("asking")),
        tracer.start_as_current_span("agent", attributes=agent("asking")),
    ):
        pass
    assert events(captured) == {"flow.start": 2, "flow.end": 2}


def test_tasks_cannot_see_each_others_flows(tracer: trace.Tracer, captured: Any) -> None:
    """Ten at once, each with its own generation."""

    async def ask(number: int) -> None:
        with tracer.start_as_current_span("agent", attributes=agent(f"agent-{number}")):
            await asyncio.sleep(0.001)
            with tracer.start_as_current_span("chat", attributes={**CHAT, "gen_ai.request.model": f"model-{number}"}):
                await asyncio.sleep(0.001)

    async def main() -> None:
        await asyncio.gather(*(ask(number) for number in range(10)))

    asyncio.run(main())
    names = {line["flow_id"]: line["FlowName"] for line in captured.documents if line["event"] == "flow.start"}
    pairs = {(names[line["flow_id"]], line["ModelID"]) for line in captured.documents if line["event"] == "generation"}
    assert pairs == {(f"agent-{number}", f"model-{number}") for number in range(10)}


def test_disabled_flow_metrics_leave_the_generations(tracer: trace.Tracer, captured: Any) -> None:
    """A flow that writes nothing gives its generations no identifier."""
    flowemf.configure("App/Test", sink=captured, enable_flow_metrics=False)
    agents, models = agent("a"), CHAT
    with (
        tracer.start_as_current_span("agent", attributes=agents),
        tracer.start_as_current_span("chat", attributes=models),
    ):
        pass
    assert events(captured) == {"generation": 1}
    assert "flow_id" not in captured.last


# --- All at once


@pytest.mark.parametrize("hook_first", [True, False])
@pytest.mark.parametrize("explicit", [True, False])
def test_strands_with_botocores_instrumentation_and_our_hook_counts_each_call_once(
    captured: Any, hook_first: bool, explicit: bool
) -> None:
    """Three would count the same call; as many lines as requests have arrived."""
    from strands import Agent
    from strands.models import BedrockModel

    def attach(*attaching: Callable[[], object]) -> None:
        for each in attaching if hook_first else reversed(attaching):
            each()

    session = boto3.Session(region_name="us-east-1")
    instrumentor = BotocoreInstrumentor()
    once = Config(retries={"total_max_attempts": 1})
    with model_services() as services:
        attach(lambda: bedrock.install(session), instrumentor.instrument)
        try:
            model = BedrockModel(
                model_id="nova", endpoint_url=services.url, boto_client_config=once, boto_session=session
            )
            helper = Agent(model=model, name="helper", callback_handler=None)
            for _ in range(3):
                if explicit:
                    with flowemf.flow("helper"):
                        helper(SECRET_PROMPT)
                else:
                    helper(SECRET_PROMPT)
            client = session.client("bedrock-runtime", endpoint_url=services.url, config=once)
            client.converse(modelId="direct", messages=[{"role": "user", "content": [{"text": SECRET_PROMPT}]}])
        finally:
            instrumentor.uninstrument()
    assert len(services.paths) == 4
    assert generations(captured) == ["nova", "nova", "nova", "direct"]
    assert events(captured) == {"flow.start": 3, "generation": 4, "flow.end": 3}
    for line in captured.documents:
        if line["event"] == "generation":
            assert (line["InputTokens"], line["OutputTokens"], line["TokensUsed"]) == (33, 7, 40)
