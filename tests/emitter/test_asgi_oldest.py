"""The oldest Starlette and FastAPI that the middleware is tried with, pinned: routes are asked as today's are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OLDEST = ("starlette==0.27.0", "fastapi==0.100.0")
APPLICATION = """
import asyncio
import httpx
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
import flowemf
from flowemf.integrations.asgi import FlowMiddleware

flowemf.configure("App/Test")
app = FastAPI()
app.add_middleware(FlowMiddleware)
router = APIRouter(prefix="/api")

@router.get("/items/{item}")
async def item(item: int):
    return StreamingResponse(iter(["a", "b"]))

@router.get("/broken")
async def broken():
    raise TimeoutError("model")

async def inner(request):
    return PlainTextResponse("inner", status_code=503)

app.include_router(router)
app.mount("/tenants/{tenant}", Starlette(routes=[Mount("/more", routes=[Route("/end/{x}", inner)])]))

async def main():
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/api/items/5", "/api/broken", "/tenants/acme/more/end/1", "/.env"):
            await client.get(path)

asyncio.run(main())
"""
EXPECTED = [
    ("GET /api/items/{item}", "Success"),
    ("GET /api/broken", "Error", "Timeout"),
    ("GET /tenants/{tenant}/more/end/{x}", "Error", "Connection"),
    ("GET (no route)", "Success"),
]


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the oldest ones into a folder of their own; what they depend on is here already."""
    folder = tmp_path_factory.mktemp("oldest-asgi")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *OLDEST]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if finished.returncode:
        pytest.skip(f"{OLDEST} cannot be had: {finished.stderr.strip()[-200:]}")
    return folder


def test_the_oldest_frameworks_give_the_same_flows(oldest: Path, run_python: Callable[..., Any]) -> None:
    """Included routers, mounts in mounts, streams, exceptions and statuses."""
    prefer = f"import sys; sys.path.insert(0, {str(oldest)!r})\n"
    are_they = "\nimport starlette; assert starlette.__file__.startswith(sys.path[0])\n"
    finished = run_python(prefer + APPLICATION + are_they, flags=("-W", "ignore"))
    assert finished.returncode == 0, finished.stderr.decode()
    lines = [json.loads(line) for line in finished.stdout.splitlines()]
    ends = [line for line in lines if "FlowDuration" in line]
    told = ("FlowName", "Status", "ErrorType")
    assert [tuple(line[name] for name in told if name in line) for line in ends] == EXPECTED
    assert sum(line.get("FlowStarted", 0) for line in lines) == len(EXPECTED)
