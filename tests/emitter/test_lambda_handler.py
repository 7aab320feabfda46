"""The decorator for Lambda handlers on its own: with contexts that know everything, something or nothing."""

from __future__ import annotations

import asyncio
import doctest
import inspect
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import MagicMock

import pytest

import flowemf
from flowemf import _calls
from flowemf._open_calls import OpenCalls
from flowemf.integrations import _asgi_routes, asgi, lambda_
from flowemf.integrations.lambda_ import handler


class Context:
    """What the runtime passes, with a time that runs."""

    aws_request_id = "r-1"
    function_version = "$LATEST"

    def __init__(self, remaining_ms: float = 10_000) -> None:
        self._end_seconds = time.monotonic() + remaining_ms / 1000

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(1000 * (self._end_seconds - time.monotonic())))


class Raising:
    """A stand-in that knows nothing, and says so loudly."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.fixture(autouse=True)
def _warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambda_, "_is_first", False)


@pytest.mark.parametrize(
    "decorate", [handler, handler(), handler("chat"), handler(name="chat")], ids=["bare", "()", "name", "name="]
)
def test_the_handler_stays_what_it_was(decorate: Callable[..., Any]) -> None:
    """With and without parentheses: name, docstring, signature, result and exceptions."""
    failure = KeyError("no such order")

    def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
        """Answer."""
        if "fail" in event:
            raise failure
        return event

    decorated = decorate(lambda_handler)
    assert (decorated.__name__, decorated.__doc__) == ("lambda_handler", "Answer.")
    assert inspect.signature(decorated) == inspect.signature(lambda_handler)
    event = {"a": 1}
    assert decorated(event, Context()) is event
    assert decorated(event, context=None) is event
    with pytest.raises(KeyError) as raised:
        decorated({"fail": 1}, None)
    assert raised.value is failure


@pytest.mark.parametrize(
    ("given", "in_lambda", "name"),
    [(None, "shop", "shop"), ("chat", "shop", "chat"), (None, None, "Service.handle"), ("chat", None, "chat")],
)
def test_the_flow_is_called_as_given_as_the_function_or_as_the_handler(
    monitor: flowemf.Monitor, captured: Any, monkeypatch: pytest.MonkeyPatch, given: Any, in_lambda: Any, name: str
) -> None:
    """A method is a handler, too: the context is its last argument."""
    if in_lambda:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", in_lambda)

    class Service:
        @handler(given, monitor=monitor)
        def handle(self, event: object, context: object) -> None: ...

    Service().handle({}, Context())
    assert [each["FlowName"] for each in captured.documents] == [name] * 2
    assert {each["request_id"] for each in captured.documents} == {"r-1"}


@pytest.mark.parametrize(
    "context",
    [None, object(), {}, 7, MagicMock(), Raising(), Context(0), Context(-5), type("Half", (), {"aws_request_id": 5})()],
    ids=lambda context: type(context).__name__,
)
def test_any_context_will_do(monitor: flowemf.Monitor, captured: Any, context: object) -> None:
    """Local runs and tests pass all kinds of things; what is not known is left out."""
    assert handler(monitor=monitor)(lambda event, context: 42)({}, context) == 42
    start, end = captured.documents
    assert (start["FlowStarted"], end["FlowCompleted"]) == (1, 1)
    assert monitor.stats() == {"lines_written": 2}


@pytest.mark.parametrize("remaining", [float("nan"), float("inf"), -1, True, "1000", 1e300])
def test_a_remaining_time_that_is_none_is_not_watched(
    monitor: flowemf.Monitor, captured: Any, remaining: object
) -> None:
    """Nobody watches it, and nothing raises."""
    context = MagicMock(get_remaining_time_in_millis=lambda: remaining)
    assert handler(monitor=monitor)(lambda event, context: _calls.watcher)({}, context) is None
    assert captured.last["FlowCompleted"] == 1


def test_a_disabled_monitor_costs_no_thread(make_monitor: Any, captured: Any) -> None:
    """Nothing is written, and nobody watches the time."""
    decorated = handler(monitor=make_monitor(disabled=True))(lambda event, context: _calls.watcher)
    assert decorated({}, Context()) is None
    assert captured.lines == []
    assert handler(monitor=make_monitor())(lambda event, context: _calls.watcher)({}, Context()) is not None


def test_the_first_invocation_of_a_process_is_its_cold_start(
    monitor: flowemf.Monitor, captured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside of Lambda the flow's name stands for the function's; the metric is inside the flow."""
    monkeypatch.setattr(lambda_, "_is_first", True)
    decorated = handler("chat", monitor=monitor)(lambda event, context: None)
    decorated({}, None)
    decorated({}, None)
    (cold,) = [each for each in captured.documents if "ColdStart" in each]
    assert (cold["FunctionName"], cold["flow_id"]) == ("chat", captured.documents[0]["flow_id"])
    assert [each for each in captured.documents if "initialization_type" in each] == [cold]


