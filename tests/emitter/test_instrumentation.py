"""Flows and generations around functions, coroutines, generators and blocks of the user's."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import flowemf
from flowemf import Monitor


def flow_lines(captured: Any) -> list[tuple[str, str]]:
    """Give each flow line as its flow's name and what became of it."""
    return [
        (document["FlowName"], document.get("Status", "Started"))
        for document in captured.documents
        if "FlowName" in document
    ]


class Odd(BaseException):
    """No Exception: what some frameworks use to stop a program."""


def test_a_decorated_function_keeps_its_result_signature_and_docstring(monitor: Monitor, captured: Any) -> None:
    """Nobody who calls it can tell that it is measured."""

    def answer(question: str, *, times: int = 2) -> str:
        """Repeat the question."""
        return question * times

    measured = monitor.flow("chat")(answer)
    assert measured("a", times=3) == "aaa"
    assert inspect.signature(measured) == inspect.signature(answer)
    assert (measured.__doc__, measured.__name__, measured.__module__) == (answer.__doc__, "answer", answer.__module__)
    assert flow_lines(captured) == [("chat", "Started"), ("chat", "Success")]


def test_a_flow_without_parentheses_takes_the_name_of_the_function(monitor: Monitor, captured: Any) -> None:
    """A method gives its class too; the function around a local one is left out."""

    class Agent:
        @monitor.flow
        def run(self) -> int:
            return 1

        @monitor.flow()
        def rest(self) -> int:
            return 2

        @monitor.flow
        @staticmethod
        def stop() -> int:
            return 3

        @monitor.flow("made")
        @classmethod
        def make(cls) -> str:
            return cls.__name__

    assert (Agent().run(), Agent().rest(), Agent.stop(), Agent.make()) == (1, 2, 3, "Agent")
    assert [name for name, status in flow_lines(captured) if status == "Success"] == [
        "Agent.run",
        "Agent.rest",
        "Agent.stop",
        "made",
    ]


@pytest.mark.parametrize(
    ("error", "status", "error_type"),
    [
        (ValueError("no"), "Error", "GenericError"),
        (TimeoutError(), "Error", "Timeout"),
        (KeyboardInterrupt(), "Error", "GenericError"),
        (SystemExit(3), "Error", "GenericError"),
        (Odd(), "Error", "GenericError"),
        (asyncio.CancelledError(), "Cancelled", None),
        (GeneratorExit(), "Cancelled", None),
    ],
)
def test_every_exception_is_measured_and_comes_through_unchanged(
    monitor: Monitor, captured: Any, error: BaseException, status: str, error_type: str | None
) -> None:
    """The same object, with no new cause or context; BaseException counts too."""

    @monitor.flow("chat")
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        fail()
    assert raised.value is error
    assert (error.__cause__, error.__context__) == (None, None)
    assert captured.last["Status"] == status
    assert captured.last.get("ErrorType") == error_type
    with pytest.raises(type(error)) as raised, monitor.flow("block"):
        raise error
    assert raised.value is error
    assert captured.last["Status"] == status


def test_the_duration_is_the_time_between_start_and_end(monitor: Monitor, captured: Any, clock: Any) -> None:
    """In milliseconds, with at most three decimals."""
    with monitor.flow("chat"):
        clock.wait(1234.56789)
    assert captured.last["FlowDuration"] == 1234.568
    assert captured.last["_aws"]["Timestamp"] == clock.wall_ms()


def test_a_flow_knows_the_flow_around_it(monitor: Monitor, captured: Any) -> None:
    """Start and end carry one identifier; what runs inside names it, and afterwards nobody does."""
    with monitor.flow("outer") as outer:
        with monitor.flow("inner") as inner:
            monitor.metric("Inside", 1)
        monitor.on_generate("nova", duration_ms=1)
    monitor.metric("Outside", 1)
    outer_start, inner_start, inside, inner_end, generation, outer_end, outside = captured.documents
    assert outer.flow_id == outer_start["flow_id"] == outer_end["flow_id"] == generation["flow_id"]
    assert inner.flow_id == inner_start["flow_id"] == inner_end["flow_id"] == inside["flow_id"]
    assert inner.flow_id != outer.flow_id
    assert inner_start["parent_flow_id"] == inner.parent_flow_id == outer.flow_id
    assert "parent_flow_id" not in outer_start
    assert outer.parent_flow_id is None
    assert "flow_id" not in outside


