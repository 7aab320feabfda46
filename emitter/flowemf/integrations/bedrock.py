"""Measures the calls of Amazon Bedrock's models that botocore makes, without OpenTelemetry.

A boto3 session, a botocore session or a client goes in, or nothing for every client made from then on; each Converse,
ConverseStream, InvokeModel and InvokeModelWithResponseStream writes one generation line through the default monitor.

    import flowemf
    from flowemf.integrations import bedrock

    flowemf.configure("MyApp/GenKit")
    bedrock.install()

A call is one generation, however often botocore tries it again. A stream is measured until its last event; one that is
closed or dropped before that is counted with the property `generation_status` "Cancelled", and is no error. What
botocore refuses before it sends anything, such as a missing parameter, is no generation. The other operations of
`bedrock-runtime` are left alone, and so are calls that something around them measures already: `flowemf.generation`, or
a framework's span that `flowemf.integrations.otel` watches.
"""

from __future__ import annotations

import weakref
from functools import wraps
from itertools import count
from typing import TYPE_CHECKING, Any

from flowemf._collecting.collected import begin, failed
from flowemf._errors import ConfigurationError

try:
    from botocore.client import BaseClient, ClientCreator
    from botocore.exceptions import ClientError

    from flowemf.integrations._bedrock_streams import watch_body, watch_events
except ImportError as missing:
    raise ImportError(
        "flowemf.integrations.bedrock needs botocore, which is not installed: pip install boto3"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf._collecting.collected import Collected

__all__ = ["install", "uninstall"]

_SERVICE = "bedrock-runtime"
# The operations that run a model, and the member of the answer that is a stream.
_OPERATIONS = {
    "Converse": None,
    "ConverseStream": "stream",
    "InvokeModel": "body",
    "InvokeModelWithResponseStream": "body",
}
# Where botocore's events carry what belongs to one call.
_KEY = "flowemf"
_INVOCATION_LATENCY = "x-amzn-bedrock-invocation-latency"
_INPUT_HEADER, _OUTPUT_HEADER = "x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count"
_numbers = count()


class _Hooks:
    """What is attached to botocore, from `install` to `uninstall`."""

    def __init__(self) -> None:
        self.active = True
        self._emitters: weakref.WeakSet[Any] = weakref.WeakSet()
        self._create_client: Callable[..., Any] | None = None
        # botocore takes a second handler with the same identifier for the first one.
        self._events = {
            f"{event}.{_SERVICE}": (handler, f"flowemf-{event}-{next(_numbers)}")
            for event, handler in (
                ("provide-client-params", self._start),
                ("after-call", self._end),
                ("after-call-error", self._fail),
            )
        }

    def attach(self, emitter: Any) -> None:
        """Attach to the events of a session, whose later clients take them along, or of a client."""
        for event, (handler, identifier) in self._events.items():
            emitter.register(event, handler, unique_id=identifier)
        self._emitters.add(emitter)

    def attach_everywhere(self) -> None:
        """Attach to each client that is made from now on, in whatever session."""
        if self._create_client is not None:
            return
        creator_class: Any = ClientCreator
        original = self._create_client = creator_class.create_client

        @wraps(original)
        def create_client(creator: Any, *args: Any, **kwargs: Any) -> Any:
            client = original(creator, *args, **kwargs)
            try:
                if self.active and _is_bedrock(client):
                    self.attach(client.meta.events)
            except Exception as problem:
                failed(problem)
            return client

        creator_class.create_client = create_client

    def detach(self) -> None:
        """Measure nothing any more."""
        self.active = False  # clients that a session has handed its handlers are not known here
        for emitter in list(self._emitters):
            for event, (handler, identifier) in self._events.items():
                emitter.unregister(event, handler, unique_id=identifier)
        if self._create_client is not None and getattr(ClientCreator.create_client, "__wrapped__", None) is (
            self._create_client  # somebody else may have put a wrapper around ours
        ):
            ClientCreator.create_client = self._create_client

    # --- The events of one call

    def _start(self, params: Any, model: Any, context: Any, **_: Any) -> None:
        try:
            if self.active and model.name in _OPERATIONS and _KEY not in context:
                context[_KEY] = begin(params.get("modelId"))
        except Exception as problem:
            failed(problem)

    def _end(self, http_response: Any, parsed: Any, model: Any, context: Any, **_: Any) -> None:
        call = _call_of(context)
        if call is None:
            return
        try:
            call.heard()
            if http_response.status_code >= 300:
                call.finish(ClientError(parsed, model.name))
            else:
                _answered(parsed, _OPERATIONS[model.name], call)
        except Exception as problem:
            call.failed(problem)
            call.finish()

    def _fail(self, exception: Any, context: Any, **_: Any) -> None:
        call = _call_of(context)
        if call is not None:
            call.finish(exception)


_hooks: _Hooks | None = None


def install(session_or_client: Any = None) -> None:
    """Measure the model calls of a session's later clients, of one client, or of every client made from now on.

    It may be called again, for the same or for another session or client: no call is counted twice.

    >>> import boto3
    >>> client = boto3.client("bedrock-runtime", region_name="us-east-1")
    >>> install(client)
    >>> uninstall()

    Args:
        session_or_client: a boto3 session, a botocore session, or a `bedrock-runtime` client; those of aioboto3 and
            aiobotocore too. Without it, every client of boto3's or botocore's that is made afterwards, in any session,
            boto3's default one included. A client that exists already must be passed itself.

    Raises:
        ConfigurationError: it is something else.
    """
    global _hooks  # noqa: PLW0603 - botocore is one for the process
    emitter = None if session_or_client is None else _emitter_of(session_or_client)
    if _hooks is None:
        _hooks = _Hooks()
    if emitter is None:
        _hooks.attach_everywhere()
    else:
        _hooks.attach(emitter)


def uninstall() -> None:
    """Measure no call any more that begins from now on; without `install` before, do nothing."""
    global _hooks  # noqa: PLW0603 - see install
    if _hooks is not None:
        _hooks.detach()
        _hooks = None


def _emitter_of(given: Any) -> Any:
    """Find the events of a session or a client."""
    if isinstance(given, BaseClient):
        if _is_bedrock(given):
            return given.meta.events
    elif hasattr(given, "get_component"):  # botocore's session
        return given.get_component("event_emitter")
    elif hasattr(given, "events") and hasattr(given, "client"):  # boto3's session
        return given.events
    remedy = f"pass a boto3 session, a botocore session, a client made with client({_SERVICE!r}), or nothing"
    raise ConfigurationError("session_or_client", "cannot be measured", given, remedy)


def _is_bedrock(client: Any) -> bool:
    return bool(client.meta.service_model.service_id.hyphenize() == _SERVICE)


def _call_of(context: Any) -> Collected | None:
    call: Collected | None = context.get(_KEY) if context else None
    return call


def _answered(parsed: Any, stream_member: str | None, call: Collected) -> None:
    """Read the answer, or watch it while the application reads it."""
    headers = parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    call.note(server_latency_ms=headers.get(_INVOCATION_LATENCY))
    stream = None if stream_member is None else parsed.get(stream_member)
    if stream_member is None:
        call.note(server_latency_ms=(parsed.get("metrics") or {}).get("latencyMs"))
    elif watch_events(stream, call):
        return
    elif not (_INPUT_HEADER in headers and _OUTPUT_HEADER in headers) and watch_body(stream, call):
        return  # not every model and not every gateway tells the numbers in the headers
    call.read(parsed)
    call.finish(at_last_sign=True)
