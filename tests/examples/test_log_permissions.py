"""What the READMEs say of permissions is enough for what writes the log, and names the log that it writes."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from command_process import Flowemf
from example_programs import EXAMPLES

NEEDED = {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
"""By https://docs.fluentbit.io/manual/data-pipeline/outputs/cloudwatch, where it makes the group itself."""


def group_of_firelens() -> str:
    """Read the log group out of the task definition."""
    task = json.loads((EXAMPLES / "container" / "task-definition.json").read_text("utf-8"))
    return str(task["containerDefinitions"][-1]["logConfiguration"]["options"]["log_group_name"])


def group_of_awslogs() -> str:
    """Read the log group out of the other task definition."""
    task = json.loads((EXAMPLES / "container" / "task-definition-awslogs.json").read_text("utf-8"))
    return str(task["containerDefinitions"][-1]["logConfiguration"]["options"]["awslogs-group"])


def group_of_fluent_bit() -> str:
    """Read the log group out of the config map."""
    manifests = yaml.safe_load_all((EXAMPLES / "kubernetes" / "fluent-bit.yaml").read_text("utf-8"))
    [configured] = [each["data"]["fluent-bit.yaml"] for each in manifests if each["kind"] == "ConfigMap"]
    [output] = yaml.safe_load(configured)["pipeline"]["outputs"]
    return str(output["log_group_name"])


@pytest.mark.parametrize(
    ("file", "group"),
    [
        ("container/README.md", group_of_firelens()),
        ("container/README.md", group_of_awslogs()),
        ("kubernetes/README.md", group_of_fluent_bit()),
        ("kubernetes/fluent-bit.yaml", group_of_fluent_bit()),
    ],
)
def test_the_policy_that_is_named_is_enough(flowemf_command: Flowemf, file: str, group: str) -> None:
    """The command is run as it stands there: it allows to make the group and its streams, and to write."""
    [command] = re.findall(r"`flowemf (iam-policy[^`]+)`", (EXAMPLES / file).read_text("utf-8"))
    assert f"--log-group {group} " in command
    policy = json.loads(flowemf_command(*command.split()).stdout)
    actions = [each["Action"] for each in policy["Statement"]]
    allowed = {action for each in actions for action in ([each] if isinstance(each, str) else each)}
    assert allowed >= NEEDED
