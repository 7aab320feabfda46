"""Requests are named by their route's template: real Starlette and FastAPI applications, asked through httpx."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router
from starlette.types import ASGIApp

import flowemf
from flowemf.integrations.asgi import FlowMiddleware


async def answer(request: Any) -> PlainTextResponse:
    return PlainTextResponse("answer")


async def other_answer(request: Any) -> PlainTextResponse:
    return PlainTextResponse("another answer")


async def plain_asgi(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("plain")(scope, receive, send)


def starlette_application(middleware: list[Middleware]) -> Starlette:
    tenants = Router([Route("/reports/{year:int}", answer), Route("/", answer)])
    return Starlette(
        routes=[
            Route("/items/{item_id}", answer),
            Route("/items/{item_id}", other_answer, methods=["DELETE"]),
            Route("/files/{path:path}", answer),
            Mount("/tenants/{tenant}", app=tenants, name="tenants"),
            Mount("/nested", routes=[Mount("/deeper", routes=[Route("/end/{x:float}", answer)])]),
            Mount("/inner", app=Starlette(routes=[Route("/here/{x}", answer)])),
            Mount("/plain", app=plain_asgi),
            Host("{shop}.example.org", app=Router([Route("/basket/{x}", answer)])),
        ],
        middleware=middleware,
    )


def fastapi_application(middleware: list[Middleware]) -> FastAPI:
    app = FastAPI(middleware=middleware)

    @app.get("/items/{item_id}")
    async def item(item_id: int) -> dict[str, int]:
        return {"item": item_id}

    chats = APIRouter(prefix="/chats")

    @chats.post("/{chat_id}/messages")
    def message(chat_id: str) -> str:
        return "sent"

    inner = APIRouter(prefix="/v1", tags=["v1"])
    inner.include_router(chats)
    app.include_router(inner, prefix="/api")
    mounted = FastAPI()

    @mounted.get("/users/{name}")
    async def user(name: str) -> str:
        return name

    app.mount("/admin", mounted)
    return app


def names_of(
    make: Callable[[list[Middleware]], ASGIApp],
    monitor: flowemf.Monitor,
    captured: Any,
    requests: list[tuple[str, str]],
) -> list[str]:
    """Ask an application, and give the names of its flows in the order of the requests."""
    app = make([Middleware(FlowMiddleware, monitor=monitor)])
    ask(app, requests)
    started = [each["FlowName"] for each in captured.documents if "FlowStarted" in each]
    ended = [each["FlowName"] for each in captured.documents if "FlowDuration" in each]
    assert started == ended
    return started


def ask(app: ASGIApp, requests: list[tuple[str, str]], root_path: str = "") -> None:
    async def run() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for method, path in requests:
                await client.request(method, path)

    asyncio.run(run())


STARLETTE = [
    ("GET", "/items/5", "GET /items/{item_id}"),
    ("GET", "/items/5?q=secret", "GET /items/{item_id}"),
    ("DELETE", "/items/5", "DELETE /items/{item_id}"),
    ("HEAD", "/items/5", "HEAD /items/{item_id}"),
    ("OPTIONS", "/items/5", "OPTIONS /items/{item_id}"),
    ("BREW", "/items/5", "(other method) /items/{item_id}"),
    ("GET", "/files/a/b/c", "GET /files/{path}"),
    ("GET", "/tenants/acme/reports/2026", "GET /tenants/{tenant}/reports/{year}"),
    ("GET", "/tenants/acme/", "GET /tenants/{tenant}/"),
    ("GET", "/tenants/acme/wp-login.php", "GET (no route)"),
    ("GET", "/nested/deeper/end/1.5", "GET /nested/deeper/end/{x}"),
    ("GET", "/inner/here/1", "GET /inner/here/{x}"),
    ("GET", "/plain/whatever/it/is", "GET /plain/{path}"),
    ("GET", "http://books.example.org/basket/1", "GET /basket/{x}"),
    ("GET", "/items/5/", "GET (no route)"),
    ("GET", "/.env", "GET (no route)"),
    ("PROPFIND", "/.env", "(other method) (no route)"),
]


def test_starlette_requests_are_named_by_their_route(monitor: flowemf.Monitor, captured: Any) -> None:
    """Mounts and routers join their templates; what a client makes up never becomes a name."""
    found = names_of(starlette_application, monitor, captured, [(method, path) for method, path, _ in STARLETTE])
    assert found == [name for _, _, name in STARLETTE]


FASTAPI = [
    ("GET", "/items/5", "GET /items/{item_id}"),
    ("GET", "/items/five", "GET /items/{item_id}"),
    ("POST", "/items/5", "POST /items/{item_id}"),
    ("POST", "/api/v1/chats/7/messages", "POST /api/v1/chats/{chat_id}/messages"),
    ("GET", "/admin/users/ada", "GET /admin/users/{name}"),
    ("GET", "/openapi.json", "GET /openapi.json"),
    ("GET", "/api/v1/unknown", "GET (no route)"),
]


def test_fastapi_requests_are_named_by_their_route(monitor: flowemf.Monitor, captured: Any) -> None:
    """Included routers, their prefixes, mounted applications, and requests that fail their validation."""
    found = names_of(fastapi_application, monitor, captured, [(method, path) for method, path, _ in FASTAPI])
    assert found == [name for _, _, name in FASTAPI]


@pytest.mark.parametrize("make", [starlette_application, fastapi_application])
@pytest.mark.parametrize("layers", [0, 2])
def test_the_middleware_may_be_around_the_whole_application(
    monitor: flowemf.Monitor, captured: Any, make: Callable[..., Any], layers: int
) -> None:
    """Outside, and with other middleware between, it finds the routes of what it is around."""

    async def passing(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    app = make([])
    for _ in range(layers):
        app = BaseHTTPMiddleware(app, dispatch=passing)
    ask(FlowMiddleware(app, monitor=monitor), [("GET", "/items/5")])
    assert [each["FlowName"] for each in captured.documents] == ["GET /items/{item_id}"] * 2


def test_the_root_path_of_a_proxy_is_no_part_of_the_name(monitor: flowemf.Monitor, captured: Any) -> None:
    """The same application behind another proxy has the same flows."""
    app = starlette_application([Middleware(FlowMiddleware, monitor=monitor)])
    ask(app, [("GET", "/behind/proxy/tenants/acme/reports/2026")], root_path="/behind/proxy")
    assert captured.last["FlowName"] == "GET /tenants/{tenant}/reports/{year}"


def test_in_a_mounted_application_the_name_begins_there(monitor: flowemf.Monitor, captured: Any) -> None:
    """An application that is mounted knows its own routes only; its mount may be anything."""
    inner = Starlette(routes=[Route("/here/{x}", answer)], middleware=[Middleware(FlowMiddleware, monitor=monitor)])
    ask(Starlette(routes=[Mount("/tenants/{tenant}", app=inner)]), [("GET", "/tenants/acme/here/1")])
    assert captured.last["FlowName"] == "GET /here/{x}"


def test_a_request_is_one_flow_however_often_the_middleware_is_there(monitor: flowemf.Monitor, captured: Any) -> None:
    """Twice in one application, or in a mounted one too: the outermost names and measures it."""
    middleware = [Middleware(FlowMiddleware, monitor=monitor)] * 2
    inner = Starlette(routes=[Route("/here/{x}", answer)], middleware=middleware)
    ask(Starlette(routes=[Mount("/inner", app=inner)], middleware=middleware), [("GET", "/inner/here/1")])
    assert [each["FlowName"] for each in captured.documents] == ["GET /inner/here/{x}"] * 2


def test_a_function_names_requests_or_leaves_them_out(monitor: flowemf.Monitor, captured: Any) -> None:
    """It gets the scope and the name; None means that nothing is measured."""

    def name(scope: Any, found: str) -> str | None:
        return None if scope["path"] == "/files/health" else found.removeprefix("GET ")

    app = starlette_application([Middleware(FlowMiddleware, monitor=monitor, name=name)])
    ask(app, [("GET", "/files/health"), ("GET", "/items/5")])
    assert [each["FlowName"] for each in captured.documents] == ["/items/{item_id}"] * 2


def test_a_function_that_fails_leaves_the_name_as_it_is(monitor: flowemf.Monitor, captured: Any) -> None:
    """The request is served, and counted under the name that it would have had."""

    def name(scope: Any, found: str) -> str:
        raise ValueError(found)

    ask(starlette_application([Middleware(FlowMiddleware, monitor=monitor, name=name)]), [("GET", "/items/5")])
    assert captured.last["FlowName"] == "GET /items/{item_id}"
    assert captured.last["FlowCompleted"] == 1
    assert monitor.stats()["internal_error"] == 1


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ({"path_template": "/books/{title}"}, "GET /books/{title}"),
        ({"route": Route("/books/{title:str}", answer)}, "GET /books/{title}"),
        ({"route": None}, "GET (no route)"),
        ({"app": object()}, "GET (no route)"),
    ],
)
def test_other_frameworks_say_the_template_in_the_scope(
    monitor: flowemf.Monitor, captured: Any, scope: dict[str, Any], name: str
) -> None:
    """Litestar's `path_template` and FastAPI's `route`, where the router has been there before the middleware."""
    whole = {"type": "http", "method": "GET", "path": "/books/emma", "headers": [], **scope}

    async def send(message: Any) -> None: ...

    asyncio.run(FlowMiddleware(plain_asgi, monitor=monitor)(whole, None, send))  # type: ignore[arg-type]
    assert captured.last["FlowName"] == name
