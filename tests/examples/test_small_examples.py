"""Each small example runs with the command of the table, and its lines are what its words promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from example_programs import EXAMPLES, documents_of, output_of, sums, table

FLOWS = ("FlowStarted", "FlowCompleted", "FlowError", "GenerationCount", "GenerationError", "TokensUsed")


def test_the_chat_example_writes_two_successes_a_timeout_and_an_apology() -> None:
    """Started = completed + failed; a failed generation counts as a generation and as an error."""
    documents = documents_of(output_of("chat.py"))
    assert sums(documents, *FLOWS, "Apologies") == {
        "FlowStarted": 3,
        "FlowCompleted": 2,
        "FlowError": 1,
        "GenerationCount": 3,
        "GenerationError": 1,
        "TokensUsed": 24,
        "Apologies": 1,
    }
    assert {document["ErrorType"] for document in documents if "ErrorType" in document} == {"Timeout"}
    assert sum("TimeToFirstToken" in document for document in documents) == 2
    assert {document["tenant"] for document in documents} == {"example"}


def test_the_bedrock_example_writes_its_calls_without_a_word_about_metrics() -> None:
    """One call answers with 11 + 22 cached tokens of input and 7 of output, the other one is throttled."""
    documents = documents_of(output_of("bedrock_boto3.py"))
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


def test_the_agent_of_strands_is_a_flow_with_the_two_calls_of_its_model() -> None:
    """The tool in between is no generation; the agent's span repeats the usage, which counts once."""
    documents = documents_of(output_of("strands_agent.py"))
    assert sums(documents, *FLOWS) == {"FlowStarted": 1, "FlowCompleted": 1, "GenerationCount": 2, "TokensUsed": 75}
    assert {each["FlowName"] for each in documents if "FlowName" in each} == {"travel-advisor"}
    assert {each["ModelID"] for each in documents if "ModelID" in each} == {"scripted-model"}
    assert len({each["flow_id"] for each in documents}) == 1


def test_the_chain_of_langchain_is_a_flow_with_its_generation() -> None:
    """Named as the application names its run."""
    documents = documents_of(output_of("langchain_app.py"))
    assert sums(documents, *FLOWS) == {"FlowStarted": 1, "FlowCompleted": 1, "GenerationCount": 1, "TokensUsed": 18}
    assert {each["FlowName"] for each in documents if "FlowName" in each} == {"recipe"}


@pytest.mark.parametrize("example", ["environments.py", "genkit_app.py"])
def test_the_command_of_the_table_runs_an_example_that_is_looked_at_elsewhere(example: str) -> None:
    """Their lines are held against what they promise in tests of their own."""
    assert documents_of(output_of(example))


def test_the_table_has_every_example_and_a_command_that_runs_it() -> None:
    """Whoever adds an example adds its row; a command names the example's own place."""
    present = {path.name for path in EXAMPLES.iterdir() if path.name not in ("README.md", "__pycache__")}
    assert set(table()) == present
    for name, command in table().items():
        assert f"examples/{name}" in command, command


@pytest.mark.parametrize("example", sorted(table()))
def test_an_example_says_at_its_top_how_to_run_it(example: str) -> None:
    """A copied file takes its explanation along."""
    place = EXAMPLES / example
    files = [place] if place.is_file() else [path for path in place.iterdir() if path.suffix in (".py", ".sh", ".yaml")]
    heads = ["\n".join(path.read_text("utf-8").splitlines()[:16]) for path in files]
    assert any(f"examples/{example}" in head for head in heads)


@pytest.mark.parametrize("readme", sorted(EXAMPLES.rglob("README.md")), ids=lambda path: path.parent.name)
def test_links_of_a_readme_lead_somewhere(readme: Path) -> None:
    """A file that was moved takes its links along."""
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", readme.read_text(encoding="utf-8")):
        assert (readme.parent / target).exists(), target
