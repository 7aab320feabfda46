"""The middleware with ASGI's messages passed by hand: clients that go away, servers of either version, odd scopes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

import flowemf
from flowemf.integrations.asgi import FlowMiddleware

Application = Callable[[Any, Any, Any], Any]


def serve(app: Application, monitor: flowemf.Monitor, *, received: list[str], send: Any = None) -> None:
    """Pass one request, and then the messages of these kinds."""
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "asgi": {"spec_version": "2.4"}}
    messages = iter(received)

    async def receive() -> dict[str, Any]:
        return {"type": next(messages), "body": b""}

    async def ignore(message: Any) -> None: ...

    asyncio.run(FlowMiddleware(app, monitor=monitor)(scope, receive, send or ignore))


def answer_in_two_parts(status: int) -> Application:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await receive()
        await send({"type": "http.response.body", "body": b"two", "more_body": False})
        await receive()

    return app


@pytest.mark.parametrize("status", [200, 500])
def test_a_client_that_goes_away_before_the_end_is_cancelled(
    monitor: flowemf.Monitor, captured: Any, status: int
) -> None:
    """Servers of version 2.3 swallow what is sent then; the message says that it has gone."""
    serve(answer_in_two_parts(status), monitor, received=["http.request", "http.disconnect", "http.disconnect"])
    assert captured.last["FlowCancelled"] == 1


@pytest.mark.parametrize(("status", "outcome"), [(200, "FlowCompleted"), (500, "FlowError")])
def test_a_client_that_goes_away_afterwards_has_its_answer(
    monitor: flowemf.Monitor, captured: Any, status: int, outcome: str
) -> None:
    """The message comes after every answer."""
    serve(answer_in_two_parts(status), monitor, received=["http.request", "http.request", "http.disconnect"])
    assert captured.last[outcome] == 1


def test_a_server_that_raises_for_a_client_that_has_gone_means_cancelled(
    monitor: flowemf.Monitor, captured: Any
) -> None:
    """Version 2.4 of the specification: sending raises OSError, which Starlette makes a ClientDisconnect of."""

    async def send(message: Any) -> None:
        if message.get("body"):
            raise BrokenPipeError("gone")

    with pytest.raises(ClientDisconnect):
        serve(
            Starlette(routes=[Route("/", lambda request: StreamingResponse(iter(["a", "b"])))]),
            monitor,
            received=["http.request"],
            send=send,
        )
    assert captured.last["FlowCancelled"] == 1


def test_a_body_that_never_comes_whole_is_cancelled(monitor: flowemf.Monitor, captured: Any) -> None:
    """The client has gone while it was still sending."""

    async def read(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    with pytest.raises(ClientDisconnect):
        serve(Starlette(routes=[Route("/", read)]), monitor, received=["http.disconnect"])
    assert captured.last["FlowCancelled"] == 1


def test_an_error_of_its_own_after_the_client_has_gone_stays_an_error(monitor: flowemf.Monitor, captured: Any) -> None:
    """A bug is no less of a bug when nobody looks."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise KeyError("usage")

    with pytest.raises(KeyError):
        serve(app, monitor, received=["http.disconnect"])
    assert (captured.last["FlowError"], captured.last["ErrorType"]) == (1, "GenericError")


def test_a_server_that_stops_cancels(monitor: flowemf.Monitor, captured: Any) -> None:
    """Asyncio's CancelledError, as everywhere."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        serve(app, monitor, received=[])
    assert captured.last["FlowCancelled"] == 1


@pytest.mark.parametrize("messages", [[], [{"type": "http.response.start", "status": 200, "headers": []}]])
def test_an_application_that_never_answers_has_failed(
    monitor: flowemf.Monitor, captured: Any, messages: list[Any]
) -> None:
    """Servers answer with 500 in its stead, or cut the connection."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    serve(app, monitor, received=[])
    assert captured.last["error_message"] == "ServerError: HTTP 500"


def test_a_file_that_the_server_sends_by_itself_ends_the_flow(monitor: flowemf.Monitor, captured: Any) -> None:
    """The extension http.response.pathsend takes the place of the body."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": "/dev/null"})

    serve(app, monitor, received=[])
    assert captured.last["FlowCompleted"] == 1


@pytest.mark.parametrize(
    "scope", [{"headers": [("no", "bytes")]}, {"headers": 7}, {"method": None}, {"app": 3, "path": 5}]
)
def test_a_scope_that_no_server_makes_is_served_all_the_same(monitor: flowemf.Monitor, scope: dict[str, Any]) -> None:
    """The application decides what to make of it."""
    called = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        called.append(scope)

    asyncio.run(FlowMiddleware(app, monitor=monitor)({"type": "http", "headers": [], **scope}, None, None))  # type: ignore[arg-type]
    assert len(called) == 1
