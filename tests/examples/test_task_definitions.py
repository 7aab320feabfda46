"""The task definitions are what ECS takes, fit the image, and lose no metric on the way through FireLens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ParamValidationError
from botocore.model import Shape
from command_process import Flowemf
from container_service import CUT_BYTES, FOLDER, instructions, variables
from example_programs import documents_of
from s3_servers import moto
from shape_wrappers import firelens

from flowemf_schemas.ledger_rules import examine_ledger

pytestmark = pytest.mark.xdist_group("container-example")

COUNTED = "SELECT MetricName, sum(SampleCount) AS n FROM METRICS GROUP BY MetricName ORDER BY MetricName"


# --- What ECS takes


def unknown_words(shape: Shape, value: Any, place: str) -> Iterator[str]:
    """Find values that are in none of a model's enumerations, which botocore itself leaves to the service."""
    if shape.type_name == "structure":
        for name, each in value.items():
            yield from unknown_words(shape.members[name], each, f"{place}.{name}")
    elif shape.type_name == "list":
        for number, each in enumerate(value):
            yield from unknown_words(shape.member, each, f"{place}[{number}]")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{place}: {value}"


def test_a_task_definition_has_only_words_that_the_model_of_ecs_knows(task: dict[str, Any]) -> None:
    """Launch types, log drivers, conditions, protocols: what botocore does not look at before it sends."""
    model = botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition")
    assert list(unknown_words(model.input_shape, task, "task")) == []
    misspelled = {**task, "requiresCompatibilities": ["FARGAT"]}
    assert list(unknown_words(model.input_shape, misspelled, "task")) == ["task.requiresCompatibilities[0]: FARGAT"]


def test_a_task_definition_can_be_registered(task: dict[str, Any]) -> None:
    """With the call of the README, at moto; members that there are not are refused by botocore."""
    with moto() as url:
        ecs = boto3.client("ecs", endpoint_url=url)
        registered = ecs.register_task_definition(**task)["taskDefinition"]
        with pytest.raises(ParamValidationError):
            ecs.register_task_definition(**task, stopTimeouts=30)
    assert registered["family"] == "chat"
    assert len(registered["containerDefinitions"]) == len(task["containerDefinitions"])


# --- What fits together


def container(task: dict[str, Any], name: str) -> dict[str, Any]:
    """Give a container of a task."""
    [found] = [each for each in task["containerDefinitions"] if each["name"] == name]
    return dict(found)


def test_the_task_fits_the_image(task: dict[str, Any]) -> None:
    """The port, and time enough between SIGTERM and SIGKILL."""
    chat = container(task, "chat")
    settings = variables(FOLDER / "Dockerfile")
    assert dict(instructions(FOLDER / "Dockerfile"))["EXPOSE"] == settings["UVICORN_PORT"]
    assert [each["containerPort"] for each in chat["portMappings"]] == [int(settings["UVICORN_PORT"])]
    assert f":{settings['UVICORN_PORT']}/health" in chat["healthCheck"]["command"][-1]
    assert chat["stopTimeout"] > int(settings["UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN"])


def sections(text: str) -> list[tuple[str, dict[str, str]]]:
    """Parse Fluent Bit's classic configuration: sections of keys, with comments on lines of their own."""
    found: list[tuple[str, dict[str, str]]] = []
    for line in filter(None, (each.strip() for each in text.splitlines())):
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            found.append((heading[1], {}))
        elif not line.startswith("#"):
            key, value = line.split(None, 1)
            found[-1][1][key.lower()] = value.strip()
    return found


def test_the_configuration_of_fluent_bit_is_where_firelens_looks_and_says_what_the_readme_says() -> None:
    """A service that has time to send what it holds, and one filter; input and output are FireLens's own."""
    task = json.loads((FOLDER / "task-definition.json").read_text("utf-8"))
    router = container(task, "log_router")
    copied = dict(instructions(FOLDER / "log_router" / "Dockerfile"))["COPY"].split()
    assert copied == ["extra.conf", router["firelensConfiguration"]["options"]["config-file-value"]]
    (service, settings), (kind, joining) = sections((FOLDER / "log_router" / copied[0]).read_text("utf-8"))
    assert (service, kind) == ("SERVICE", "FILTER")
    assert int(settings["grace"]) < router["stopTimeout"]
    sent = container(task, "chat")["logConfiguration"]["options"]
    assert joining == {
        "name": "multiline",
        "match": "*",
        "multiline.key_content": sent["log_key"],
        "mode": "partial_message",
    }
    assert (sent["Name"], sent["log_format"]) == ("cloudwatch_logs", "json/emf")


# --- What FireLens makes of the lines


def through_firelens(output: bytes) -> bytes:
    """Wrap each line as Docker's driver fluentd and FireLens do, cut where Docker cuts."""
    records = []
    for number, line in enumerate(output.splitlines()):
        parts = [line[start : start + CUT_BYTES].decode() for start in range(0, len(line), CUT_BYTES)] or [""]
        for ordinal, part in enumerate(parts, start=1):
            last = str(ordinal == len(parts)).lower()
            marks = {"partial_message": "true", "partial_id": f"{number:064}", "partial_ordinal": str(ordinal)}
            records.append(firelens(part, **({**marks, "partial_last": last} if len(parts) > 1 else {})))
    return "\n".join(records).encode() + b"\n"


@pytest.mark.parametrize("length", ["whole", "cut"])
def test_lines_that_firelens_has_wrapped_give_the_same_metrics(
    outputs: dict[str, bytes], flowemf_command: Flowemf, tmp_path: Path, length: str
) -> None:
    """Kept whole by the image's setting, or cut: replayed into a local store they count as the container wrote them."""
    output = outputs[length]
    wrapped = tmp_path / "firelens.log"
    wrapped.write_bytes(through_firelens(output))
    assert (b"partial_last" in wrapped.read_bytes()) == (length == "cut")
    (tmp_path / "app.log").write_bytes(output)
    assert flowemf_command("check", "--format", "fluent-bit", wrapped).returncode == 0
    replayed = flowemf_command("replay", wrapped, "--to", "local", "--json")
    assert replayed.returncode == 0, replayed.stderr
    ledger = json.loads(replayed.stdout)
    assert examine_ledger(ledger) == []
    assert ledger["records"]["metric"] == len(documents_of(output)) == 6
    ask = ("query", COUNTED, "--format", "json")
    stored = flowemf_command(*ask)
    assert stored.stdout == flowemf_command(*ask, tmp_path / "app.log").stdout
    assert {row["MetricName"]: row["n"] for row in json.loads(stored.stdout)}["FlowStarted"] == 2
