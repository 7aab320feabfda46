"""ASGI middleware: each HTTP request to a Starlette or FastAPI application is a flow, named by its route.

A scope and its messages go in and on to the application as they are; flow lines come out.

    from flowemf.integrations.asgi import FlowMiddleware

    flowemf.configure("MyApp/GenKit")
    app = FastAPI()
    app.add_middleware(FlowMiddleware)

It is plain ASGI and imports no framework: any application will do. docs/asgi.md says what counts as what.
"""

from __future__ import annotations

from flowemf import _default
from flowemf.integrations._asgi_request import HttpFlow
from flowemf.integrations._asgi_routes import flow_name, unknown_route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowemf._monitor import Monitor
    from flowemf.integrations._asgi_request import Receive, Send
    from flowemf.integrations._asgi_routes import Scope

    Application = Callable[[Scope, Receive, Send], Awaitable[None]]
    Name = Callable[[Scope, str], str | None]

__all__ = ["FlowMiddleware"]

# In the scope of a request that is measured: with the middleware there twice, it is one flow.
_MARK = "flowemf.flow"


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

    def _begun(self, scope: Scope) -> HttpFlow | None:
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
            return HttpFlow(monitor, name, scope.get("headers") or ())
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
