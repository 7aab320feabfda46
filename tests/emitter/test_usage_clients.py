"""Usage read out of what the real clients return: their own objects, parsed from answers that came over HTTP."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import anthropic
import botocore.session
import openai
import pytest
from botocore.config import Config
from genkit import Message, ModelResponse, ModelUsage

from flowemf import Monitor
from flowemf._generations.usage import read

SAID = "what the model said"
CHAT: dict[str, Any] = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-2026-01-01",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": SAID}}],
    "usage": {
        "prompt_tokens": 33,
        "completion_tokens": 7,
        "total_tokens": 40,
        "prompt_tokens_details": {"cached_tokens": 22},
        "completion_tokens_details": {"reasoning_tokens": 5},
    },
}
OPENAI = {"InputTokens": 33, "OutputTokens": 7, "TokensUsed": 40, "CacheReadTokens": 22, "ReasoningTokens": 5}
RESPONSE: dict[str, Any] = {
    "id": "r-1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-5-2026-01-01",
    "status": "completed",
    "error": None,
    "output": [
        {
            "id": "m-1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": SAID, "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 33,
        "input_tokens_details": {"cached_tokens": 22, "cache_write_tokens": 4},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 40,
    },
}
MESSAGE: dict[str, Any] = {
    "id": "m-1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5-20260101",
    "content": [{"type": "text", "text": SAID}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 11,
        "output_tokens": 7,
        "cache_read_input_tokens": 22,
        "cache_creation_input_tokens": 3,
        "output_tokens_details": {"thinking_tokens": 2},
    },
}
ANTHROPIC = {"InputTokens": 36, "OutputTokens": 7, "CacheReadTokens": 22, "CacheWriteTokens": 3, "ReasoningTokens": 2}
CONVERSE: dict[str, Any] = {
    "output": {"message": {"role": "assistant", "content": [{"text": SAID}]}},
    "stopReason": "end_turn",
    "usage": {
        "inputTokens": 11,
        "outputTokens": 7,
        "totalTokens": 43,
        "cacheReadInputTokens": 22,
        "cacheWriteInputTokens": 3,
    },
    "metrics": {"latencyMs": 551},
    "trace": {"promptRouter": {"invokedModelId": "arn:aws:bedrock:us-east-1::foundation-model/nova"}},
}
BEDROCK = {"InputTokens": 36, "OutputTokens": 7, "CacheReadTokens": 22, "CacheWriteTokens": 3}
Answer = tuple[str, dict[str, str], bytes]


class Provider(HTTPServer):
    """Answers every request with what it was told to."""

    answer: Answer = ("application/json", {}, b"{}")

    def will_say(self, body: Any, kind: str = "application/json", **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = (kind, {name.replace("_", "-"): text for name, text in headers.items()}, content)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        kind, headers, content = self.server.answer
        self.send_response(200)
        for name, text in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: Any) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider(("127.0.0.1", 0), _Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def bedrock(provider: Provider) -> Iterator[Any]:
    client = botocore.session.get_session().create_client(
        "bedrock-runtime", endpoint_url=provider.url, region_name="us-east-1", config=Config(proxies={})
    )
    yield client
    client.close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach the loopback directly, whatever the machine's settings are."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def openai_client(provider: Provider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=provider.url, api_key="none") as client:
        yield client


@pytest.fixture
def anthropic_client(provider: Provider) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=provider.url, api_key="none") as client:
        yield client


def event_stream(*events: tuple[str, Any]) -> bytes:
    """Encode events as AWS streams them (https://smithy.io/2.0/aws/amazon-eventstream.html)."""
    return b"".join(_message(kind, json.dumps(payload).encode()) for kind, payload in events)


def _message(kind: str, payload: bytes) -> bytes:
    given = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(text)) + text.encode()
        for name, text in given.items()
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def server_sent(*events: dict[str, Any]) -> bytes:
    lines = [f"event: {event['type']}\n" if "type" in event else "" for event in events]
    return "".join(f"{line}data: {json.dumps(event)}\n\n" for line, event in zip(lines, events, strict=True)).encode()


