"""The Lambda function as its template deploys it: Lambda's own runtime client runs it, and its log reads back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load as load_template
from command_process import Flowemf
from example_programs import EXAMPLES, documents_of, output_of, sums
from lambda_runtime_api import Lambda

FOLDER = EXAMPLES / "lambda_function"
TEMPLATE = FOLDER / "template.yaml"
CFN_LINT = str(Path(sys.executable).parent / "cfn-lint")
EXPECTED = {
    "FlowStarted": 3,
    "FlowCompleted": 2,
    "FlowError": 1,
    "GenerationCount": 3,
    "GenerationError": 1,
    "TokensUsed": 36,
    "ColdStart": 1,
}


def properties(resource: str) -> dict[str, Any]:
    """Give the properties of a resource of the template."""
    document = json.loads(json.dumps(load_template(str(TEMPLATE))))
    return dict(document["Resources"][resource]["Properties"])


def test_the_template_is_one_that_sam_and_cloudformation_take(tmp_path: Path) -> None:
    """By cfn-lint, which applies SAM's transform; a property that there is not is found."""
    checked = subprocess.run([CFN_LINT, TEMPLATE], capture_output=True, text=True, check=False, timeout=120)
    assert checked.returncode == 0, checked.stdout
    broken = tmp_path / "template.yaml"
    broken.write_text(TEMPLATE.read_text("utf-8").replace("MemorySize", "MemorySizes"), "utf-8")
    assert subprocess.run([CFN_LINT, broken], capture_output=True, check=False, timeout=120).returncode != 0


def test_the_template_packs_this_folder_and_its_log_group_is_one_that_extracts() -> None:
    """`sam build` takes the function from beside the template, and what requirements.txt lists."""
    function, group = properties("ChatFunction"), properties("ChatLogs")
    assert function["CodeUri"] == "."
    assert (FOLDER / "requirements.txt").read_text("utf-8").split() == ["flowemf"]
    assert function["LoggingConfig"]["LogGroup"] == {"Ref": "ChatLogs"}
    assert group["LogGroupClass"] == "STANDARD"


def test_the_function_shows_the_same_without_lambda() -> None:
    """With the command of the table; who called it counts a metric of its own."""
    documents = documents_of(output_of("lambda_function"))
    assert sums(documents, *EXPECTED, "Apologies") == {**EXPECTED, "Apologies": 1}


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_the_function_runs_in_lambda_and_its_log_reads_back(
    tmp_path: Path, flowemf_command: Flowemf, log_format: str
) -> None:
    """A cold start, a warm invocation, and a model that does not answer, in both formats that a log may have."""
    handler = properties("ChatFunction")["Handler"]
    assert handler == "app.lambda_handler"  # what the runtime client is told below
    source = (FOLDER / "app.py").read_text("utf-8")
    with Lambda(tmp_path, source, {"AWS_LAMBDA_LOG_FORMAT": log_format}) as function:
        answers = [function.invoke({"tenant": "acme", "question": asked}) for asked in ("What?", "Why?", "")]
        written = function.written()
    assert [answer.kind for answer in answers] == ["response", "response", "error"]
    assert answers[0].content == {"answer": "You asked: What?"}
    documents = documents_of(written)
    assert sums(documents, *EXPECTED) == EXPECTED
    assert {each["tenant"] for each in documents if "GenerationCount" in each} == {"acme"}
    assert flowemf_command("check", stdin=written).returncode == 0
    assert (
        json.loads(flowemf_command("replay", "--to", "local", "--json", stdin=written).stdout)["records"]["rejected"]
        == 0
    )
    counted = "SELECT MetricName, sum(Value * SampleCount) AS n FROM METRICS GROUP BY MetricName"
    stored = json.loads(flowemf_command("query", counted, "--format", "json").stdout)
    assert {row["MetricName"]: row["n"] for row in stored if row["MetricName"] in EXPECTED} == EXPECTED
