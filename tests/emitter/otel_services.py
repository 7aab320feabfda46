"""Stands in for Amazon Bedrock, OpenAI and Anthropic on 127.0.0.1: the frameworks' own clients talk HTTP to it.

Requests of the real clients go in; answers with the numbers below come out. What a test wants to go wrong
is asked for with the model's name.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest
import strands.telemetry.tracer
from bedrock_service import USAGE as BEDROCK_USAGE
from bedrock_service import event
from opentelemetry import trace
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.util._once import Once

SECRET_ANSWER = "Zanzibar-answer"
SECRET_PROMPT = "Zanzibar-prompt"
# Anthropic counts like Bedrock: 11 new tokens of input, 20 read from the cache, 2 written to it, 7 of output.
# OpenAI: 33 of input, 20 of them cached; 7 of output, 3 of them reasoning.
ANTHROPIC_USAGE = {
    "input_tokens": 11,
    "output_tokens": 7,
    "cache_read_input_tokens": 20,
    "cache_creation_input_tokens": 2,
}
OPENAI_USAGE = {
    "prompt_tokens": 33,
    "completion_tokens": 7,
    "total_tokens": 40,
    "prompt_tokens_details": {"cached_tokens": 20},
    "completion_tokens_details": {"reasoning_tokens": 3},
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        path = unquote(self.path)
        self.server.paths.append(path)  # type: ignore[attr-defined]
        asked = path if path.startswith("/model/") else str(body.get("model"))
        if "throttled" in asked:
            self._fail(path)
        elif path.endswith("/converse"):
            self._answer(_CONVERSE)
        elif path.endswith("/converse-stream"):
            self._send(200, "application/vnd.amazon.eventstream", b"".join(event(*each) for each in _CONVERSE_STREAM))
        elif path.endswith("/chat/completions"):
            self._openai(body)
        elif path.endswith("/messages"):
            self._anthropic(body)
        else:
            self._send(404, "application/json", b"{}")

    def _fail(self, path: str) -> None:
        if path.startswith("/model/"):
            error = {"message": "Too many requests, please wait"}
            self._answer(error, 429, {"x-amzn-ErrorType": "ThrottlingException"})
        else:
            self._answer({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}, 429)

    def _openai(self, body: dict[str, Any]) -> None:
        answer = {"id": "c-1", "object": "chat.completion", "created": 1, "model": f"{body['model']}-2026"}
        if body.get("stream"):
            chunk = {**answer, "object": "chat.completion.chunk"}
            delta = {"index": 0, "delta": {"role": "assistant", "content": SECRET_ANSWER}, "finish_reason": None}
            stop = {"index": 0, "delta": {}, "finish_reason": "stop"}
            events = [{**chunk, "choices": [delta]}, {**chunk, "choices": [stop]}]
            self._stream([*events, {**chunk, "choices": [], "usage": OPENAI_USAGE}, "[DONE]"])
        else:
            message = {"role": "assistant", "content": SECRET_ANSWER}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._answer({**answer, "choices": [choice], "usage": OPENAI_USAGE})

    def _anthropic(self, body: dict[str, Any]) -> None:
        text = {"type": "text", "text": SECRET_ANSWER}
        answer = {"id": "m-1", "type": "message", "role": "assistant", "model": f"{body['model']}-2026"}
        answer |= {"content": [text], "stop_reason": "end_turn", "stop_sequence": None, "usage": ANTHROPIC_USAGE}
        if not body.get("stream"):
            self._answer(answer)
            return
        start = {**answer, "content": [], "stop_reason": None, "usage": {**ANTHROPIC_USAGE, "output_tokens": 1}}
        self._stream(
            [
                {"type": "message_start", "message": start},
                {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": SECRET_ANSWER}},
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": ANTHROPIC_USAGE},
                {"type": "message_stop"},
            ]
        )

    def _stream(self, events: list[Any]) -> None:
        text = ""
        for each in events:
            if isinstance(each, dict) and "type" in each:
                text += f"event: {each['type']}\n"
            text += f"data: {each if isinstance(each, str) else json.dumps(each)}\n\n"
        self._send(200, "text/event-stream", text.encode())

    def _answer(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(status, "application/json", json.dumps(content).encode(), headers)

    def _send(self, status: int, kind: str, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


_CONVERSE = {
    "output": {"message": {"role": "assistant", "content": [{"text": SECRET_ANSWER}]}},
    "stopReason": "end_turn",
    "usage": BEDROCK_USAGE,
    "metrics": {"latencyMs": 5},
}
_CONVERSE_STREAM = (
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"delta": {"text": SECRET_ANSWER}, "contentBlockIndex": 0}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", {"usage": BEDROCK_USAGE, "metrics": {"latencyMs": 5}}),
)


@contextmanager
def own_provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[TracerProvider]:
    """Set a global tracer provider for one test, and undo what strands-agents does to the process."""
    provider = TracerProvider()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(strands.telemetry.tracer, "_tracer_instance", None)
    yield provider
    threads = ThreadingInstrumentor()
    if threads.is_instrumented_by_opentelemetry:  # or every thread of later tests would take a context along
        threads.uninstrument()


class Services:
    """Where the stand-ins listen, and what they were asked for."""

    def __init__(self, url: str, paths: list[str]) -> None:
        self.url = url
        self.paths = paths


@contextmanager
def model_services() -> Iterator[Services]:
    """Serve until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    paths: list[str] = []
    server.paths = paths  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Services(f"http://127.0.0.1:{server.server_address[1]}", paths)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
