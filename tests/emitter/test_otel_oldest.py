"""The oldest release of each framework and instrumentation that works, pinned; docs/automatic-collection.md lists them.

Each runs over what is installed here for the other tests, in a folder that comes before it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from otel_services import Services, model_services

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).parent / "otel_program.py"
PAGE = (ROOT / "docs" / "automatic-collection.md").read_text(encoding="utf-8")

# Those of the first days, with an SDK of that time.
EARLY = {
    "opentelemetry-sdk": "1.30.0",
    "strands-agents": "0.2.0",
    "pydantic-ai-slim": "0.1.0",
    "anthropic": "1.14.0",
    "opentelemetry-instrumentation-botocore": "0.51b0",
}
GENAI = {
    "opentelemetry-instrumentation-genai-anthropic": "1.0b0",
    "opentelemetry-instrumentation-genai-openai": "1.0b0",
    "opentelemetry-instrumentation-genai-langchain": "1.0b0",
    "opentelemetry-instrumentation-genai-bedrock": "1.2b0",
}
# What they cannot do without in the version that is installed here.
BESIDE_EARLY = {
    "opentelemetry-api": "1.30.0",
    "opentelemetry-semantic-conventions": "0.51b0",
    "opentelemetry-instrumentation": "0.51b0",
    "opentelemetry-instrumentation-threading": "0.51b0",
    "pydantic-graph": "0.1.0",
    "deprecated": "1.2.18",
    "importlib-metadata": "8.5.0",
    "wrapt": "1.17.2",
    "zipp": "3.21.0",
}
BESIDE_GENAI = {"opentelemetry-util-genai": "1.3b0", "openai": "2.54.0", "anthropic": "1.17.0"}

Lines = list[tuple[str, ...]]
WHOLE = (33, 7, 40)
FLOW = ("flow.start", "flow.end")


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with model_services() as running:
        yield running


def installed(folder: Path, pins: dict[str, str]) -> Path:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    wanted = [f"{name}=={version}" for name, version in pins.items()]
    finished = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False, timeout=90)
    if finished.returncode:
        pytest.skip(f"the oldest releases cannot be had: {finished.stderr.strip()[-200:]}")
    return folder


@pytest.fixture(scope="module")
def early(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("early"), {**EARLY, **BESIDE_EARLY})


@pytest.fixture(scope="module")
def genai(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("genai"), {**GENAI, **BESIDE_GENAI})


@pytest.fixture
def run(services: Services) -> Callable[[Path, str, str], tuple[list[dict[str, Any]], str]]:
    """Run the program for one framework; give its lines and the version that it ran with."""

    def run(folder: Path, framework: str, package: str) -> tuple[list[dict[str, Any]], str]:
        path = os.pathsep.join([str(folder), *(str(ROOT / part) for part in ("emitter", "schemas"))])
        command = [sys.executable, str(PROGRAM), framework, services.url, package]
        environment = {**os.environ, "PYTHONPATH": path}
        finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert finished.returncode == 0, finished.stderr
        assert "Zanzibar" not in "".join(line for line in finished.stdout.splitlines() if line.startswith('{"_aws"'))
        lines = [json.loads(line) for line in finished.stdout.splitlines() if line.startswith('{"_aws"')]
        return lines, finished.stderr.splitlines()[-1]

    return run


@pytest.mark.oldest
@pytest.mark.xdist_group("oldest-early")  # one process installs them
@pytest.mark.parametrize(
    ("framework", "package", "flow", "tokens"),
    [
        # These two say nothing of the cache yet; what came from it is in the total, where there is one.
        ("strands", "strands-agents", "Strands Agent", (11, 7, 40)),
        ("botocore", "opentelemetry-instrumentation-botocore", None, (11, 7, 18)),
        ("pydantic_ai", "pydantic-ai-slim", "helper", WHOLE),
        ("anthropic", "anthropic", None, WHOLE),
    ],
)
def test_the_oldest_release_with_the_oldest_sdk(
    early: Path, run: Any, framework: str, package: str, flow: str | None, tokens: tuple[int, int, int]
) -> None:
    """A flow where it has one, and one generation with the tokens that it tells."""
    lines, version = run(early, framework, package)
    assert version == EARLY[package]
    assert_one_call(lines, flow, tokens)


@pytest.mark.oldest
@pytest.mark.xdist_group("oldest-genai")
@pytest.mark.parametrize(
    ("framework", "flow"),
    [("genai_openai", None), ("genai_anthropic", None), ("genai_langchain", "asking"), ("genai_bedrock", None)],
)
def test_the_oldest_genai_instrumentation(genai: Path, run: Any, framework: str, flow: str | None) -> None:
    """Each has one meaning of tokens."""
    package = f"opentelemetry-instrumentation-{framework.replace('_', '-')}"
    lines, version = run(genai, framework, package)
    assert version == GENAI[package]
    assert_one_call(lines, flow, WHOLE)


def assert_one_call(lines: list[dict[str, Any]], flow: str | None, tokens: tuple[int, int, int]) -> None:
    (generation,) = [line for line in lines if line["event"] == "generation"]
    assert (generation["InputTokens"], generation["OutputTokens"], generation["TokensUsed"]) == tokens
    flows = [(line["event"], line["FlowName"]) for line in lines if "FlowName" in line]
    assert flows == ([] if flow is None else [(event, flow) for event in FLOW])


def test_the_page_lists_them() -> None:
    """What is promised is what is tried."""
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| ([0-9.b]+) \|", PAGE, re.MULTILINE))
    ours = {**EARLY, **GENAI}
    assert {name: listed.get(name) for name in ours} == ours
