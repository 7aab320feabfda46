"""The page about Lambda: every snippet runs, here or under Lambda's own runtime client."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from example_programs import documents_of, sums
from lambda_runtime_api import Lambda

import flowemf

ROOT = Path(__file__).parents[2]
FUNCTION, LOCAL_TEST = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "lambda.md").read_text("utf-8"), re.DOTALL)


def test_the_function_of_the_page_runs_in_lambda(tmp_path: Path) -> None:
    """Copied as it stands, invoked twice."""
    with Lambda(tmp_path, FUNCTION, {}) as function:
        answers = [function.invoke({"tenant": "acme"}) for _ in range(2)]
    assert answers[-1].content == {"statusCode": 200}
    expected = {"FlowStarted": 2, "FlowCompleted": 2, "GenerationCount": 2, "ColdStart": 1}
    assert sums(documents_of(answers[-1].written), *expected, "FlowError") == expected


def test_the_test_of_the_page_passes() -> None:
    """What it shows for local tests, run on what it shows for Lambda."""
    names: dict[str, Any] = {"flowemf": flowemf}
    configured = FUNCTION.replace('flowemf.configure("MyApp/GenKit")', "")
    exec(configured + LOCAL_TEST, names)
    assert names["captured"].count("TokensUsed") == 1
