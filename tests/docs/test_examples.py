"""Each example runs, and its lines are what its words promise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from flowemf_schemas.rules import examine

EXAMPLES = Path(__file__).parents[2] / "examples"


def lines_of(example: str) -> list[dict[str, object]]:
    """Run an example as a process and read what it writes."""
    completed = subprocess.run([sys.executable, EXAMPLES / example], capture_output=True, check=True, timeout=60)
    assert completed.stderr == b""
    documents = [json.loads(line) for line in completed.stdout.splitlines()]
    assert [examine(document) for document in documents] == [[] for _ in documents]
    return documents


def test_the_chat_example_writes_two_successes_a_timeout_and_an_apology() -> None:
    """Started = completed + failed; a failed generation counts as a generation and as an error."""
    documents = lines_of("chat.py")
    sums = {
        metric: sum(document.get(metric, 0) for document in documents)  # type: ignore[misc]
        for metric in ("FlowStarted", "FlowCompleted", "FlowError", "GenerationCount", "GenerationError", "Apologies")
    }
    assert sums == {
        "FlowStarted": 3,
        "FlowCompleted": 2,
        "FlowError": 1,
        "GenerationCount": 3,
        "GenerationError": 1,
        "Apologies": 1,
    }
    assert {document["ErrorType"] for document in documents if "ErrorType" in document} == {"Timeout"}
    assert sum("TimeToFirstToken" in document for document in documents) == 2
    assert {document["tenant"] for document in documents} == {"example"}


def test_the_bedrock_example_writes_its_calls_without_a_word_about_metrics() -> None:
    """One call answers with 11 + 22 cached tokens of input and 7 of output, the other one is throttled."""
    documents = lines_of("bedrock_boto3.py")
    events = [(document["event"], document.get("ErrorType")) for document in documents]
    assert events == [
        ("flow.start", None),
        ("generation", None),
        ("flow.end", None),
        ("flow.start", None),
        ("generation", "Throttling"),
        ("flow.end", "Throttling"),
        ("metric", None),
    ]
    answered = documents[1]
    assert (answered["ModelID"], answered["InputTokens"], answered["OutputTokens"]) == ("amazon.nova-lite-v1:0", 33, 7)
    assert (answered["TokensUsed"], answered["CacheReadTokens"], answered["server_latency_ms"]) == (40, 22, 312)


def test_every_example_is_run_by_a_test() -> None:
    """Whoever adds an example adds its test here, or names it: environments.py is run in tests/guide."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "bedrock_boto3.py",
        "chat.py",
        "environments.py",
        "genkit_app.py",
    }