def test_a_coroutine_function_stays_one(monitor: Monitor, captured: Any, clock: Any) -> None:
    """The flow lasts until the coroutine has returned, not until it was made."""

    @monitor.flow("chat")
    async def answer(text: str) -> str:
        await asyncio.sleep(0)
        clock.wait(20)
        return text

    assert inspect.iscoroutinefunction(answer)
    assert asyncio.run(answer("yes")) == "yes"
    assert captured.last["FlowDuration"] == 20


def test_a_cancelled_task_is_cancelled_and_no_error(monitor: Monitor, captured: Any) -> None:
    """The cancellation goes on its way."""

    @monitor.flow("chat")
    async def wait_forever() -> None:
        async with monitor.generation("nova"):
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(wait_forever())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert flow_lines(captured) == [("chat", "Started"), ("chat", "Cancelled")]
    generation = captured.documents[1]
    assert generation["GenerationCount"] == 1
    assert "GenerationError" not in generation


def test_tasks_do_not_see_each_others_flows(monitor: Monitor, captured: Any) -> None:
    """A hundred tasks that share one block object each end their own flow."""
    block = monitor.flow("shared")

    async def request(number: int) -> None:
        monitor.bind(request=number)
        async with block as running:
            await asyncio.sleep(0.001 * (number % 3))
            monitor.metric("Inside", number)
            assert captured.last["flow_id"] == running.flow_id
            assert captured.last["request"] == number

    async def main() -> None:
        await asyncio.gather(*(request(number) for number in range(100)))

    asyncio.run(main())
    documents = captured.documents
    started = {document["flow_id"]: document["request"] for document in documents if "FlowStarted" in document}
    ended = {document["flow_id"]: document["request"] for document in documents if "FlowCompleted" in document}
    assert len(started) == 100
    assert started == ended
    assert not any("parent_flow_id" in document for document in documents)


def test_threads_that_share_a_block_each_end_their_own_flow(monitor: Monitor, captured: Any) -> None:
    """Overlapping blocks of one object are told apart."""
    block, first_is_in, second_is_in = monitor.flow("shared"), threading.Event(), threading.Event()
    identifiers = []

    def first() -> None:
        with block as running:
            identifiers.append(running.flow_id)
            first_is_in.set()
            second_is_in.wait(10)
        identifiers.append(captured.last["flow_id"])

    thread = threading.Thread(target=first)
    thread.start()
    first_is_in.wait(10)
    with block:
        second_is_in.set()
        thread.join(10)
    assert identifiers[0] == identifiers[1]
    assert flow_lines(captured).count(("shared", "Success")) == 2


def test_a_block_can_end_in_another_context_than_it_began_in(monitor: Monitor, captured: Any) -> None:
    """Some frameworks enter and leave in different tasks: the flow ends all the same."""
    block = monitor.flow("lifespan")

    async def main() -> None:
        await asyncio.create_task(block.__aenter__())  # type: ignore[arg-type]
        await asyncio.create_task(block.__aexit__(None, None, None))  # type: ignore[arg-type]

    asyncio.run(main())
    assert flow_lines(captured) == [("lifespan", "Started"), ("lifespan", "Success")]


def test_blocks_that_are_left_in_the_order_they_were_entered_each_end_their_own(
    monitor: Monitor, captured: Any, clock: Any
) -> None:
    """Not the innermost first, as `with` would; each has its own duration."""
    first, second = monitor.flow("first"), monitor.flow("second")

    def run() -> None:
        for block in (first, second):
            block.__enter__()
            clock.wait(10)
        for block in (first, second):
            block.__exit__(None, None, None)
            clock.wait(10)

    contextvars.copy_context().run(run)
    ends = [document for document in captured.documents if document["event"] == "flow.end"]
    assert [(end["FlowName"], end["FlowDuration"]) for end in ends] == [("first", 20), ("second", 20)]


def test_a_block_that_is_left_once_too_often_ends_nothing(monitor: Monitor, captured: Any) -> None:
    """Nor does it raise, or end the flow around it."""
    block = monitor.flow("chat")
    with monitor.flow("around"):
        with block:
            pass
        block.__exit__(None, None, None)
        assert flow_lines(captured) == [("around", "Started"), ("chat", "Started"), ("chat", "Success")]


