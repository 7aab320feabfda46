"""The body of InvokeModel: however the application reads it, it gets every byte, and the generation is counted once."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bedrock_service import ANTHROPIC, HEADERS, MODEL, TOKENS, Answer, Service, bedrock_service
from botocore.exceptions import ResponseStreamingError
from botocore.response import StreamingBody

import flowemf
from flowemf.integrations import bedrock

CONTENT = json.dumps(ANTHROPIC, indent=1).encode()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with bedrock_service() as running:
        yield running


@pytest.fixture(scope="module")
def plain_client(service: Service) -> Any:
    return service.client()


@pytest.fixture
def client(plain_client: Any, captured: Any, clock: Any) -> Iterator[Any]:
    """Give a measured client; `captured` gets the lines, `clock` gives the time."""
    flowemf.configure("App/Test", sink=captured, clock=clock)
    bedrock.install(plain_client)
    yield plain_client
    bedrock.uninstall()


def _by_pieces(body: Any) -> bytes:
    pieces = []
    while piece := body.read(7):
        pieces.append(piece)
    return b"".join(pieces)


def _exactly(body: Any) -> bytes:
    return bytes(body.read(len(CONTENT)))


def _into(body: Any) -> bytes:
    buffer, content = bytearray(64), b""
    while size := body.readinto(buffer):
        content += buffer[:size]
    return content


def _by_next(body: Any) -> bytes:
    return next(body) + b"".join(body)


def _lines(body: Any) -> bytes:
    return b"\n".join(body.iter_lines(chunk_size=16))


WAYS: dict[str, Callable[[Any], bytes]] = {
    "read": lambda body: body.read(),
    "read and read again": lambda body: body.read() + body.read(),
    "read(n)": _by_pieces,
    "read(all of it)": _exactly,
    "read(0) first": lambda body: body.read(0) + body.read(),
    "readinto": _into,
    "readlines": lambda body: b"".join(body.readlines()),
    "iteration": b"".join,
    "iter_chunks": lambda body: b"".join(body.iter_chunks(10)),
    "iter_lines": _lines,
    "next": _by_next,
    "BufferedReader": lambda body: io.BufferedReader(body).read(),
}


@pytest.mark.parametrize("headers", [HEADERS, {}], ids=["numbers in the headers", "numbers in the body"])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_reading_gives_every_byte_and_one_generation(
    way: str, headers: dict[str, str], client: Any, service: Service, captured: Any, clock: Any
) -> None:
    """The duration ends when the answer came, however long the application takes to read it."""
    service.answers.append(Answer(CONTENT, headers=headers, meanwhile=lambda: clock.wait(250)))
    body = client.invoke_model(modelId=MODEL, body=b"{}")["body"]
    assert isinstance(body, StreamingBody)
    clock.wait(1000)
    assert WAYS[way](body) == CONTENT
    (line,) = captured.documents
    assert {name: line[name] for name in TOKENS} == TOKENS
    assert line["GenerationDuration"] == 250
    assert line.get("server_latency_ms") == (312 if headers else None)
    assert line.get("resolved_model_id") == (None if headers else "claude-3-5-sonnet-20241022")
    assert "Forty" not in captured.lines[0].decode()


def test_a_body_with_its_numbers_in_the_headers_is_not_touched(client: Any, service: Service, captured: Any) -> None:
    """Its line is written before the application reads the first byte."""
    service.answers.append(Answer(CONTENT, headers=HEADERS))
    body = client.invoke_model(modelId=MODEL, body=b"{}")["body"]
    assert type(body) is StreamingBody
    assert len(captured.lines) == 1
    body.close()


def _leave(body: Any) -> None:
    body.read(5)


def _close(body: Any) -> None:
    body.read(5)
    body.close()


def _enter(body: Any) -> None:
    with body as raw:
        assert type(raw).__module__.startswith("urllib3")
        raw.read()


@pytest.mark.parametrize("way", [_leave, _close, _enter])
def test_a_body_that_is_not_read_to_its_end_is_a_generation_without_tokens(
    way: Callable[[Any], None], client: Any, service: Service, captured: Any
) -> None:
    """The model has answered; nothing is read behind the application's back."""
    service.answers.append(Answer(CONTENT))
    answer = client.invoke_model(modelId=MODEL, body=b"{}")
    way(answer["body"])
    del answer
    (line,) = captured.documents
    assert line["GenerationCount"] == 1
    assert not {"TokensUsed", "GenerationError", "generation_status"} & set(line)


