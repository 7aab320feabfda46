"""FastAPI behind a real uvicorn on loopback: streams, clients that hang up, requests at once."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

import flowemf
from flowemf.integrations.asgi import FlowMiddleware

PATIENCE_SECONDS = 20


def application(monitor: flowemf.Monitor) -> FastAPI:
    app = FastAPI()
    app.add_middleware(FlowMiddleware, monitor=monitor)

    @app.get("/chats/{chat_id}")
    def chat(chat_id: int) -> dict[str, int]:  # a plain function: FastAPI runs it in a thread
        with monitor.generation("nova") as generation:
            generation.record_usage(output_tokens=chat_id)
        return {"chat": chat_id}

    @app.get("/streams/{stream_id}")
    async def stream(stream_id: int) -> StreamingResponse:
        async def words() -> AsyncIterator[bytes]:
            async with monitor.generation("nova"):
                for _ in range(stream_id):
                    yield b"x" * 1000
                    await asyncio.sleep(0.01)

        return StreamingResponse(words())

    return app


@pytest.fixture
def port(monitor: flowemf.Monitor) -> Iterator[int]:
    """Serve the application on a free port, and stop afterwards."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(application(monitor), lifespan="off", ws="none", http="h11", log_level="critical")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def until_ended(captured: Any, flows: int = 1) -> list[Any]:
    """Wait until so many flows have ended, since the client may have its answer a moment earlier."""
    due = time.monotonic() + PATIENCE_SECONDS
    while sum("FlowDuration" in each for each in captured.documents) < flows and time.monotonic() < due:
        time.sleep(0.005)
    documents: list[Any] = captured.documents
    return documents


def test_a_streamed_answer_is_one_flow_with_its_generation(port: int, captured: Any) -> None:
    """The stream runs in the flow: its generation carries the flow's identifier."""
    assert len(httpx.get(f"http://127.0.0.1:{port}/streams/5").content) == 5000
    start, generation, end = until_ended(captured)
    assert end["FlowName"] == "GET /streams/{stream_id}"
    assert end["FlowCompleted"] == 1
    assert start["flow_id"] == generation["flow_id"] == end["flow_id"]


def test_a_client_that_hangs_up_in_the_stream_cancels_the_flow(port: int, captured: Any) -> None:
    """Uvicorn says so, Starlette stops the stream, the flow is Cancelled, and the generation in it is counted."""
    with httpx.stream("GET", f"http://127.0.0.1:{port}/streams/1000") as response:
        next(response.iter_raw())
    documents = until_ended(captured)
    assert documents[-1]["FlowCancelled"] == 1
    assert sum(each.get("GenerationCount", 0) for each in documents) == 1


def test_requests_at_once_keep_apart(port: int, captured: Any) -> None:
    """Each generation, in a thread of FastAPI's, finds the flow and the trace of its own request."""

    def ask(number: int) -> None:
        headers = {"traceparent": f"00-{number:032x}-53995c3f42cd8ad8-01"}
        assert httpx.get(f"http://127.0.0.1:{port}/chats/{number}", headers=headers).json() == {"chat": number}

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(1, 25)))
    flows: dict[str, list[Any]] = {}
    for each in until_ended(captured, flows=24):
        flows.setdefault(each["flow_id"], []).append(each)
    assert len(flows) == 24
    for start, generation, end in flows.values():
        assert {each["trace_id"] for each in (start, generation, end)} == {start["trace_id"]}
        assert int(start["trace_id"][-8:], 16) == generation["OutputTokens"]
        assert end["FlowCompleted"] == 1