@pytest.mark.parametrize(
    ("made", "counted"),
    [
        ("on-demand", "on-demand"),
        ("", "on-demand"),
        ("snap-start", "snap-start"),
        ("provisioned-concurrency", None),
        ("lambda-managed-instances", None),
    ],
)
def test_an_environment_that_was_made_ahead_starts_cold_for_nobody(
    monitor: flowemf.Monitor, captured: Any, monkeypatch: pytest.MonkeyPatch, made: str, counted: str | None
) -> None:
    """The others say how they were made."""
    monkeypatch.setattr(lambda_, "_is_first", True)
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", made)
    handler("chat", monitor=monitor)(lambda event, context: None)({}, None)
    assert [each["initialization_type"] for each in captured.documents if "ColdStart" in each] == (
        [] if counted is None else [counted]
    )


def test_generators_and_coroutines_last_until_their_end(monitor: flowemf.Monitor, captured: Any, clock: Any) -> None:
    """Runtimes that stream, or await, take such handlers: the flow ends with the last part."""

    @handler("stream", monitor=monitor)
    def stream(event: object, context: object) -> Iterator[str]:
        clock.wait(10)
        yield "one"
        clock.wait(10)
        yield "two"

    @handler("wait", monitor=monitor)
    async def wait(event: object, context: object) -> int:
        clock.wait(30)
        return 42

    @handler("both", monitor=monitor)
    async def both(event: object, context: object) -> AsyncIterator[int]:
        clock.wait(40)
        yield 42

    async def run() -> list[int]:
        return [await wait({}, Context()), *[each async for each in both({}, Context())]]

    assert list(stream({}, Context())) == ["one", "two"]
    assert asyncio.run(run()) == [42, 42]
    ends = {each["FlowName"]: each["FlowDuration"] for each in captured.documents if "FlowDuration" in each}
    assert ends == {"stream": 20, "wait": 30, "both": 40}


def test_a_stream_that_nobody_reads_on_is_cancelled(monitor: flowemf.Monitor, captured: Any) -> None:
    """As with every flow."""

    @handler("stream", monitor=monitor)
    def stream(event: object, context: object) -> Iterator[str]:
        yield "one"
        yield "two"

    parts = stream({}, Context())
    next(iter(parts))
    parts.close()  # type: ignore[attr-defined]
    assert captured.last["FlowCancelled"] == 1


def test_what_was_bound_before_is_bound_again_after(monitor: flowemf.Monitor, captured: Any) -> None:
    """An invocation's own properties go with it, and so does what the handler has bound."""

    @handler("chat", monitor=monitor)
    def chat(event: object, context: object) -> None:
        monitor.bind(tenant="acme", stage="changed")

    monitor.bind(stage="prod")
    chat({}, Context())
    monitor.metric("After", 1)
    start, end, after = captured.documents
    assert (start["request_id"], start["stage"]) == ("r-1", "prod")
    assert (end["tenant"], end["stage"]) == ("acme", "changed")
    assert after["stage"] == "prod"
    assert not {"tenant", "request_id", "function_version"} & set(after)


def test_before_configure_the_handler_runs_and_nothing_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """Counted, said once; measured as soon as there is a monitor."""
    decorated = handler(lambda event, context: 42)
    assert decorated({}, Context()) == 42
    assert flowemf.stats()["not_configured"] == 1
    lines: list[bytes] = []
    flowemf.configure("App/Test", sink=lines.append)
    assert decorated({}, Context()) == 42
    assert len(lines) == 2


