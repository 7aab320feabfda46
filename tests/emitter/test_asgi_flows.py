"""What becomes of a request's flow: real Starlette applications, asked through httpx."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

import flowemf
from flowemf.integrations.asgi import FlowMiddleware

TRACEPARENT = "00-4efaaf4d1e8720b39541901950019ee5-53995c3f42cd8ad8-01"
TRACE_ID = "1-4efaaf4d-1e8720b39541901950019ee5"
Get = Callable[..., httpx.Response]


class ModelError(Exception):
    """The application's own, which it answers with a 503."""


@pytest.fixture
def get(monitor: flowemf.Monitor) -> Get:
    """Serve one endpoint at /path, ask for it, and give the answer."""

    def ask(endpoint: Callable[..., Any], method: str = "GET", **options: Any) -> httpx.Response:
        app = Starlette(
            routes=[Route("/path", endpoint, methods=["GET", "POST"])],
            middleware=[Middleware(FlowMiddleware, monitor=monitor)],
            exception_handlers={ModelError: lambda request, error: PlainTextResponse("busy", 503)},
        )

        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, "/path", **options)

        return asyncio.run(run())

    return ask


async def succeed(request: Request) -> Response:
    return JSONResponse({"answer": 42}, headers={"x-kept": "yes"})


async def time_out(request: Request) -> Response:
    raise TimeoutError("the model did not answer")


async def refuse(request: Request) -> Response:
    raise HTTPException(429, "too many of you")


async def not_found(request: Request) -> Response:
    return PlainTextResponse("no such item", 404)


async def unavailable(request: Request) -> Response:
    raise HTTPException(503)


async def fail_quietly(request: Request) -> Response:
    return PlainTextResponse("oh", 500)


async def fail_at_the_gateway(request: Request) -> Response:
    return PlainTextResponse("slow", 504)


async def fail_with_a_handler(request: Request) -> Response:
    raise ModelError("overloaded")


@pytest.mark.parametrize(
    ("endpoint", "status", "outcome", "error_type", "message"),
    [
        (succeed, 200, "FlowCompleted", None, None),
        (not_found, 404, "FlowCompleted", None, None),
        (refuse, 429, "FlowCompleted", None, None),
        (time_out, 500, "FlowError", "Timeout", "TimeoutError: the model did not answer"),
        (fail_quietly, 500, "FlowError", "GenericError", "ServerError: HTTP 500"),
        (fail_at_the_gateway, 504, "FlowError", "Timeout", "ServerError: HTTP 504"),
        (unavailable, 503, "FlowError", "Connection", "ServerError: HTTP 503"),
        (fail_with_a_handler, 503, "FlowError", "Connection", "ServerError: HTTP 503"),
    ],
)
def test_an_answer_of_500_or_more_is_an_error(
    get: Get, captured: Any, endpoint: Any, status: int, outcome: str, error_type: str | None, message: str | None
) -> None:
    """What the client did wrong is the flow's success; an exception that reaches the middleware says more than 500."""
    assert get(endpoint).status_code == status
    start, end = captured.documents
    assert (start["FlowName"], start["FlowStarted"], end[outcome]) == ("GET /path", 1, 1)
    assert (end.get("ErrorType"), end.get("error_message")) == (error_type, message)


def test_around_the_whole_application_the_exception_still_says_what_failed(
    monitor: flowemf.Monitor, captured: Any
) -> None:
    """Starlette answers with 500 and raises again: one error, with the exception's type."""
    app = FlowMiddleware(Starlette(routes=[Route("/path", time_out)]), monitor=monitor)

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            await client.get("/path")

    with pytest.raises(TimeoutError, match="the model did not answer"):
        asyncio.run(run())
    assert captured.last["ErrorType"] == "Timeout"
    assert len(captured.documents) == 2


def test_the_answer_stays_as_it_is(get: Get) -> None:
    """Status, headers and body pass through."""
    response = get(succeed)
    assert (response.json(), response.headers["x-kept"]) == ({"answer": 42}, "yes")


def test_a_streamed_answer_lasts_until_its_last_byte(get: Get, captured: Any, clock: Any) -> None:
    """The flow's duration is the client's; generations in the stream belong to the flow."""

    async def stream(request: Request) -> Response:
        async def words() -> AsyncIterator[str]:
            for word in ("one", "two", "three"):
                clock.wait(100)
                yield word

        return StreamingResponse(words())

    assert get(stream).text == "onetwothree"
    assert captured.last["FlowDuration"] == 300


def test_a_stream_that_breaks_off_is_an_error(get: Get, captured: Any) -> None:
    """The status said 200 long before."""

    async def stream(request: Request) -> Response:
        async def words() -> AsyncIterator[str]:
            yield "one"
            raise ConnectionError("the model hung up")

        return StreamingResponse(words())

    get(stream)
    assert captured.last["ErrorType"] == "Connection"


