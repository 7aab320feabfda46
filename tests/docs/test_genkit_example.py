"""The Genkit example has no word of metrics but the plugin, and writes exactly the lines that its flows promise."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flowemf_schemas.rules import examine

ROOT = Path(__file__).parents[2]
EXAMPLE, PAGE = ROOT / "examples" / "genkit_app.py", ROOT / "docs" / "automatic-collection.md"

ANSWER = {
    "InputTokens": 100,
    "OutputTokens": 28,  # 20 of the answer and 8 of thought
    "TokensUsed": 128,
    "CacheReadTokens": 64,
    "ReasoningTokens": 8,
}
TOOL_REQUEST = {"InputTokens": 30, "OutputTokens": 5, "TokensUsed": 35}
STARTED = {"FlowStarted": 1}
COMPLETED = {"Status": "Success", "FlowCompleted": 1}
TIMED_OUT = {"Status": "Error", "ErrorType": "Timeout", "FlowError": 1}
CANCELLED = {"Status": "Cancelled", "FlowCancelled": 1}


def generation(model: str, **members: Any) -> dict[str, Any]:
    return {"event": "generation", "ModelID": model, "GenerationCount": 1, **members}


def start(flow: str) -> dict[str, Any]:
    return {"event": "flow.start", "FlowName": flow, **STARTED}


def end(flow: str, members: dict[str, Any]) -> dict[str, Any]:
    return {"event": "flow.end", "FlowName": flow, **members}


# What the application does, told by hand: one entry a line, in the order in which they are written.
EXPECTED = [
    start("recipe"),
    generation("cook", **ANSWER),
    end("recipe", COMPLETED),
    # the model asks for a tool, and answers when it has what the tool gave
    start("shopping"),
    generation("cook", **TOOL_REQUEST),
    generation("cook", **ANSWER),
    end("shopping", COMPLETED),
    # streamed
    start("dictation"),
    generation("cook", **ANSWER),
    end("dictation", COMPLETED),
    # two flows within a flow
    start("menu"),
    start("recipe"),
    generation("cook", **ANSWER),
    end("recipe", COMPLETED),
    start("recipe"),
    generation("cook", **ANSWER),
    end("recipe", COMPLETED),
    end("menu", COMPLETED),
    # the model refuses, and the flow goes on without an answer
    start("patience"),
    generation("sulk", GenerationError=1, ErrorType="Throttling"),
    end("patience", COMPLETED),
    # a failure, and one that comes from within
    start("order"),
    end("order", TIMED_OUT),
    start("banquet"),
    start("order"),
    end("order", TIMED_OUT),
    end("banquet", TIMED_OUT),
    # nobody waits for it any longer
    start("siesta"),
    generation("nap", generation_status="Cancelled"),
    end("siesta", CANCELLED),
]

# The sums of the whole run.
TOTALS = {
    "FlowStarted": 11,
    "FlowCompleted": 7,
    "FlowError": 3,
    "FlowCancelled": 1,
    "GenerationCount": 8,
    "GenerationError": 1,
    "InputTokens": 530,
    "OutputTokens": 145,
    "TokensUsed": 675,
    "CacheReadTokens": 320,
    "ReasoningTokens": 40,
}
# What differs from run to run.
_MEASURED = ("FlowDuration", "GenerationDuration")
_IDENTIFIERS = ("_aws", "schema_version", "flow_id", "parent_flow_id", "trace_id", "span_id", "error_message")


@pytest.fixture(scope="module")
def output() -> bytes:
    """Run the application as its reader would."""
    completed = subprocess.run([sys.executable, EXAMPLE], capture_output=True, check=True, timeout=60)
    assert b"flowemf" not in completed.stderr, completed.stderr.decode()
    return completed.stdout


@pytest.fixture(scope="module")
def documents(output: bytes) -> list[dict[str, Any]]:
    """Read its metric lines; what it prints by itself stands between them."""
    return [json.loads(line) for line in output.splitlines() if line.startswith(b'{"_aws"')]


def test_it_writes_exactly_the_expected_lines(documents: list[dict[str, Any]]) -> None:
    """Each flow and each call of a model once, in order, with its outcome and its tokens."""
    without = {*_MEASURED, *_IDENTIFIERS}
    said = [{name: value for name, value in document.items() if name not in without} for document in documents]
    assert said == EXPECTED
    sums: Counter[str] = Counter()
    for document in documents:
        sums.update({name: document.get(name, 0) for name in TOTALS})
    assert sums == TOTALS


def test_its_lines_are_valid_and_measure_time(documents: list[dict[str, Any]]) -> None:
    """CloudWatch takes them; every end has a duration, and the flow that waited took as long as it waited."""
    assert [examine(document) for document in documents] == [[] for _ in documents]
    assert {metrics["Namespace"] for document in documents for metrics in document["_aws"]["CloudWatchMetrics"]} == {
        "MyApp/GenKit"
    }
    assert all(any(name in document for name in _MEASURED) for document in documents if "FlowStarted" not in document)
    (waited,) = [document for document in documents if "FlowCancelled" in document]
    assert 40 < waited["FlowDuration"] < 5_000


def test_flows_know_the_flows_around_them(documents: list[dict[str, Any]]) -> None:
    """The inner flows name the outer one, and a generation the flow that it belongs to."""
    starts = {document["flow_id"]: document for document in documents if "FlowStarted" in document}
    inner = [document for document in starts.values() if "parent_flow_id" in document]
    found = [(document["FlowName"], starts[document["parent_flow_id"]]["FlowName"]) for document in inner]
    assert found == [("recipe", "menu"), ("recipe", "menu"), ("order", "banquet")]
    of = [starts[document["flow_id"]]["FlowName"] for document in documents if "ModelID" in document]
    assert of == ["recipe", "shopping", "shopping", "dictation", "recipe", "recipe", "patience", "siesta"]


def test_no_prompt_and_no_answer_is_in_its_lines(output: bytes) -> None:
    """What the guests asked and the models said stays where it was; error messages are told, cleaned of secrets."""
    lines = b"\n".join(line for line in output.splitlines() if line.startswith(b'{"_aws"'))
    for said in (b"How do I make", b"What must I buy", b"Dictate", b"Flour", b"plenty of", b"bread", b"porridge"):
        assert said not in lines, said


def test_the_plugin_is_its_only_word_of_metrics() -> None:
    """One import and one argument: nothing else in the application knows of flowemf."""
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and "flowemf" in (node.module or "")]
    assert [ast.unparse(node) for node in imports] == ["from flowemf.integrations.genkit import FlowMetrics"]
    code = [ast.unparse(node) for node in tree.body[1:] if node not in imports]
    mentioned = [statement for statement in code if "flow" in statement.lower() and "metrics" in statement.lower()]
    assert mentioned == ["ai = Genkit(plugins=[FlowMetrics(namespace='MyApp/GenKit')], model='cook')"]
    assert not [statement for statement in code if "flowemf" in statement.lower()]


def test_the_lines_of_the_page_are_all_that_an_application_needs() -> None:
    """What docs/automatic-collection.md shows is pasted before a flow, which is measured with the settings shown."""
    section = PAGE.read_text(encoding="utf-8").partition("## Genkit\n")[2].partition("\n## ")[0]
    (snippet,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    application = (
        "import asyncio\n"
        "@ai.flow()\n"
        "async def greeting(name: str) -> str:\n"
        "    return f'Hello {name}'\n"
        "asyncio.run(greeting('you'))\n"
    )
    command = [sys.executable, "-c", snippet + application]
    completed = subprocess.run(command, capture_output=True, check=True, timeout=60)
    lines = [json.loads(line) for line in completed.stdout.splitlines() if line.startswith(b'{"_aws"')]
    assert [(line["event"], line["FlowName"], line["Environment"]) for line in lines] == [
        ("flow.start", "greeting", "Production"),
        ("flow.end", "greeting", "Production"),
    ]
