"""LiteLLM as its users have it, against a service on 127.0.0.1: each call becomes one line.

LiteLLM demands an older openai than other tests need, and takes seconds to import: it is installed into a folder of
its own, and one program makes all the calls.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from example_programs import documents_of, output_of, sums

HERE = Path(__file__).parent
# The newest that was tried, and the oldest that has what is read here.
NEWEST, OLDEST = "1.106.2", "1.83.0"
PROGRAM = """
import asyncio, os, sys, time
sys.path.insert(0, {here!r})
from otel_services import model_services
import litellm
litellm.suppress_debug_info = True
import flowemf
from flowemf.integrations import litellm as integration

monitor = flowemf.configure("App/Test", prices={prices!r})
MESSAGES = [{{"role": "user", "content": "Zanzibar-prompt"}}]

def settle(lines):
    "LiteLLM tells in the background: wait for the lines."
    end = time.monotonic() + 20
    while flowemf.stats()["lines_written"] < lines and time.monotonic() < end:
        time.sleep(0.01)

async def settle_async(lines):
    end = time.monotonic() + 20
    while flowemf.stats()["lines_written"] < lines and time.monotonic() < end:
        await asyncio.sleep(0.01)

def fails(function, *arguments, **settings):
    try:
        function(*arguments, **settings)
    except Exception as error:
        print(type(error).__name__, file=sys.stderr)
    else:
        raise SystemExit("it did not fail")

with model_services() as services:
    USAGE = dict(stream_options={{"include_usage": True}})
    ASK = dict(api_base=services.url + "/v1", api_key="k", messages=MESSAGES, max_retries=0)
{body}
print(sorted(flowemf.stats().items()), file=sys.stderr)
"""
TOKENS = {"InputTokens": 33, "OutputTokens": 7, "CacheReadTokens": 20, "ReasoningTokens": 3, "TokensUsed": 40}


@pytest.fixture(scope="module")
def litellm_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give a function that installs one LiteLLM into a folder of its own; what it depends on is here already."""

    @lru_cache
    def installed(version: str) -> Path:
        folder = tmp_path_factory.mktemp("litellm")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
        wanted = f"litellm=={version}"
        finished = subprocess.run([*command, wanted], capture_output=True, text=True, check=False, timeout=170)
        if finished.returncode:
            pytest.skip(f"{wanted} cannot be had: {finished.stderr.strip()[-200:]}")
        return folder

    return installed