@pytest.mark.parametrize("streams", [False, True])
def test_work_in_the_background_is_not_in_the_duration_but_in_the_flow(
    get: Get, captured: Any, clock: Any, monitor: flowemf.Monitor, streams: bool
) -> None:
    """The client has its answer; what is generated afterwards still carries its flow_id."""

    async def afterwards() -> None:
        clock.wait(5000)
        with monitor.generation("nova"):
            pass
        raise ValueError("nobody waits for this")

    async def respond(request: Request) -> Response:
        clock.wait(10)
        kind = StreamingResponse if streams else PlainTextResponse
        content: Any = iter(["done"]) if streams else "done"
        return kind(content, background=BackgroundTask(afterwards))

    assert get(respond).text == "done"
    start, end, generation = captured.documents
    assert (end["FlowCompleted"], end["FlowDuration"]) == (1, 10)
    assert generation["flow_id"] == start["flow_id"] == end["flow_id"]


def test_what_is_bound_for_a_request_is_gone_after_it(get: Get, captured: Any, monitor: flowemf.Monitor) -> None:
    """The caller's own properties and trace are back, even where a request is served in the caller's context."""

    async def bind(request: Request) -> Response:
        monitor.bind(tenant="acme", caller="changed")
        return PlainTextResponse("bound")

    async def run() -> None:
        app = Starlette(routes=[Route("/", bind)], middleware=[Middleware(FlowMiddleware, monitor=monitor)])
        monitor.bind(caller="us")
        with monitor.flow("outer"):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
                await client.get("/", headers={"traceparent": TRACEPARENT})

    asyncio.run(run())
    _, start, end, outer = captured.documents
    assert (start["caller"], start["trace_id"]) == ("us", TRACE_ID)
    assert (end["caller"], end["tenant"], end["trace_id"]) == ("changed", "acme", TRACE_ID)
    assert end["parent_flow_id"] == outer["flow_id"]
    assert outer["caller"] == "us"
    assert not {"tenant", "trace_id"} & set(outer)


def test_a_traceparent_that_is_none_is_counted_and_the_request_served(
    get: Get, captured: Any, monitor: flowemf.Monitor
) -> None:
    """Headers are a client's to make up."""
    assert get(succeed, headers={"traceparent": "00-nonsense"}).status_code == 200
    assert "trace_id" not in captured.last
    assert monitor.stats()["traceparent_invalid"] == 1


def test_requests_at_once_do_not_see_each_other(captured: Any, monitor: flowemf.Monitor) -> None:
    """Twenty requests, interleaved: each line carries its own request's flow, tenant and trace."""

    async def work(request: Request) -> Response:
        tenant = request.path_params["tenant"]
        monitor.bind(tenant=tenant)
        await asyncio.sleep(0.001)
        async with monitor.generation("nova"):
            await asyncio.sleep(0.001)
        return PlainTextResponse(tenant)

    app = Starlette(routes=[Route("/{tenant}", work)], middleware=[Middleware(FlowMiddleware, monitor=monitor)])

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            headers = [{"traceparent": f"00-{number:032x}-53995c3f42cd8ad8-01"} for number in range(1, 21)]
            await asyncio.gather(*(client.get(f"/t{n}", headers=each) for n, each in enumerate(headers, start=1)))

    asyncio.run(run())
    flows: dict[str, list[Any]] = {}
    for each in captured.documents:
        flows.setdefault(each["flow_id"], []).append(each)
    assert len(flows) == 20
    for lines in flows.values():
        start, generation, end = lines
        assert generation["tenant"] == end["tenant"]
        assert len({each["trace_id"] for each in lines}) == 1
        assert int(end["tenant"][1:]) == int(start["trace_id"][-8:], 16)


def test_websockets_and_the_lifespan_pass_through(monitor: flowemf.Monitor, captured: Any) -> None:
    """They last as long as a connection or the program: neither is a flow."""
    seen = []

    async def socket(websocket: Any) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    class Lifespan:
        def __init__(self, app: Any) -> None: ...

        async def __aenter__(self) -> None:
            seen.append("up")

        async def __aexit__(self, *error: Any) -> None:
            seen.append("down")

    app = Starlette(
        routes=[WebSocketRoute("/socket", socket)],
        middleware=[Middleware(FlowMiddleware, monitor=monitor)],
        lifespan=Lifespan,
    )
    with TestClient(app) as client, client.websocket_connect("/socket") as websocket:
        assert websocket.receive_text() == "hello"
    assert seen == ["up", "down"]
    assert captured.lines == []


def test_before_configure_requests_are_served_and_counted_as_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """The default monitor is looked for with each request."""
    lines: list[bytes] = []
    app = Starlette(routes=[Route("/", succeed)], middleware=[Middleware(FlowMiddleware)])
    assert TestClient(app).get("/").status_code == 200
    assert flowemf.stats()["not_configured"] == 1
    flowemf.configure("App/Test", sink=lines.append)
    assert TestClient(app).get("/").status_code == 200
    assert len(lines) == 2


def test_importing_the_middleware_imports_no_framework(run_python: Any) -> None:
    """Whoever has another framework, or none, pays for none."""
    program = (
        "import sys; import flowemf.integrations.asgi; print(sorted({'starlette', 'fastapi', 'asyncio', 'typing'}"
        " & set(sys.modules)))"
    )
    assert run_python(program, flags=["-S"]).stdout == b"[]\n"
