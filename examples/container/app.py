"""A chat service in a container: each request is a flow, the model's call in it a generation; SIGTERM loses no line.

Run it here, and ask it something:

    pip install --requirement examples/container/requirements.txt
    uvicorn --app-dir examples/container app:app
    curl --json '{"question": "How long does a flow take?"}' http://127.0.0.1:8000/chat

The image that the Dockerfile beside it makes runs the same. README.md says how it runs on ECS, ../kubernetes how there.
"""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

import flowemf
from flowemf.integrations.asgi import FlowMiddleware

flowemf.configure("MyApp/Chat", custom_dimensions={"Environment": "Example"})


async def model(question: str) -> AsyncIterator[str]:
    """Stand in for a model that streams its answer."""
    if not question:
        raise TimeoutError("the model did not answer in time")
    for word in f"You asked: {question}".split():
        await asyncio.sleep(0.02)
        yield word


async def answer(question: str) -> AsyncIterator[str]:
    """Ask the model; one generation, however its words are used."""
    words = 0
    async with flowemf.generation("example-model") as generation:
        async for word in model(question):
            generation.first_token()
            words += 1
            yield f"{word} "
        generation.record_usage(input_tokens=len(question.split()), output_tokens=words)


async def chat(request: Request) -> Response:
    """Answer when the model has said everything."""
    headers = request.headers
    flowemf.bind(tenant=headers.get("x-tenant", "unknown"), client=headers.get("user-agent", "unknown"))
    try:
        words = [word async for word in answer((await request.json())["question"])]
    except TimeoutError:
        return JSONResponse({"error": "no answer in time"}, status_code=504)
    return JSONResponse({"answer": "".join(words).strip()})


async def stream(request: Request) -> Response:
    """Answer as the model speaks; the flow ends with the last word."""
    return StreamingResponse(answer((await request.json())["question"]), media_type="text/plain")


async def health(_request: Request) -> Response:
    """Say that the service is up."""
    return Response("ok")


def measured(scope: MutableMapping[str, Any], name: str) -> str | None:
    """Leave the load balancer's questions out: they would be the most frequent flow of all."""
    return None if scope["path"] == "/health" else name


app = Starlette(
    routes=[
        Route("/chat", chat, methods=["POST"]),
        Route("/stream", stream, methods=["POST"]),
        Route("/health", health),
    ],
    middleware=[Middleware(FlowMiddleware, name=measured)],
)
