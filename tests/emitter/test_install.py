"""`flowemf.install()`: what it finds, what it imports, what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest

import flowemf

# The packages of this environment, as far as they matter here; each test hides what it wants to be without.
PRELUDE = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, format="%(name)s: %(message)s")
logging.getLogger("botocore").setLevel(logging.WARNING)

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in HIDDEN or name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(name)

def hide(*names):
    global HIDDEN
    HIDDEN = names
    sys.meta_path.insert(0, Hidden())

import flowemf
flowemf.configure("App/Test")
"""
SPANS = ("opentelemetry", "genkit", "strands", "pydantic_ai")


def run(run_python: Any, program: str) -> tuple[list[str], list[str]]:
    finished = run_python(PRELUDE + program, flags=["-W", "ignore"])
    assert finished.returncode == 0, finished.stderr.decode()
    said = [line for line in finished.stderr.decode().splitlines() if line.startswith("flowemf: ")]
    return finished.stdout.decode().splitlines(), said


def test_nothing_is_imported_for_it_that_the_application_has_not_imported(run_python: Any) -> None:
    """The SDK alone would cost a tenth of a second; its integration waits until it is imported."""
    printed, said = run(
        run_python,
        f"""
hide{SPANS}
before = set(sys.modules)
print(flowemf.install())
frameworks = {{"botocore", "boto3", "litellm", "langchain_core"}}
print(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} & frameworks))
import boto3
print(flowemf.install())
""",
    )
    assert printed == ["()", "[]", "('bedrock',)"]
    assert "flowemf: bedrock waits until botocore.client is imported" in said
    assert said.count("flowemf: attached bedrock") == 2
    assert "flowemf: left otel alone: opentelemetry.sdk is not installed" in said
    assert any(line.startswith("flowemf: left lambda_ alone: decorate the handler") for line in said)


@pytest.mark.parametrize("order", ["flowemf.install(); import boto3", "import boto3; flowemf.install()"])
def test_bedrock_is_measured_whether_boto3_is_imported_before_or_after(order: str, run_python: Any) -> None:
    """One call is one line, with no other word about Bedrock."""
    printed, _ = run(
        run_python,
        f"""
hide{SPANS}
{order}
from botocore.stub import Stubber
client = boto3.client("bedrock-runtime", region_name="us-east-1")
answer = {{"output": {{"message": {{"role": "assistant", "content": []}}}}, "stopReason": "end_turn"}}
answer["metrics"] = {{"latencyMs": 5}}
answer["usage"] = {{"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}}
with Stubber(client) as stubber:
    stubber.add_response("converse", answer)
    client.converse(modelId="nova", messages=[])
""",
    )
    (line,) = [json.loads(text) for text in printed]
    assert (line["ModelID"], line["GenerationCount"], line["TokensUsed"]) == ("nova", 1, 18)


def test_langchain_is_measured_when_it_is_imported_later(run_python: Any) -> None:
    """Its integration is attached in the middle of its import."""
    printed, _ = run(
        run_python,
        f"""
hide{SPANS}
flowemf.install()
from langchain_core.language_models.fake import FakeListLLM
FakeListLLM(responses=["hello"]).invoke("x")
""",
    )
    (line,) = [json.loads(text) for text in printed]
    assert (line["ModelID"], line["GenerationCount"]) == ("FakeListLLM", 1)


def test_a_module_that_was_waited_for_keeps_no_trace_of_it(run_python: Any) -> None:
    """Its loader is its own, and Python's finders are those of before."""
    printed, _ = run(
        run_python,
        f"""
hide{SPANS}
before = list(sys.meta_path)
flowemf.install()
import botocore.client
print(type(botocore.client.__loader__).__name__, type(botocore.client.__spec__.loader).__name__)
print([type(each).__name__ for each in sys.meta_path if each not in before and "flowemf" in type(each).__module__])
""",
    )
    assert printed[0] == "SourceFileLoader SourceFileLoader"


def test_spans_are_collected_where_something_opens_them(run_python: Any) -> None:
    """With OpenTelemetry's SDK and a framework that traces; several calls attach once."""
    printed, said = run(
        run_python,
        """
hide("botocore", "boto3")
print(flowemf.install(), flowemf.install())
from opentelemetry import trace
with trace.get_tracer("strands-agents").start_as_current_span("chat") as span:
    span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": "nova"})
    span.set_attributes({"gen_ai.usage.input_tokens": 11, "gen_ai.usage.output_tokens": 7})
""",
    )
    assert printed[0] == "('otel',) ('otel',)"
    (line,) = [json.loads(text) for text in printed[1:]]
    assert (line["ModelID"], line["GenerationCount"]) == ("nova", 1)
    assert "flowemf: left bedrock alone: botocore is not installed" in said


@pytest.mark.parametrize(
    ("without", "reason"),
    [
        ("opentelemetry", "opentelemetry.sdk is not installed"),
        ("opentelemetry.instrumentation", "none of genkit, strands, pydantic_ai, opentelemetry.instrumentation is"),
    ],
)
def test_without_a_framework_nothing_is_attached_and_nothing_raised(run_python: Any, without: str, reason: str) -> None:
    """The SDK alone opens no spans, and is not imported."""
    hidden = ("genkit", "strands", "pydantic_ai", "botocore", "litellm", "langchain_core")
    printed, said = run(
        run_python,
        f"""
hide(*{hidden}, {without!r})
print(flowemf.install(), "opentelemetry.sdk" in sys.modules)
""",
    )
    assert printed == ["() False"]
    assert not any("attached" in line for line in said)
    assert any(line.startswith(f"flowemf: left otel alone: {reason}") for line in said)


def test_an_integration_that_fails_is_left_with_the_reason(run_python: Any) -> None:
    """The application goes on, and so do the other integrations."""
    printed, said = run(
        run_python,
        f"""
hide{SPANS}
import boto3
sys.modules["botocore.eventstream"] = None
print(flowemf.install())
""",
    )
    assert printed == ["()"]
    assert any(line.startswith("flowemf: left bedrock alone: ImportError: ") for line in said)


def test_it_is_part_of_the_front_door() -> None:
    """`flowemf.install` and its help."""
    assert "install" in flowemf.__all__
    assert "after `configure`" in (flowemf.install.__doc__ or "")
