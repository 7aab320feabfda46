"""Bedrock with aiobotocore, which pins a botocore of its own: both go into a folder, and one program runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
WANTED = ("aiobotocore==3.10.0", "botocore==1.43.117", "aioitertools")
PROGRAM = """
import asyncio, gc, sys
sys.path[:0] = [{folder!r}, {here!r}]
from bedrock_service import CONVERSE_STREAM, HEADERS, MESSAGES, MODEL, Answer
from bedrock_service import bedrock_service, converse, failure, stream, trouble
import botocore
assert botocore.__file__.startswith({folder!r})
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
import flowemf
from flowemf.integrations import bedrock

flowemf.configure("App/Test")

async def main(service):
    session = get_session()
    bedrock.install(session)
    once = AioConfig(retries={{"total_max_attempts": 1}})
    settings = dict(region_name="us-east-1", endpoint_url=service.url, config=once)
    async with session.create_client("bedrock-runtime", **settings) as client:
        bedrock.install(client)
        asked = dict(modelId=MODEL, messages=MESSAGES)
        service.answers.append(converse())
        await client.converse(**asked)
        service.answers.append(failure("ThrottlingException", 429))
        try:
            await client.converse(**asked)
        except Exception as error:
            print(type(error).__name__, file=sys.stderr)
        service.answers.append(Answer(b"{{}}", headers=HEADERS))
        answer = await client.invoke_model(modelId=MODEL, body=b"{{}}")
        assert await answer["body"].read() == b"{{}}"
        service.answers.append(stream(*CONVERSE_STREAM))
        async for _ in (await client.converse_stream(**asked))["stream"]:
            pass
        service.answers.append(stream(*CONVERSE_STREAM[:2], trouble("throttlingException")))
        try:
            async for _ in (await client.converse_stream(**asked))["stream"]:
                pass
        except Exception as error:
            print(type(error).__name__, file=sys.stderr)
        service.answers.append(stream(*CONVERSE_STREAM))
        events = (await client.converse_stream(**asked))["stream"]
        async for _ in events:
            break
        events.close()

with bedrock_service() as service:
    asyncio.run(main(service))
"""


def test_sessions_and_clients_of_aiobotocore_are_measured_when_they_are_passed(tmp_path: Path, run_python: Any) -> None:
    """Answers, errors, streams to their end, streams that fail, and streams that are closed."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path)]
    finished = subprocess.run([*command, *WANTED], capture_output=True, text=True, check=False, timeout=120)
    if finished.returncode:
        pytest.skip(f"aiobotocore cannot be had: {finished.stderr.strip()[-200:]}")
    finished = run_python(PROGRAM.format(folder=str(tmp_path), here=str(HERE)), flags=("-W", "ignore"))
    assert finished.returncode == 0, finished.stderr.decode()
    assert finished.stderr.split() == [b"ThrottlingException", b"EventStreamError"]
    keys = ("InputTokens", "TokensUsed", "ErrorType", "generation_status")
    assert [
        tuple(line[key] for key in keys if key in line) for line in map(json.loads, finished.stdout.splitlines())
    ] == [(33, 40), ("Throttling",), (33, 40), (33, 40), ("Throttling",), ("Cancelled",)]
