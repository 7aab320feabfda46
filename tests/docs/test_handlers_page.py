"""The page about handlers and its templates: what they name exists, and what the page says to run builds a function."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load as load_template

import flowemf_processor.handlers
from flowemf_processor.handlers.settings import PREFIX, HandlerSettings, settings_from
from flowemf_processor.sinks import event_ids, metrics, rejects
from flowemf_schemas import limits, names

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "handlers.md").read_text(encoding="utf-8")
TEMPLATES = sorted((ROOT / "examples" / "aws").glob("*.yaml"))
CFN_LINT = str(Path(sys.executable).parent / "cfn-lint")


def settings_table() -> str:
    """Write the table of settings from their definitions."""
    rows = []
    for each in fields(HandlerSettings):
        assert each.default is not MISSING
        default = json.dumps(each.default) if each.default not in ("", ()) else ""
        shown = f"`{default.strip(chr(34))}`" if default else ""
        rows.append(f"| `{PREFIX}{each.name.upper()}` | {shown} | {each.metadata['meaning']} |")
    return "\n".join(rows)


def test_the_table_of_settings_is_made_from_their_definitions() -> None:
    """Whoever adds a setting pastes its row."""
    assert settings_table() in PAGE, settings_table()


def test_the_page_names_every_handler_and_every_metric_of_health() -> None:
    """And no others."""
    handlers = set(re.findall(r"`flowemf_processor\.handlers\.(\w+)`", PAGE))
    assert handlers == set(flowemf_processor.handlers.__all__)
    section = PAGE.partition("## Its own line")[2]
    rows = [row for row in section.splitlines() if row.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([A-Z]\w+)`", row.split("|")[1])} == set(
        names.HANDLER_METRICS
    )


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    """Numbers in prose drift."""
    assert f"may decompress to {limits.PAYLOAD_BYTES // 1_048_576} MB" in PAGE
    assert f"Lambda takes {limits.LAMBDA_RESPONSE_BYTES // 1_048_576} MB" in PAGE


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_each_template_is_one_that_cloudformation_takes(template: Path, tmp_path: Path) -> None:
    """By cfn-lint, which does find a property that there is not."""
    checked = subprocess.run([CFN_LINT, str(template)], capture_output=True, text=True, check=False, timeout=120)
    assert checked.returncode == 0, checked.stdout
    broken = tmp_path / template.name
    broken.write_text(template.read_text("utf-8").replace("MemorySize", "MemorySizes"), "utf-8")
    assert subprocess.run([CFN_LINT, str(broken)], capture_output=True, check=False, timeout=120).returncode != 0


def resources(template: Path) -> dict[str, Any]:
    """Give a template's resources by type; there is one of each, but for roles."""
    document: dict[str, Any] = json.loads(json.dumps(load_template(str(template))))
    return {each["Type"]: each["Properties"] for each in document["Resources"].values()}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_each_template_names_a_handler_and_settings_that_exist(template: Path) -> None:
    """A typing error would show only when it is deployed."""
    properties = resources(template)["AWS::Lambda::Function"]
    module, _, function = properties["Handler"].rpartition(".")
    assert module == flowemf_processor.handlers.__name__
    assert function in flowemf_processor.handlers.__all__
    variables = {name: text for name, text in properties["Environment"]["Variables"].items() if isinstance(text, str)}
    settings_from(variables)
    known = {PREFIX + each.name.upper() for each in fields(HandlerSettings)}
    assert set(properties["Environment"]["Variables"]) <= known


def allowed(template: Path) -> set[str]:
    """List what the role of the function may do."""
    document = json.loads(json.dumps(load_template(str(template))))
    [policy] = document["Resources"]["FunctionRole"]["Properties"]["Policies"]
    actions = [statement["Action"] for statement in policy["PolicyDocument"]["Statement"]]
    return {action for each in actions for action in ([each] if isinstance(each, str) else each)}


def test_each_function_may_do_what_it_does_and_nothing_else() -> None:
    """What the code asks for, what Lambda does in its name, and the page's table."""
    own = {"logs:CreateLogStream", "logs:PutLogEvents"}
    sends = own | {metrics.PERMISSION, *event_ids.PERMISSIONS, "sqs:SendMessage"}
    kinesis = {"DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"}
    expected = {
        "firehose": own,
        "kinesis": sends | {f"kinesis:{action}" for action in kinesis},
        "logs-subscription": sends,
    }
    assert {template.stem: allowed(template) for template in TEMPLATES} == expected
    table = PAGE.partition("| action |")[2].partition("\n\n")[0]
    for action in {*expected["kinesis"], rejects.PERMISSION}:
        assert f"`{action}`" in table or f"`{action.partition(':')[2]}`" in table


def test_the_stream_s_mapping_takes_note_of_partial_failures() -> None:
    """Without it they would be lost."""
    mapping = resources(ROOT / "examples" / "aws" / "kinesis.yaml")["AWS::Lambda::EventSourceMapping"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_what_the_page_says_to_install_is_enough(tmp_path: Path) -> None:
    """Its commands, for this Python and this tree; the function then starts and answers with nothing else installed."""
    [block] = re.findall(r"```bash\n(pip install.*?)```", PAGE, re.DOTALL)
    first, second, third = block.splitlines()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *first.split()[1:-1], str(ROOT)]
    subprocess.run(pip, check=True, cwd=tmp_path, timeout=170)
    packages = second.split("--only-binary=:all:")[1].split()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--quiet",
            "install",
            "--target",
            "build",
            *packages,
        ],
        check=True,
        cwd=tmp_path,
        timeout=170,
    )
    subprocess.run(third.replace("python", sys.executable, 1), shell=True, check=True, cwd=tmp_path)
    archive = tmp_path / "flowemf-handlers.zip"
    assert {"boto3/__init__.py", "flowemf_processor/handlers/__init__.py"} <= set(zipfile.ZipFile(archive).namelist())
    assert archive.stat().st_size < 50_000_000  # what Lambda takes directly
    data = base64.b64encode(b"hello").decode()
    code = (
        "import sys; sys.path.insert(0, 'build')\n"
        "from flowemf_processor import handlers\n"
        f"print(handlers.firehose({{'records': [{{'recordId': '1', 'data': '{data}'}}]}}, None))\n"
        "from flowemf_processor.handlers.invocation import equipment\n"
        "print(equipment().sink.name, equipment().event_ids('me'))\n"
    )
    variables = {**os.environ, "FLOWEMF_HANDLER_LEDGER_TABLE": "ids"}
    started = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=variables,
        check=False,
    )
    assert started.returncode == 0, started.stderr
    assert "'result': 'Ok'" in started.stdout