def test_a_handler_inside_a_handler_is_a_flow_inside_a_flow(monitor: flowemf.Monitor, captured: Any) -> None:
    """A router that calls others; the time of both is watched, and both are counted once when it is up."""
    inner = handler("inner", monitor=monitor)(lambda event, context: time.sleep(0.25))
    outer = handler("outer", monitor=monitor)(inner)
    outer({}, Context(200))
    ends = {each["FlowName"]: each for each in captured.documents if "FlowDuration" in each}
    assert len(captured.documents) == 4
    assert {each["ErrorType"] for each in ends.values()} == {"Timeout"}
    assert ends["inner"]["parent_flow_id"] == ends["outer"]["flow_id"]


def test_the_time_that_is_up_is_told_with_what_was_bound_and_known(monitor: flowemf.Monitor, captured: Any) -> None:
    """From another thread: each line has its own flow, what was bound when its call began, and the usage so far."""

    @handler("chat", monitor=monitor)
    def chat(event: object, context: object) -> None:
        monitor.bind(tenant="acme")
        with monitor.flow("inner"), monitor.generation("nova") as generation:
            generation.record_usage(output_tokens=7)
            time.sleep(0.3)

    chat({}, Context(250))
    *_, generation, inner, chat_end = captured.documents
    assert (generation["GenerationError"], generation["OutputTokens"]) == (1, 7)
    assert generation["flow_id"] == inner["flow_id"] != chat_end["flow_id"]
    assert (generation["tenant"], generation["request_id"], chat_end["request_id"]) == ("acme", "r-1", "r-1")
    assert monitor.stats()["invocation_late"] == 1


def test_an_agent_that_is_away_does_not_hold_up_the_answer(make_monitor: Any) -> None:
    """The wait ends with the time that the invocation has left; the lines stay, and are said to be waiting."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        monitor = make_monitor(sink=f"tcp://127.0.0.1:{listener.getsockname()[1]}", log_group="shop")
        decorated = handler("chat", monitor=monitor)(lambda event, context: 42)
        started_seconds = time.monotonic()
        assert decorated({}, Context(300)) == 42
        assert time.monotonic() - started_seconds < 0.4
        assert monitor.stats()["invocation_unwritten"] == 1
        listener.listen()
        assert flowemf.flush(20)
    assert monitor.stats()["lines_written"] == 2


def test_each_end_is_written_once_however_close_they_come() -> None:
    """Calls end by themselves while the time runs out: whoever is first writes, and nobody else does."""

    class Call:
        def __init__(self) -> None:
            self.ends: list[str] = []

        def write_end(self, error: BaseException) -> None:
            self.ends.append("told")

    def end(call: Call) -> None:
        if open_calls.take(call):
            call.ends.append("own")

    for _ in range(20):
        open_calls = OpenCalls()
        calls = [Call() for _ in range(200)]
        for call in calls:
            open_calls.add(call)
        with ThreadPoolExecutor(3) as threads:
            told = threads.submit(open_calls.end_all, TimeoutError())
            list(threads.map(end, calls))
        assert [len(call.ends) for call in calls] == [1] * len(calls)
        assert told.result() == sum(call.ends == ["told"] for call in calls)


def test_a_call_that_ends_while_another_is_told_ends_by_itself() -> None:
    """What writes the end of one call may end the call around it: that one is not told, and not counted as told."""
    written: list[str] = []

    class Call:
        def __init__(self, name: str) -> None:
            self.name = name

        def write_end(self, error: BaseException) -> None:
            written.append(self.name)
            assert open_calls.take(outer)

    open_calls = OpenCalls()
    outer, inner = Call("outer"), Call("inner")
    open_calls.add(outer)
    open_calls.add(inner)
    assert open_calls.end_all(TimeoutError()) == 1
    assert written == ["inner"]


@pytest.mark.parametrize("module", [lambda_, asgi, _asgi_routes], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_of_the_integrations_run(module: Any) -> None:
    """Each gives what it shows."""
    flowemf.configure("App/Test", sink=lambda line: None)
    assert doctest.testmod(module).failed == 0