def test_flows_that_end_in_another_context_are_not_kept_alive() -> None:
    """A server that enters in its own context and leaves in a request's stays within its memory."""
    monitor = Monitor("App", sink=lambda line: None)

    def serve(requests: int) -> None:
        for _ in range(requests):
            block = monitor.flow("request")
            block.__enter__()
            contextvars.copy_context().run(block.__exit__, None, None, None)

    server = contextvars.copy_context()
    server.run(serve, 500)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        server.run(serve, 1000)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 50_000


def test_a_generator_flows_until_it_is_exhausted(monitor: Monitor, captured: Any, clock: Any) -> None:
    """It stays a generator, takes what is sent and thrown into it, and returns what it returned."""

    @monitor.flow("stream")
    def stream() -> Iterator[Any]:
        received = yield "first"
        try:
            yield received
        except KeyError:
            clock.wait(5)
            yield "caught"
        return "done"

    assert inspect.isgeneratorfunction(stream)
    generator: Any = stream()
    assert captured.lines == []
    assert next(generator) == "first"
    assert generator.send("sent") == "sent"
    assert generator.throw(KeyError("x")) == "caught"
    assert flow_lines(captured) == [("stream", "Started")]
    with pytest.raises(StopIteration) as stopped:
        next(generator)
    assert stopped.value.value == "done"
    assert captured.last["FlowDuration"] == 5
    assert captured.last["Status"] == "Success"


def test_the_consumer_of_a_generator_is_not_in_its_flow(monitor: Monitor, captured: Any) -> None:
    """Between two items the context is the consumer's own."""

    @monitor.flow("stream")
    def stream() -> Iterator[int]:
        for number in range(2):
            monitor.metric("Inside", number)
            yield number

    with monitor.flow("consumer") as consumer:
        for _ in stream():
            monitor.metric("Outside", 1)
    documents = captured.documents
    assert {document["flow_id"] for document in documents if "Outside" in document} == {consumer.flow_id}
    assert {document["parent_flow_id"] for document in documents if "Inside" in document} == {consumer.flow_id}


def test_a_generator_that_is_closed_early_was_cancelled(monitor: Monitor, captured: Any) -> None:
    """Closed, or left behind by its consumer; its own `finally` runs first. One that was never begun writes nothing."""
    seen = []

    @monitor.flow("stream")
    def stream() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            seen.append("finally")

    stream()
    closed: Any = stream()
    next(closed)
    closed.close()
    next(iter(stream()))
    gc.collect()
    assert flow_lines(captured) == [("stream", "Started"), ("stream", "Cancelled")] * 2
    assert seen == ["finally"] * 2


def test_a_generator_that_fails_fails_its_flow(monitor: Monitor, captured: Any) -> None:
    """Also when it fails while it is being closed."""

    @monitor.flow("stream")
    def stream(when_closed: bool) -> Iterator[int]:
        try:
            yield 1
            raise ValueError("late")
        except GeneratorExit:
            if when_closed:
                raise OSError("closing failed") from None

    with pytest.raises(ValueError, match="late"):
        list(stream(False))
    generator: Any = stream(True)
    next(generator)
    with pytest.raises(OSError, match="closing failed"):
        generator.close()
    assert [status for _, status in flow_lines(captured)] == ["Started", "Error"] * 2


def test_an_async_generator_flows_until_it_is_exhausted(monitor: Monitor, captured: Any, clock: Any) -> None:
    """Success when it ends by itself, Cancelled when it is closed, Error when it fails."""

    @monitor.flow("stream")
    async def stream(fail: bool = False) -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            clock.wait(2)
            yield number
            if fail:
                raise ValueError("no")

    async def main() -> None:
        assert [number async for number in stream()] == [0, 1, 2]
        closed: Any = stream()
        assert await anext(closed) == 0
        await closed.aclose()
        with pytest.raises(ValueError, match="no"):
            [number async for number in stream(fail=True)]

    assert inspect.isasyncgenfunction(stream)
    asyncio.run(main())
    assert [status for _, status in flow_lines(captured)] == [
        *("Started", "Success"),
        *("Started", "Cancelled"),
        *("Started", "Error"),
    ]
    assert captured.documents[1]["FlowDuration"] == 6