def test_a_body_that_somebody_has_replaced_is_left_alone(client: Any, service: Service, captured: Any) -> None:
    """A hook of the application's may read the body and put another in its place: the generation has no tokens."""

    def replace(parsed: Any, **_: object) -> None:
        parsed["body"] = io.BytesIO(parsed["body"].read())

    event = "after-call.bedrock-runtime.InvokeModel"
    client.meta.events.register_first(event, replace)
    try:
        service.answers.append(Answer(CONTENT))
        body = client.invoke_model(modelId=MODEL, body="{}")["body"]
    finally:
        client.meta.events.unregister(event, replace)
    assert (type(body), body.read()) == (io.BytesIO, CONTENT)
    assert captured.last["GenerationCount"] == 1
    assert "InputTokens" not in captured.last
    assert flowemf.stats()["usage_not_found"] == 1


def test_a_body_that_breaks_off_is_an_error(client: Any, service: Service, captured: Any) -> None:
    """The application gets botocore's exception."""
    service.answers.append(Answer(CONTENT, cut=10))
    body = client.invoke_model(modelId=MODEL, body=b"{}")["body"]
    with pytest.raises(ResponseStreamingError):
        body.read()
    assert captured.last["ErrorType"] == "Connection"


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        ({"inputTextTokenCount": 5, "results": [{"tokenCount": 3}]}, {"InputTokens": 5, "OutputTokens": 3}),
        ({"prompt_token_count": 5, "generation_token_count": 3}, {"InputTokens": 5, "OutputTokens": 3}),
        ({"usage": {"inputTokens": 5, "outputTokens": 3}}, {"InputTokens": 5, "OutputTokens": 3}),
        ({"usage": {"prompt_tokens": 5, "completion_tokens": 3}}, {"InputTokens": 5, "OutputTokens": 3}),
        ({"embedding": [0.25], "inputTextTokenCount": 5}, {"InputTokens": 5}),
        ({"completion": '{"usage": {"inputTokens": 999, "outputTokens": 999}}'}, {}),
        ({"content": [{"usage": {"inputTokens": 999}}]}, {}),
    ],
    ids=["Titan", "Llama", "Nova", "Mistral", "an embedding", "an imitation", "a deeper one"],
)
def test_each_provider_s_body_is_understood(
    content: dict[str, Any], tokens: dict[str, int], client: Any, service: Service, captured: Any
) -> None:
    """What the model has said cannot pass for what it has used."""
    service.answers.append(Answer(json.dumps(content).encode()))
    assert json.load(client.invoke_model(modelId=MODEL, body=b"{}")["body"]) == content
    line = captured.last
    assert {name: line[name] for name in ("InputTokens", "OutputTokens") if name in line} == tokens


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n", b"", b"[1, 2]", b"x" * 5_000_000], ids=["png", "empty", "list", "5MB"]
)
def test_a_body_without_a_usage_is_counted_as_such(
    content: bytes, client: Any, service: Service, captured: Any
) -> None:
    """Images have no tokens; long ones are not kept in memory."""
    service.answers.append(Answer(content))
    body = client.invoke_model(modelId=MODEL, body=b"{}")["body"]
    assert b"".join(body.iter_chunks(1_000_000)) == content
    assert captured.last["GenerationCount"] == 1
    assert flowemf.stats() == {"lines_written": 1, "usage_not_found": 1}