def as_chunk(body: dict[str, Any]) -> dict[str, str]:
    """Wrap one chunk of InvokeModelWithResponseStream."""
    from base64 import b64encode

    return {"bytes": b64encode(json.dumps(body).encode()).decode()}


# --- Amazon Bedrock


def test_converse(bedrock: Any, provider: Provider) -> None:
    """The dictionary that botocore makes of the answer, with the model that a prompt router chose."""
    provider.will_say(CONVERSE)
    found = read(bedrock.converse(modelId="router", messages=[{"role": "user", "content": [{"text": "a"}]}]))
    assert found.tokens == {**BEDROCK, "TokensUsed": 43}
    assert found.model == "arn:aws:bedrock:us-east-1::foundation-model/nova"
    assert found.error is None


def test_converse_stream(bedrock: Any, provider: Provider, monitor: Monitor, captured: Any) -> None:
    """The stream itself is left alone; its last event carries the usage."""
    provider.will_say(
        event_stream(
            ("messageStart", {"role": "assistant"}),
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": SAID}}),
            ("messageStop", {"stopReason": "end_turn"}),
            ("metadata", {"usage": CONVERSE["usage"], "metrics": {"latencyMs": 551}}),
        ),
        "application/vnd.amazon.eventstream",
    )
    response = bedrock.converse_stream(modelId="nova", messages=[{"role": "user", "content": [{"text": "a"}]}])
    with monitor.generation("nova") as generation:
        generation.record_response(response)
        events = list(response["stream"])
        for event in events:
            generation.record_response(event)
    assert len(events) == 4
    assert {name: captured.last[name] for name in BEDROCK} == BEDROCK
    assert captured.last["TokensUsed"] == 43


def test_invoke_model(bedrock: Any, provider: Provider) -> None:
    """The headers tell what was used; the body stays unread for the application."""
    provider.will_say(
        MESSAGE,
        X_Amzn_Bedrock_Input_Token_Count="11",
        X_Amzn_Bedrock_Output_Token_Count="7",
        X_Amzn_Bedrock_Cache_Read_Input_Token_Count="22",
        X_Amzn_Bedrock_Cache_Write_Input_Token_Count="3",
    )
    response = bedrock.invoke_model(modelId="claude", body=b"{}")
    assert read(response).tokens == BEDROCK
    body = json.loads(response["body"].read())
    assert read(body).tokens == ANTHROPIC
    assert read(body).model == "claude-haiku-4-5-20260101"


def test_invoke_model_with_response_stream(bedrock: Any, provider: Provider) -> None:
    """The last chunk carries the metrics, with any model; they are found in its bytes."""
    metrics = {"inputTokenCount": 11, "outputTokenCount": 7, "cacheReadInputTokenCount": 22}
    last = {"type": "message_stop", "amazon-bedrock-invocationMetrics": {**metrics, "cacheWriteInputTokenCount": 3}}
    provider.will_say(
        event_stream(("chunk", as_chunk({"outputText": SAID})), ("chunk", as_chunk(last))),
        "application/vnd.amazon.eventstream",
    )
    response = bedrock.invoke_model_with_response_stream(modelId="claude", body=b"{}")
    assert read(response).tokens == {}
    first, second = list(response["body"])
    assert read(first).tokens == {}
    assert read(second).tokens == BEDROCK


# --- OpenAI


def test_openai_chat(openai_client: openai.OpenAI, provider: Provider) -> None:
    """The object and its dictionary say the same."""
    provider.will_say(CHAT)
    response = openai_client.chat.completions.create(model="gpt", messages=[{"role": "user", "content": "a"}])
    for each in (response, response.model_dump(), response.usage):
        assert read(each).tokens == OPENAI
    assert read(response).model == "gpt-5-2026-01-01"