def run(folder: Path, run_python: Any, body: str, prices: object = None) -> tuple[list[dict[str, Any]], list[str]]:
    """Run a program; give its lines, and what it said on standard error."""
    indented = "\n".join(f"    {line}" for line in body.strip().splitlines())
    program = PROGRAM.format(here=str(HERE), body=indented, prices=prices)
    finished = run_python(
        f"import sys; sys.path.insert(0, {str(folder)!r})\n" + program,
        flags=("-W", "ignore"),
        environment={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )
    assert finished.returncode == 0, finished.stderr.decode()
    assert b"Zanzibar" not in finished.stdout
    return [json.loads(line) for line in finished.stdout.splitlines()], finished.stderr.decode().splitlines()


def in_short(line: dict[str, Any]) -> tuple[Any, ...]:
    keys = ("ModelID", "ErrorType", "generation_status")
    return tuple(line[key] for key in keys if key in line)


@pytest.mark.parametrize("version", [NEWEST, OLDEST])
def test_each_kind_of_call_is_one_generation(
    version: str, litellm_folder: Callable[[str], Path], run_python: Any
) -> None:
    """Answers, streams, failures, at once and in tasks, with a Router and without; embeddings are none."""
    lines, said = run(
        litellm_folder(version),
        run_python,
        """
integration.install()
integration.install()
litellm.callbacks = []  # as applications do
with flowemf.flow("chat"):
    litellm.completion(model="openai/gpt-4o-mini", **ASK)
settle(3)
flowemf.bind(tenant="acme")
for _ in litellm.completion(model="openai/gpt-4o-mini", stream=True, **ASK, **USAGE):
    pass
settle(4)
flowemf.unbind()
fails(litellm.completion, model="openai/throttled", **ASK)
settle(5)
fails(litellm.completion, model="no-such-provider/model", **ASK)
settle(6)
parameters = {"model": "openai/gpt-4o-mini", "api_base": ASK["api_base"], "api_key": "k"}
router = litellm.Router(model_list=[{"model_name": "smart", "litellm_params": parameters}], num_retries=0)
router.completion(model="smart", messages=MESSAGES)
settle(7)
embedding = {**parameters, "model": "openai/text-embedding-3-small", "input": ["x"], "max_retries": 0}
fails(litellm.embedding, **embedding)

async def tasks():
    await litellm.acompletion(model="openai/gpt-4o-mini", **ASK)
    await settle_async(8)
    async for _ in await litellm.acompletion(model="openai/gpt-4o-mini", stream=True, **ASK, **USAGE):
        pass
    await settle_async(9)
    try:
        await litellm.acompletion(model="openai/throttled", **ASK)
    except Exception as error:
        print(type(error).__name__, file=sys.stderr)
    await settle_async(10)

asyncio.run(tasks())
for _ in litellm.completion(model="openai/gpt-4o-mini", stream=True, **ASK, **USAGE):
    break  # LiteLLM never tells the end of it
integration.install()
""",
    )
    generations = [line for line in lines if line["event"] == "generation"]
    assert [in_short(line) for line in generations] == [
        ("gpt-4o-mini",),
        ("gpt-4o-mini",),
        ("throttled", "RateLimit"),
        ("no-such-provider/model", "GenericError"),
        ("smart",),
        ("gpt-4o-mini",),
        ("gpt-4o-mini",),
        ("throttled", "RateLimit"),
        ("gpt-4o-mini", "Cancelled"),
    ]
    whole, streamed, *_ = generations
    for answered in (generations[index] for index in (0, 1, 4, 5, 6)):
        assert {name: answered[name] for name in TOKENS} == TOKENS
        assert answered["resolved_model_id"].startswith("gpt-4o-mini")
        assert answered["GenerationDuration"] > 0
        assert answered["EstimatedCost"] > 0
    assert whole["flow_id"] == lines[0]["flow_id"]
    assert "TimeToFirstToken" not in whole
    assert 0 < streamed["TimeToFirstToken"] <= streamed["GenerationDuration"]
    assert streamed["tenant"] == "acme"
    assert said[-1] == "[('lines_written', 10)]"


def test_what_is_measured_around_or_inside_a_call_counts_once(
    litellm_folder: Callable[[str], Path], run_python: Any
) -> None:
    """An explicit generation around it; the traced client inside it, with and without a loop; and what follows."""
    lines, said = run(
        litellm_folder(NEWEST),
        run_python,
        """
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from flowemf.integrations import otel
otel.install()
integration.install()
OpenAIInstrumentor().instrument()
with flowemf.generation("explicit") as generation:
    generation.record_response(litellm.completion(model="openai/gpt-4o-mini", **ASK))
settle(1)
litellm.completion(model="openai/gpt-4o-mini", **ASK)
with flowemf.generation("next"):
    pass
settle(3)
for _ in litellm.completion(model="openai/gpt-4o-mini", stream=True, **ASK, **USAGE):
    pass
settle(4)

async def tasks():
    await litellm.acompletion(model="openai/gpt-4o-mini", **ASK)
    with flowemf.generation("next"):
        pass
    await settle_async(6)
    async for _ in await litellm.acompletion(model="openai/gpt-4o-mini", stream=True, **ASK, **USAGE):
        with flowemf.generation("inside"):
            print("inside", file=sys.stderr)
    await asyncio.sleep(0.5)

asyncio.run(tasks())
time.sleep(0.3)
integration.uninstall()
otel.uninstall()
OpenAIInstrumentor().uninstrument()
litellm.completion(model="openai/gpt-4o-mini", **ASK)
time.sleep(0.3)
""",
        prices={"gpt-4o-mini": {"input": "1", "output": "2", "cache_read": "1"}},
    )
    models = [line["ModelID"] for line in lines if line["event"] == "generation"]
    assert models.count("explicit") == 1
    assert models.count("next") == 2
    assert models.count("gpt-4o-mini") == 4
    assert models.count("inside") == said.count("inside") > 0
    # The application's own prices go before LiteLLM's: a dollar for a million tokens of input, two for output.
    costs = {line["EstimatedCost"] for line in lines if line.get("ModelID") == "gpt-4o-mini"}
    assert sorted(costs) == pytest.approx([33e-6 + 14e-6])


def test_of_calls_that_nobody_ends_only_so_many_are_known(
    litellm_folder: Callable[[str], Path], run_python: Any
) -> None:
    """A program neither grows by streams that it leaves nor by answers from a cache; what it leaves is cancelled."""
    lines, said = run(
        litellm_folder(NEWEST),
        run_python,
        """
integration._MOST_KNOWN = 2
integration.install()
callback = litellm.callbacks[-1]
with flowemf.generation("explicit"):
    hidden = litellm.completion(model="openai/hidden", stream=True, **ASK, **USAGE)
left = [litellm.completion(model=f"openai/left-{n}", stream=True, **ASK, **USAGE) for n in range(3)]
settle(2)
print(flowemf.stats()["lines_written"], file=sys.stderr)
sys.modules["soundfile"] = type(sys)("soundfile")  # LiteLLM's cache imports it, and has no use for it here
litellm.cache = litellm.Cache(type="local")
for _ in range(5):
    litellm.completion(model="openai/gpt-4o-mini", caching=True, **ASK)
    time.sleep(0.2)
settle(5)
print(len(callback._known), file=sys.stderr)
for stream in (hidden, *left):
    list(stream)
time.sleep(0.3)
integration.uninstall()
integration.uninstall()
""",
    )
    assert [in_short(line) for line in lines] == [
        ("explicit",),
        ("left-0", "Cancelled"),
        ("left-1", "Cancelled"),
        ("gpt-4o-mini",),
        ("left-2", "Cancelled"),
    ]
    assert said[-3:-1] == ["2", "2"]


def test_what_litellm_says_twice_or_in_part_is_one_line_too(
    litellm_folder: Callable[[str], Path], run_python: Any
) -> None:
    """A model without a price has no cost, a failure without its exception has its class; nothing is ever raised."""
    lines, said = run(
        litellm_folder(NEWEST),
        run_python,
        """
from datetime import datetime, timedelta
integration.install()
callback = litellm.callbacks[-1]
litellm.completion(model="openai/own-model", **ASK)
settle(1)
start = datetime.now()
end = start + timedelta(seconds=2)

def call(call_id, **more):
    return dict(call_type="completion", litellm_call_id=call_id, model=call_id, **more)

for _ in range(2):
    callback.log_pre_api_call("twice", None, call("twice"))
for _ in range(2):
    callback.log_success_event(call("twice"), {}, start, end)
information = dict(error_information=dict(error_class="RateLimitError"))
callback.log_failure_event(call("by its class", standard_logging_object=information), None, start, end)
callback.log_failure_event(call("unsaid"), None, start, end)
callback.log_pre_api_call("timeless", None, call("timeless"))
callback.log_success_event(call("timeless"), {}, None, None)
callback.log_pre_api_call("strange", None, None.__class__)
litellm.callbacks = []
integration.uninstall()
""",
    )
    assert [in_short(line) for line in lines] == [
        ("own-model",),
        ("twice",),
        ("by its class", "RateLimit"),
        ("unsaid", "GenericError"),
    ]
    assert lines[0]["TokensUsed"] == 40
    assert "EstimatedCost" not in lines[0]
    assert [line["GenerationDuration"] for line in lines[1:]] == [2000.0] * 3
    assert "('internal_error', 2)" in said[-1]


def test_the_example_is_a_flow_with_its_completion(litellm_folder: Callable[[str], Path]) -> None:
    """Told in the background, the completion is written when the program ends, and belongs to its flow."""
    folder = str(litellm_folder(NEWEST))
    documents = documents_of(output_of("litellm_app.py", PYTHONPATH=folder, LITELLM_LOCAL_MODEL_COST_MAP="True"))
    expected = {"FlowStarted": 1, "FlowCompleted": 1, "GenerationCount": 1, "TokensUsed": 30}
    assert sums(documents, *expected, "FlowError", "GenerationError") == expected
    assert len({each["flow_id"] for each in documents}) == 1
    assert {each["ModelID"] for each in documents if "ModelID" in each} == {"gpt-4o-mini"}


def test_without_litellm_the_error_names_the_package(run_python: Any) -> None:
    """Nobody has to guess what to install."""
    program = """
import sys
sys.modules["litellm"] = None
try:
    import flowemf.integrations.litellm
except ImportError as error:
    print(error)
"""
    said = run_python(program).stdout.decode()
    assert said.startswith("flowemf.integrations.litellm needs litellm, which is not installed: pip install litellm")
