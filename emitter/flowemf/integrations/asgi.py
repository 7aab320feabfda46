"""ASGI middleware: each HTTP request to a Starlette or FastAPI application is a flow, named by its route.

A scope and its messages go in and on to the application as they are; flow lines come out.

    from flowemf.integrations.asgi import FlowMiddleware

    flowemf.configure("MyApp/GenKit")
    app = FastAPI()
    app.add_middleware(FlowMiddleware)

It is plain ASGI and imports no framework: any application will do. docs/asgi.md says what counts as what.
"""

from __future__ import annotations

from _contextvars import copy_context

from flowemf import _default
from flowemf._calls import Flow
from flowemf.integrations._asgi_routes import flow_name, unknown_route
from flowemf.integrations._requests import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping
    from typing import Any

    from flowemf._monitor import Monitor
    from flowemf.integrations._asgi_routes import Scope

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]
    Name = Callable[[Scope, str], str | None]

__all__ = ["FlowMiddleware"]

# In the scope of a request that is measured: with the middleware there twice, it is one flow.
_MARK = "flowemf.flow"
_TRACEPARENT = b"traceparent"
_LEAST_FAILURE = 500
# https://asgi.readthedocs.io/en/latest/specs/www.html and its extensions: what carries the answer's body.
_BODIES = frozenset(("http.response.body", "http.response.zerocopysend", "http.response.pathsend"))


class FlowMiddleware:
    """Measure HTTP requests; WebSockets and the application's lifespan pass through untouched.

    The flow is named `GET /items/{id}`: the method and the route's template, with those of mounts and routers before
    it; what matches none is `GET (no route)`. It ends with the last byte of the answer; work in the background goes on
    after it. An exception, or an answer with a status of 500 or more, is an error; a client that went away first makes
    it Cancelled; everything else has succeeded. A `traceparent` in the request's headers gives the `trace_id` of its
    lines.

    >>> async def app(scope, receive, send): ...
    >>> FlowMiddleware(app, name=lambda scope, name: None if scope["path"] == "/health" else name)  # doctest: +ELLIPSIS
    <flowemf.integrations.asgi.FlowMiddleware object at ...>

    Args:
        app: the application, or the next middleware.
        name: gets the scope and the name that the request would have, and gives the one to use; None for a request
            that is not to be measured. For frameworks whose routes are not known here, too. Give few names: each is
            several metrics to pay for.
        monitor: the monitor to write through. Without it the default one at the time of each request.
    """

    def __init__(self, app: Application, *, name: Name | None = None, monitor: Monitor | None = None) -> None:
        self.app = app
        self._name = name
        self._monitor = monitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what the server passes on."""
        flow = self._begun(scope)
        if flow is None:
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, flow.receiving(receive), flow.sending(send))
        except BaseException as error:
            flow.failed(error)
            raise
        else:
            flow.returned()
        finally:
            flow.leave()

    def _begun(self, scope: Scope) -> _HttpFlow | None:
        """Start the flow of a request; None where there is nothing to measure, or nobody to write it."""
        if scope.get("type") != "http" or _MARK in scope:
            return None
        monitor = self._monitor or _default.configured()
        if monitor is None:
            _default.found_lines()  # counts that nothing is measured yet
            return None
        try:
            name = self._name_of(scope, monitor)
            if name is None:
                return None
            scope[_MARK] = True
            return _HttpFlow(monitor, name, scope.get("headers") or ())
        except Exception as problem:  # a scope that no server makes
            monitor.lines.failed(problem)
            return None

    def _name_of(self, scope: Scope, monitor: Monitor) -> str | None:
        name = unknown_route(scope)
        try:
            name = flow_name(self.app, scope)
            return name if self._name is None else self._name(scope, name)
        except Exception as problem:  # a path converter or a function of the user's
            monitor.lines.failed(problem)
            return name


class ServerError(Exception):
    """An answer that says that the server has failed; what failed is the application's secret."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"HTTP {status_code}")
        self.status_code = status_code


class _HttpFlow:
    """The flow of one request. None of its methods raises what is not the application's or the server's.

    Args:
        monitor: writes its lines.
        name: the flow's name.
        headers: those of the request, as the scope has them.
    """

    __slots__ = ("_answered", "_ended", "_flow", "_gone", "_request", "_status")

    def __init__(self, monitor: Monitor, name: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._request = Request(monitor)
        self._request.bind({}, next((value for key, value in headers if bytes(key).lower() == _TRACEPARENT), None))
        self._flow = Flow(monitor.lines, name)
        self._status = 0
        self._answered = False
        self._gone = False
        self._ended = False
        self._flow.start()

    def receiving(self, receive: Receive) -> Receive:
        """Wrap what gives the client's messages, to learn that the client has gone."""

        async def wrapped() -> Message:
            message = await receive()
            if _kind(message) == "http.disconnect" and not self._answered:
                self._gone = True
            return message

        return wrapped

    def sending(self, send: Send) -> Send:
        """Wrap what takes the application's messages, to learn the status and the end of the answer."""

        async def wrapped(message: Message) -> None:
            kind = _kind(message)
            if kind == "http.response.start":
                self._status = message.get("status", 0)
            try:
                await send(message)
            except OSError:  # what a server raises where the client has gone, since version 2.4 of the specification
                self._gone = True
                raise
            if kind in _BODIES and not message.get("more_body", False):
                self._answered = True
                if not _is_failure(self._status):  # a failure's exception may still come, and says more
                    self._end(GeneratorExit() if self._gone else None)

        return wrapped

    def returned(self) -> None:
        """End the flow where the application is through with the request."""
        if self._gone:
            self._end(GeneratorExit())
        elif not self._ended:
            self._end(ServerError(self._status if _is_failure(self._status) else _LEAST_FAILURE))

    def failed(self, error: BaseException) -> None:
        """End the flow with what the application has raised; after the answer it is the background's matter."""
        gone = self._gone and (isinstance(error, OSError) or type(error).__name__ == "ClientDisconnect")
        self._end(GeneratorExit() if gone else error)

    def leave(self) -> None:
        """Leave the flow and forget what was bound, for whoever called us in a context of its own."""
        self._flow.pause()
        self._request.forget()

    def _end(self, error: BaseException | None) -> None:
        if not self._ended:
            self._ended = True
            # In a copy of the context: work in the background goes on inside the flow, and finds its identifier.
            copy_context().run(self._flow.end, error)


def _kind(message: Message) -> object:
    return message.get("type") if isinstance(message, dict) else None


def _is_failure(status: object) -> bool:
    return isinstance(status, int) and status >= _LEAST_FAILURE