def test_an_async_generator_takes_what_is_sent_and_thrown(monitor: Monitor, captured: Any) -> None:
    """Whoever talks to the generator talks to the user's."""

    @monitor.flow("stream")
    async def stream() -> AsyncIterator[Any]:
        received = yield "first"
        try:
            yield received
        except KeyError:
            yield "caught"

    async def main() -> list[Any]:
        generator: Any = stream()
        return [await anext(generator), await generator.asend("sent"), await generator.athrow(KeyError("x"))]

    assert asyncio.run(main()) == ["first", "sent", "caught"]


def test_callable_objects_and_partials_are_measured_by_what_they_are(monitor: Monitor, captured: Any) -> None:
    """A partial of a coroutine function gives a coroutine, and so does an object with such a `__call__`."""

    async def double(number: int) -> int:
        return number * 2

    class Doubler:
        async def __call__(self, number: int) -> int:
            return number * 2

    assert asyncio.run(monitor.flow("a")(functools.partial(double, 2))()) == 4
    assert asyncio.run(monitor.flow("b")(Doubler())(3)) == 6
    assert [status for _, status in flow_lines(captured)] == ["Started", "Success"] * 2


def test_a_generation_records_its_usage_and_its_first_token(monitor: Monitor, captured: Any, clock: Any) -> None:
    """Later usage replaces earlier numbers, as streams report them; only the first token counts as such."""
    with monitor.generation("nova") as generation:
        clock.wait(30)
        generation.first_token()
        clock.wait(70)
        generation.first_token()
        generation.record_usage(input_tokens=10, output_tokens=1)
        generation.record_usage(output_tokens=8, cache_read_tokens=4, resolved_model_id="nova-2024")
    document = captured.last
    assert document["TimeToFirstToken"] == 30
    assert document["GenerationDuration"] == 100
    assert (document["InputTokens"], document["OutputTokens"], document["CacheReadTokens"]) == (10, 8, 4)
    assert document["TokensUsed"] == 18
    assert document["resolved_model_id"] == "nova-2024"


def test_a_generation_decorates_functions_too(monitor: Monitor, captured: Any) -> None:
    """Each call is one generation; a failing one has its error type."""

    @monitor.generation("nova")
    def generate(fail: bool) -> str:
        if fail:
            raise ConnectionResetError("reset by peer")
        return "text"

    assert generate(False) == "text"
    with pytest.raises(ConnectionResetError):
        generate(True)
    assert [document.get("ErrorType") for document in captured.documents] == [None, "Connection"]


def test_what_is_switched_off_writes_nothing_and_changes_nothing(make_monitor: Any, captured: Any) -> None:
    """Flows, models, both, or everything: the decorated code runs as before."""
    without_flows = make_monitor(enable_flow_metrics=False)
    without_models = make_monitor(enable_model_metrics=False)
    without_both = make_monitor(enable_flow_metrics=False, enable_model_metrics=False)
    nothing = make_monitor(disabled=True)
    for monitor in (without_flows, without_models, without_both, nothing):
        with monitor.flow("chat") as flow, monitor.generation("nova") as generation:
            generation.first_token()
            generation.record_usage(input_tokens=1)
        monitor.on_flow_error("chat", 1, "no")
        monitor.on_generate("nova", duration_ms=1)
        assert (flow.flow_id is None) == (monitor is not without_models)
    nothing.metric("Documents", 1)
    assert [document["event"] for document in captured.documents] == [
        *("generation", "generation"),
        *("flow.start", "flow.end", "flow.end"),
    ]


def test_the_hooks_of_the_module_go_to_the_configured_monitor(captured: Any) -> None:
    """Everything that a monitor offers is there as a function too."""
    flowemf.configure("App/Test", sink=captured)
    flowemf.bind(tenant="acme")
    flowemf.on_flow_start("a")
    flowemf.on_flow_end("a", 1)
    flowemf.on_flow_error("a", 1, None)
    flowemf.on_flow_cancelled("a", 1)
    flowemf.on_generate("nova", duration_ms=1, input_tokens=2)
    flowemf.metric("Documents", 1)
    with flowemf.flow("b"), flowemf.generation("nova"):
        flowemf.unbind("tenant")
    assert len(captured.documents) == 9
    assert ["tenant" in document for document in captured.documents] == [True] * 7 + [False] * 2
    assert flowemf.stats() == {"lines_written": 9}
