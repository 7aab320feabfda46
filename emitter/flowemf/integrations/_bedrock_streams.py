"""botocore's streams, watched while the application reads them.

A stream of botocore's and the call that it answers go in. The same object comes out, of a subclass that does what
botocore's class does and says what passes by: every attribute, every way of reading and every exception stay as they
are, and nothing is read that the application does not read.
"""

from __future__ import annotations

import weakref
from json import loads
from typing import TYPE_CHECKING, Any

from botocore.eventstream import EventStream
from botocore.response import StreamingBody

from flowemf._generations.usage import invocation_metrics

if TYPE_CHECKING:
    from collections.abc import Generator

    from flowemf._collecting.collected import Collected

# Bodies of answers that are longer are not kept until their end: they hold images, not tokens.
_MOST_BYTES = 4_194_304
_CONVERSE_STREAM, _STOP = "ConverseStream", "messageStop"
_SHORT = "the stream ended before the event messageStop"
# How Anthropic's and Nova's streams begin before the model has said anything.
_PREAMBLES = (
    b'{"type":"message_start"',
    b'{"type":"content_block_start"',
    b'{"type":"ping"',
    b'{"messageStart"',
    b'{"contentBlockStart"',
)


def watch_events(stream: object, call: Collected) -> bool:
    """Watch the events of ConverseStream or InvokeModelWithResponseStream.

    Args:
        stream: what botocore has made.
        call: what is told about it.

    Returns:
        Whether it is watched; a stand-in, such as a list in a test, is not.
    """
    watched: Any = stream
    if type(stream) is EventStream:
        watched.__class__ = _WatchedEvents
    elif type(stream).__module__ == "aiobotocore.eventstream":
        from flowemf.integrations._bedrock_async_streams import WatchedAsyncEvents

        watched.__class__ = WatchedAsyncEvents
    else:
        return False
    watched._flowemf_call = call
    # Not __del__: it would run too late at the end of the program, and an exception in it would be printed.
    weakref.finalize(stream, call.abandon, at_last_sign=True)
    return True


def watch_body(body: object, call: Collected) -> bool:
    """Watch the body of InvokeModel, whose end says what the call used.

    Args:
        body: what botocore has made.
        call: what is told about it.

    Returns:
        Whether it is watched.
    """
    if type(body) is not StreamingBody:
        return False
    body.__class__ = _WatchedBody
    watched: Any = body
    watched._flowemf_call = call
    watched._flowemf_parts = []
    watched._flowemf_size = 0
    # The model has answered, whether or not the application reads it.
    weakref.finalize(body, call.finish, at_last_sign=True)
    return True


class _WatchedEvents(EventStream):  # type: ignore[misc] # botocore has no types
    """An EventStream whose events are looked at while they pass."""

    _operation_name: str
    _flowemf_call: Collected

    def __iter__(self) -> Generator[Any, None, None]:
        """Give the events, as botocore does; more than one iteration goes on where the last one stopped."""
        call = self._flowemf_call
        with Watching(self._operation_name, call):
            for event in super().__iter__():
                look_at(event, call)
                yield event

    def close(self) -> None:
        """Close the connection; a stream that was not at its end is cancelled."""
        try:
            super().close()
        finally:
            self._flowemf_call.abandon()


class Watching:
    """Writes the line of a stream when the loop over its events ends, however it does.

    Args:
        operation: botocore's name of what was asked for.
        call: what is told how it ended.
    """

    __slots__ = ("_call", "_operation")

    def __init__(self, operation: str, call: Collected) -> None:
        self._operation = operation
        self._call = call

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """End; an exception goes on."""
        if kind is GeneratorExit:  # the loop was left; another one may go on
            return
        # botocore says nothing of a connection that ends too early where it knew the length of the answer.
        if kind is None and self._operation == _CONVERSE_STREAM and not self._call.is_whole:
            error = ConnectionError(_SHORT)
        self._call.finish(error)


def look_at(event: Any, call: Collected) -> None:
    """Note what an event says about the call; what the model says stays unread."""
    try:
        chunk = event["chunk"].get("bytes", b"") if "chunk" in event else None
        call.heard(is_token="contentBlockDelta" in event if chunk is None else not chunk.startswith(_PREAMBLES))
        call.is_whole = call.is_whole or _STOP in event
        if "metadata" in event:
            call.read(event)
            call.note(server_latency_ms=(event["metadata"].get("metrics") or {}).get("latencyMs"))
            call.finish()  # the last event: many loops are left here
        metrics: Any = None if chunk is None else invocation_metrics(chunk)
        if metrics is not None:
            call.read(event)
            call.note(server_latency_ms=metrics.get("invocationLatency"))
            call.finish()
    except Exception as problem:
        call.failed(problem)


class _WatchedBody(StreamingBody):  # type: ignore[misc]
    """A StreamingBody that keeps what the application has read until it is whole."""

    _amount_read: int
    _content_length: str | None
    _flowemf_call: Collected
    _flowemf_parts: list[bytes]
    _flowemf_size: int

    def read(self, amt: int | None = None) -> Any:
        """Read as botocore does."""
        try:
            part = super().read(amt)
        except BaseException as error:
            self._flowemf_call.finish(error)
            raise
        self._flowemf_take(part, is_end=amt is None or (not part and amt != 0))
        return part

    if hasattr(StreamingBody, "readinto"):  # not in the oldest botocore that knows Converse

        def readinto(self, b: Any) -> Any:
            """Read into a buffer as botocore does."""
            try:
                size = super().readinto(b)
            except BaseException as error:
                self._flowemf_call.finish(error)
                raise
            self._flowemf_take(bytes(memoryview(b).cast("B")[:size]), is_end=not size and len(b) > 0)
            return size

    def readlines(self) -> Any:
        """Read all lines as botocore does."""
        lines = super().readlines()
        self._flowemf_take(b"".join(lines), is_end=True)
        return lines

    def close(self) -> None:
        """Close the connection. The model has answered, whether or not the answer was read to its end."""
        try:
            super().close()
        finally:
            self._flowemf_call.finish(at_last_sign=True)

    def _flowemf_take(self, part: bytes, *, is_end: bool) -> None:
        call = self._flowemf_call
        if call.done:
            return
        try:
            self._flowemf_size += len(part)
            if part and self._flowemf_size <= _MOST_BYTES:
                self._flowemf_parts.append(part)
            whole = self._content_length is not None and self._flowemf_size >= int(self._content_length)
            if is_end or whole:
                parts, self._flowemf_parts = self._flowemf_parts, []
                call.read(_document(parts) if self._flowemf_size <= _MOST_BYTES else None)
                call.finish(at_last_sign=True)
        except Exception as problem:
            call.failed(problem)


def _document(parts: list[bytes]) -> object:
    try:
        return loads(b"".join(parts))
    except ValueError:  # no JSON: an image, or a stream of a gateway's own
        return None