def test_openai_chat_stream(openai_client: openai.OpenAI, provider: Provider, monitor: Monitor, captured: Any) -> None:
    """The last chunk carries the usage, where it was asked for."""
    chunk = {**CHAT, "object": "chat.completion.chunk", "usage": None}
    chunk["choices"] = [{"index": 0, "delta": {"content": SAID}, "finish_reason": None}]
    provider.will_say(server_sent(chunk, {**chunk, "choices": [], "usage": CHAT["usage"]}), "text/event-stream")
    stream = openai_client.chat.completions.create(
        model="gpt", messages=[{"role": "user", "content": "a"}], stream=True, stream_options={"include_usage": True}
    )
    with monitor.generation("gpt") as generation:
        generation.record_response(stream)
        for each in stream:
            generation.record_response(each)
    assert {name: captured.last[name] for name in OPENAI} == OPENAI
    assert captured.last["resolved_model_id"] == "gpt-5-2026-01-01"


def test_openai_responses(openai_client: openai.OpenAI, provider: Provider) -> None:
    """Cached and reasoning tokens are inside, as the total shows."""
    provider.will_say(RESPONSE)
    response = openai_client.responses.create(model="gpt", input="a")
    for each in (response, response.model_dump()):
        assert read(each).tokens == {**OPENAI, "CacheWriteTokens": 4}
        assert read(each).error is None


def test_openai_responses_that_failed(openai_client: openai.OpenAI, provider: Provider) -> None:
    """A failed response is returned, not raised."""
    error = {"code": "rate_limit_exceeded", "message": SAID}
    provider.will_say({**RESPONSE, "status": "failed", "error": error, "usage": None})
    found = read(openai_client.responses.create(model="gpt", input="a"))
    assert (found.error, found.tokens) == ("rate_limit_exceeded", {})


# --- Anthropic


def test_anthropic_messages(anthropic_client: anthropic.Anthropic, provider: Provider) -> None:
    """The input excludes the cache there, and includes it with us."""
    provider.will_say(MESSAGE)
    response = anthropic_client.messages.create(
        model="claude", max_tokens=9, messages=[{"role": "user", "content": "a"}]
    )
    for each in (response, response.model_dump()):
        assert read(each).tokens == ANTHROPIC
        assert read(each).model == "claude-haiku-4-5-20260101"


def test_anthropic_stream(
    anthropic_client: anthropic.Anthropic, provider: Provider, monitor: Monitor, captured: Any
) -> None:
    """Two events carry parts of the usage: the input at the start, the output at the end."""
    start = {**MESSAGE, "content": [], "stop_reason": None, "usage": {**MESSAGE["usage"], "output_tokens": 1}}
    del start["usage"]["output_tokens_details"]
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    provider.will_say(
        server_sent(
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": SAID}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}},
            {"type": "message_stop"},
        ),
        "text/event-stream",
    )
    stream = anthropic_client.messages.create(
        model="claude", max_tokens=9, messages=[{"role": "user", "content": "a"}], stream=True
    )
    with monitor.generation("claude") as generation:
        for event in stream:
            generation.record_response(event)
    assert {name: captured.last[name] for name in BEDROCK} == BEDROCK
    assert captured.last["TokensUsed"] == 43


# --- Genkit


def genkit_response(**members: Any) -> Any:
    message = Message(role="model", content=[{"text": SAID}])  # type: ignore[list-item]
    return ModelResponse(message=message, **members)


def test_genkit_object_and_json() -> None:
    """Python's names and the JSON of its traces; numbers are floats there."""
    usage = ModelUsage(input_tokens=33, output_tokens=7, total_tokens=45, thoughts_tokens=5, cached_content_tokens=22)
    response = genkit_response(usage=usage)
    expected = {**OPENAI, "OutputTokens": 12, "TokensUsed": 45}
    for each in (response, response.model_dump(), response.model_dump(by_alias=True)):
        assert read(each).tokens == expected


def test_genkit_response_with_an_error(monitor: Monitor, captured: Any) -> None:
    """`generate` returns it instead of raising; its message begins with the model's output and is not written."""
    error = {"status": "RESOURCE_EXHAUSTED", "message": f"Model output was not valid JSON: {SAID}"}
    with monitor.generation("gemini") as generation:
        generation.record_response(genkit_response(error=error))
    assert (captured.last["ErrorType"], captured.last["error_message"]) == ("Throttling", "RESOURCE_EXHAUSTED")
    assert SAID.encode() not in captured.lines[-1]
