"""The oldest Genkit that the plugin supports, pinned: it says only after a span's start what the span is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OLDEST = "0.5.2"
APPLICATION = """
import asyncio, importlib.metadata
from genkit import Genkit, GenkitError, ModelResponse
from flowemf.integrations.genkit import FlowMetrics

ai = Genkit(plugins=[FlowMetrics(namespace="App/Test")], model="answering")

async def answering(request, context):
    usage = {"inputTokens": 100, "outputTokens": 20, "totalTokens": 128, "thoughtsTokens": 8, "cachedContentTokens": 64}
    return ModelResponse.model_validate({"message": {"role": "model", "content": [{"text": "said"}]}, "usage": usage})

async def refusing(request, context):
    raise GenkitError(status="RESOURCE_EXHAUSTED", message="quota")

async def waiting(request, context):
    await asyncio.Event().wait()

for model in (answering, refusing, waiting):
    ai.define_model(model.__name__, model)

@ai.flow()
async def asking(model: str) -> str:
    return (await ai.generate(model=model, prompt="x")).text

@ai.flow()
async def outer(model: str) -> str:
    return await asking(model)

@ai.flow()
async def failing(words: str) -> str:
    raise ConnectionError(words)

@ai.flow()
async def wrapping(words: str) -> str:
    return await failing(words)

async def main():
    await outer("answering")
    for flow, given in ((asking, "refusing"), (wrapping, "lost")):
        try:
            await flow(given)
        except GenkitError:
            pass
    try:
        await asyncio.wait_for(asking("waiting"), 0.05)
    except asyncio.TimeoutError:
        pass

asyncio.run(main())
"""
EXPECTED = [
    ("outer", "flow.start"),
    ("asking", "flow.start"),
    ("answering", "generation", 100, 28, 128),
    ("asking", "flow.end", "Success"),
    ("outer", "flow.end", "Success"),
    ("asking", "flow.start"),
    ("refusing", "generation", "Throttling"),
    ("asking", "flow.end", "Error", "Throttling"),
    ("wrapping", "flow.start"),
    ("failing", "flow.start"),
    ("failing", "flow.end", "Error", "Connection"),
    ("wrapping", "flow.end", "Error", "Connection"),
    ("asking", "flow.start"),
    ("waiting", "generation"),
    ("asking", "flow.end", "Cancelled"),
]


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the oldest Genkit into a folder of its own; what it depends on is here already."""
    folder = tmp_path_factory.mktemp("oldest-genkit")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    finished = subprocess.run([*command, f"genkit=={OLDEST}"], capture_output=True, text=True, check=False, timeout=60)
    if finished.returncode:
        pytest.skip(f"genkit {OLDEST} cannot be had: {finished.stderr.strip()[-200:]}")
    return folder


def test_the_oldest_genkit_gives_the_same_lines(oldest: Path, run_python: Callable[..., Any]) -> None:
    """A flow's start is written when its first step begins, at the latest when it ends."""
    prefer = f"import sys; sys.path.insert(0, {str(oldest)!r})\n"
    is_it = "\nimport genkit; assert genkit.__file__.startswith(sys.path[0])\n"
    finished = run_python(
        prefer + APPLICATION + is_it, flags=("-W", "ignore"), environment={**os.environ, "GENKIT_ENV": ""}
    )
    assert finished.returncode == 0, finished.stderr.decode()
    lines = [json.loads(line) for line in finished.stdout.splitlines() if line.startswith(b'{"_aws"')]
    told = ("FlowName", "ModelID", "event", "Status", "ErrorType", "InputTokens", "OutputTokens", "TokensUsed")
    assert [tuple(line[name] for name in told if name in line) for line in lines] == EXPECTED
