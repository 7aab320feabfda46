"""Stands in for Amazon Bedrock on 127.0.0.1: botocore signs, sends, tries again and parses as it always does.

Answers go in, in the order in which they are to be given; requests of a real client get them. Event streams are framed
as https://smithy.io/2.0/aws/amazon-eventstream.html describes.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from binascii import crc32
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from struct import pack
from typing import Any

MODEL = "anthropic.claude-3-5-sonnet-20241022-v2:0"
MESSAGES = [{"role": "user", "content": [{"text": "how long?"}]}]
# 11 new tokens of input, 20 read from the cache, 2 written to it, 7 of output.
USAGE = {
    "inputTokens": 11,
    "outputTokens": 7,
    "totalTokens": 40,
    "cacheReadInputTokens": 20,
    "cacheWriteInputTokens": 2,
}
TOKENS = {"InputTokens": 33, "OutputTokens": 7, "CacheReadTokens": 20, "CacheWriteTokens": 2, "TokensUsed": 40}
HEADERS = {
    "x-amzn-bedrock-input-token-count": "11",
    "x-amzn-bedrock-output-token-count": "7",
    "x-amzn-bedrock-cache-read-input-token-count": "20",
    "x-amzn-bedrock-cache-write-input-token-count": "2",
    "x-amzn-bedrock-invocation-latency": "312",
}
ANTHROPIC = {
    "id": "msg_1",
    "model": "claude-3-5-sonnet-20241022",
    "content": [{"type": "text", "text": "Forty\ntwo"}],
    "usage": {
        "input_tokens": 11,
        "output_tokens": 7,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 2,
    },
}


@dataclass
class Answer:
    """What one request gets; `meanwhile` runs before it is sent, `cut` bytes are left out at its end."""

    content: bytes = b"{}"
    status: int = 200
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    meanwhile: Callable[[], object] | None = None
    cut: int = 0
    chunked: bool = False


def converse(**changes: Any) -> Answer:
    """Answer Converse."""
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": "Forty-two"}]}},
        "stopReason": "end_turn",
        "usage": USAGE,
        "metrics": {"latencyMs": 312},
    }
    return Answer(json.dumps(answer).encode(), **changes)


def failure(code: str, status: int, message: str = "not now") -> Answer:
    """Answer with an error of the service's."""
    return Answer(json.dumps({"message": message}).encode(), status, headers={"x-amzn-ErrorType": code})


def frame(payload: bytes, **headers: str) -> bytes:
    """Frame one message of an event stream; `message_type` stands for `:message-type`."""
    encoded = b""
    for name, value in headers.items():
        name_bytes = f":{name.replace('_', '-')}".encode()
        encoded += pack("!B", len(name_bytes)) + name_bytes + pack("!BH", 7, len(value)) + value.encode()
    prelude = pack("!II", 16 + len(encoded) + len(payload), len(encoded))
    message = prelude + pack("!I", crc32(prelude)) + encoded + payload
    return message + pack("!I", crc32(message))


def event(kind: str, content: object) -> bytes:
    """Frame an event."""
    payload = json.dumps(content).encode()
    return frame(payload, event_type=kind, content_type="application/json", message_type="event")


def trouble(kind: str, message: str = "not now") -> bytes:
    """Frame an exception in the middle of a stream."""
    payload = json.dumps({"message": message}).encode()
    return frame(payload, exception_type=kind, content_type="application/json", message_type="exception")


def chunk(content: object) -> bytes:
    """Frame an event of InvokeModelWithResponseStream: the provider's own JSON, compact, in base64."""
    from base64 import b64encode

    text = json.dumps(content, separators=(",", ":")).encode()
    return event("chunk", {"bytes": b64encode(text).decode()})


def said(text: str) -> bytes:
    """Frame a part of what the model says."""
    return event("contentBlockDelta", {"delta": {"text": text}, "contentBlockIndex": 0})


CONVERSE_STREAM = (
    event("messageStart", {"role": "assistant"}),
    said("Forty"),
    said("-two"),
    event("messageStop", {"stopReason": "end_turn"}),
    event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 312}}),
)
ANTHROPIC_STREAM = (
    chunk({"type": "message_start", "message": {"usage": {"input_tokens": 11, "output_tokens": 1}}}),
    chunk({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    chunk({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Forty-two"}}),
    chunk({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}),
    chunk(
        {
            "type": "message_stop",
            "amazon-bedrock-invocationMetrics": {
                "inputTokenCount": 11,
                "outputTokenCount": 7,
                "invocationLatency": 312,
                "firstByteLatency": 99,
                "cacheReadInputTokenCount": 20,
                "cacheWriteInputTokenCount": 2,
            },
        }
    ),
)


def stream(*frames: bytes, **changes: Any) -> Answer:
    """Answer with an event stream."""
    return Answer(b"".join(frames), kind="application/vnd.amazon.eventstream", **changes)


class Service:
    """What is still to be answered, how often was asked, and clients that ask here."""

    def __init__(self, port: int) -> None:
        self.answers: deque[Answer] = deque()
        self.paths: list[str] = []
        self.url = f"http://127.0.0.1:{port}"
        self._clients: list[Any] = []

    def client(self, session: Any = None, **settings: Any) -> Any:
        """Make a real client; it is patient and tries only once unless told otherwise."""
        import boto3
        from botocore.config import Config

        config = Config(**{"retries": {"total_max_attempts": 1}, "read_timeout": 10, **settings})
        make = (session or boto3.Session(region_name="us-east-1")).client
        made = make("bedrock-runtime", region_name="us-east-1", endpoint_url=self.url, config=config)
        self._clients.append(made)
        return made

    def close(self) -> None:
        """Close what the clients have left open."""
        for client in self._clients:
            client.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        service: Service = self.server.service  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        service.paths.append(self.path)
        answer = service.answers.popleft()
        if answer.meanwhile is not None:
            answer.meanwhile()
        with suppress(OSError):  # the client may have gone
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        length = {"Transfer-Encoding": "chunked"} if answer.chunked else {"Content-Length": str(len(answer.content))}
        for name, value in {"Content-Type": answer.kind, **length, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        content = answer.content
        if answer.chunked:
            content = f"{len(content):x}\r\n".encode() + content + b"\r\n0\r\n\r\n"
        self.wfile.write(content[: len(content) - answer.cut])
        self.wfile.flush()
        if answer.cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_WR)


@contextmanager
def bedrock_service() -> Iterator[Service]:
    """Serve until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    service = server.service = Service(server.server_address[1])  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.close()
        server.shutdown()
        server.server_close()
        thread.join(5)


def slowly(seconds: float) -> Callable[[], None]:
    """Let an answer take its time."""
    return lambda: time.sleep(seconds)
