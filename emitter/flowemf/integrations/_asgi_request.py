"""One HTTP request to an ASGI application as a flow, from its arrival to the last byte of the answer.

The messages between server and application go in and on as they are; a flow comes out, that ends as the client saw it.
"""

from __future__ import annotations

from _contextvars import copy_context

from flowemf._calls import Flow
from flowemf.integrations._requests import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping
    from typing import Any

    from flowemf._monitor import Monitor

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

_TRACEPARENT = b"traceparent"
_LEAST_FAILURE = 500
# https://asgi.readthedocs.io/en/latest/specs/www.html and its extensions: what carries the answer's body.
_BODIES = frozenset(("http.response.body", "http.response.zerocopysend", "http.response.pathsend"))


class ServerError(Exception):
    """An answer that says that the server has failed; what failed is the application's secret."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"HTTP {status_code}")
        self.status_code = status_code


class HttpFlow:
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
