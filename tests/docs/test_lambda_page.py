"""The page about Lambda and its example: every snippet runs, here or under Lambda's own runtime client."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from lambda_runtime_api import Lambda

import flowemf
from flowemf_schemas.rules import examine

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "lambda_function" / "app.py"
FUNCTION, LOCAL_TEST = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "lambda.md").read_text("utf-8"), re.DOTALL)


def documents_of(output: bytes) -> list[dict[str, Any]]:
    """Read metric lines, each of which must be a valid one."""
    documents = [json.loads(line) for line in output.splitlines() if line.startswith(b'{"_aws"')]
    assert [examine(document) for document in documents] == [[] for _ in documents]
    return documents


def metrics_of(documents: list[dict[str, Any]]) -> dict[str, float]:
    """Add up what the page and the example name."""
    asked = (
        "FlowStarted",
        "FlowCompleted",
        "FlowError",
        "GenerationCount",
        "GenerationError",
        "ColdStart",
        "Apologies",
    )
    sums = {metric: sum(document.get(metric, 0) for document in documents) for metric in asked}
    return {metric: total for metric, total in sums.items() if total}


def test_the_function_of_the_page_runs_in_lambda(tmp_path: Path) -> None:
    """Copied as it stands, invoked twice."""
    with Lambda(tmp_path, FUNCTION, {}) as function:
        answers = [function.invoke({"tenant": "acme"}) for _ in range(2)]
    assert answers[-1].content == {"statusCode": 200}
    documents = documents_of(answers[-1].written)
    assert metrics_of(documents) == {"FlowStarted": 2, "FlowCompleted": 2, "GenerationCount": 2, "ColdStart": 1}


def test_the_test_of_the_page_passes() -> None:
    """What it shows for local tests, run on what it shows for Lambda."""
    names: dict[str, Any] = {"flowemf": flowemf}
    configured = FUNCTION.replace('flowemf.configure("MyApp/GenKit")', "")
    exec(configured + LOCAL_TEST, names)
    assert names["captured"].count("TokensUsed") == 1


def test_the_example_runs_in_lambda(tmp_path: Path) -> None:
    """A cold start, a warm invocation, and a model that does not answer."""
    with Lambda(tmp_path, EXAMPLE.read_text("utf-8"), {}) as function:
        answers = [function.invoke({"tenant": "acme", "question": asked}) for asked in ("What?", "Why?", "")]
    assert [answer.kind for answer in answers] == ["response", "response", "error"]
    documents = documents_of(answers[-1].written)
    assert metrics_of(documents) == {
        "FlowStarted": 3,
        "FlowCompleted": 2,
        "FlowError": 1,
        "GenerationCount": 3,
        "GenerationError": 1,
        "ColdStart": 1,
    }
    assert {each["tenant"] for each in documents if "GenerationCount" in each} == {"acme"}


def test_the_example_runs_without_lambda(tmp_path: Path) -> None:
    """`python examples/lambda_function/app.py` shows the same lines."""
    completed = subprocess.run([sys.executable, EXAMPLE], capture_output=True, check=True, timeout=60, cwd=tmp_path)
    assert completed.stderr == b""
    metrics = metrics_of(documents_of(completed.stdout))
    assert (metrics["FlowCompleted"], metrics["FlowError"], metrics["ColdStart"], metrics["Apologies"]) == (2, 1, 1, 1)
