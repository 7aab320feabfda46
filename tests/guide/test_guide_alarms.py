"""The guide's section "CloudWatch Alarms": its two alarms have metrics to watch, and ours are the same and more."""

from __future__ import annotations

import json
import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from emf_totals import documents_of
from guide_sections import HIGH_ERROR_RATE_ALARM, HIGH_TOKEN_USAGE_ALARM, NAMESPACE

if TYPE_CHECKING:
    from command_process import Flowemf
    from loopback_cloudwatch import CloudWatch

MEMBERS = {
    "metric-name": "MetricName",
    "namespace": "Namespace",
    "statistic": "Statistic",
    "period": "Period",
    "evaluation-periods": "EvaluationPeriods",
    "threshold": "Threshold",
    "comparison-operator": "ComparisonOperator",
}
GUIDE = [("error-count", HIGH_ERROR_RATE_ALARM), ("token-usage", HIGH_TOKEN_USAGE_ALARM)]


def parameters(command: str) -> dict[str, object]:
    """Read the options of a command of the AWS CLI; the namespace becomes that of the demo."""
    words = shlex.split(command.replace("\\\n", " "))[3:]
    options = {name.removeprefix("--"): text for name, text in zip(words[::2], words[1::2], strict=True)}
    assert options["namespace"] == NAMESPACE
    options["namespace"] = "SupportDesk/Assistant"
    found = {member: options[name] for name, member in MEMBERS.items()}
    return {name: float(text) if text.isdigit() else text for name, text in found.items()}


@pytest.mark.parametrize(("key", "command"), GUIDE)
def test_ours_is_the_guides(flowemf_command: Flowemf, guide_log: Path, key: str, command: str) -> None:
    """Every option of it, and no dimension, as there is none in it."""
    shown = flowemf_command("alarms", "show", guide_log, "--only", key, "--format", "json")
    assert shown.returncode == 0, shown.stderr
    ours = json.loads(shown.stdout)
    assert parameters(command).items() <= ours.items()
    assert "Dimensions" not in ours


@pytest.mark.parametrize(("key", "command"), GUIDE)
def test_the_guides_alarm_has_a_metric_to_watch(
    flowemf_command: Flowemf, cloudwatch: CloudWatch, guide_log: Path, key: str, command: str
) -> None:
    """Of what default lines publish without dimensions, the sum is that of the log: the alarm counts all there is."""
    metric = parameters(command)["MetricName"]
    credentials = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    flowemf_command.variables.update(credentials)
    sent = flowemf_command("replay", guide_log, "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url)
    assert sent.returncode == 0, sent.stderr
    datums = [each for request in cloudwatch.requests for each in request["MetricData"]]
    watched = [each for each in datums if each["MetricName"] == metric and not each.get("Dimensions")]
    total = math.fsum(
        value * count
        for each in watched
        for value, count in zip(each["Values"], each.get("Counts") or [1] * len(each["Values"]), strict=True)
    )
    documents = list(documents_of(guide_log.read_text().splitlines()))
    assert total == sum(each[str(metric)] for each in documents if str(metric) in each) > 0


def test_the_error_rate_that_the_guide_means_is_there_too(flowemf_command: Flowemf, guide_log: Path) -> None:
    """More than 5 %, which a count cannot tell."""
    shown = flowemf_command("alarms", "show", guide_log, "--only", "error-rate", "--format", "json")
    alarm = json.loads(shown.stdout)
    assert alarm["Threshold"] == 5
    assert alarm["Metrics"][0]["Expression"] == "100 * FILL(m1, 0) / SUM([m0, m1])"
