"""Makes alarms of a log: those that can fire, in every form; refuses the others and says why."""

from __future__ import annotations

import json
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from command_process import Flowemf

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import CloudWatch, Finished

NAMESPACE = "SupportDesk/Assistant"
TOPIC = "arn:aws:sns:us-east-1:123456789012:ops"
FLOWS = ["error-rate", "error-count", "token-usage", "latency-p95", "throttling", "no-data"]


def shown(finished: Finished, code: int = 0) -> dict[str, dict[str, Any]]:
    """Give what --format json printed, by the key of the alarm."""
    assert finished.returncode == code, finished.stderr
    alarms = [json.loads(line) for line in finished.stdout.splitlines()]
    return {each["AlarmName"].split()[2]: each for each in alarms}


def line(namespace: str, sets: list[list[str]], metrics: dict[str, float], **root: str) -> str:
    """Write a line of metrics."""
    directive = {"Namespace": namespace, "Dimensions": sets, "Metrics": [{"Name": name} for name in metrics]}
    aws = {"Timestamp": 1795458836581, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": aws, **root, **metrics}) + "\n"


def watched(alarm: dict[str, Any]) -> set[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """List the series that an alarm watches."""
    metrics = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each] or [alarm]
    return {
        (
            each["Namespace"],
            each["MetricName"],
            tuple((pair["Name"], pair["Value"]) for pair in each.get("Dimensions", [])),
        )
        for each in metrics
    }


def test_the_demos_alarms_watch_series_that_its_metrics_have(
    signed_in: Flowemf, cloudwatch: CloudWatch, demo_log: Path
) -> None:
    """The metrics are sent, and the account lists each series that an alarm names; one is certain to come."""
    alarms = shown(signed_in("alarms", "show", demo_log, "--format", "json"))
    assert list(alarms) == FLOWS
    assert signed_in("replay", demo_log, "--to", "metrics").returncode == 0
    pages = cloudwatch.client().get_paginator("list_metrics").paginate(Namespace=NAMESPACE)
    there = {
        (each["Namespace"], each["MetricName"], tuple((pair["Name"], pair["Value"]) for pair in each["Dimensions"]))
        for page in pages
        for each in page["Metrics"]
    }
    missing = {each for alarm in alarms.values() for each in watched(alarm)} - there
    assert missing <= {(NAMESPACE, "GenerationError", (("ErrorType", kind),)) for kind in ("RateLimit", "Throttling")}


def test_the_guides_own_alarms_are_made_as_they_are_written(flowemf_command: Flowemf, demo_log: Path) -> None:
    """The error count and the token usage: metric, statistic, period, periods, threshold, and no dimension."""
    alarms = shown(flowemf_command("alarms", "show", demo_log, "--format", "json"))
    common = {"Statistic": "Sum", "Namespace": NAMESPACE, "ComparisonOperator": "GreaterThanThreshold"}
    count = {"MetricName": "FlowError", "Period": 300, "EvaluationPeriods": 2, "Threshold": 5.0}
    tokens = {"MetricName": "TokensUsed", "Period": 3600, "EvaluationPeriods": 1, "Threshold": 1_000_000.0}
    assert common.items() | count.items() <= {k: v for k, v in alarms["error-count"].items() if k != "Metrics"}.items()
    assert common.items() | tokens.items() <= alarms["token-usage"].items()
    assert {"Dimensions", "Metrics"}.isdisjoint(alarms["error-count"].keys() | alarms["token-usage"].keys())


def test_the_error_rate_divides(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Errors by those that came to an end, in metric math, of which one expression alone is returned."""
    rate = shown(flowemf_command("alarms", "show", demo_log, "--format", "json"))["error-rate"]
    expression, *stats = rate["Metrics"]
    assert expression["Expression"] == "100 * FILL(m1, 0) / SUM([m0, m1])"
    assert [each["Id"] for each in stats] == ["m0", "m1"]
    assert [each["MetricStat"]["Metric"]["MetricName"] for each in stats] == ["FlowCompleted", "FlowError"]
    assert [each["ReturnData"] for each in rate["Metrics"]] == [True, False, False]
    assert (rate["Threshold"], rate["ComparisonOperator"]) == (5.0, "GreaterThanThreshold")


def test_alarms_are_made_once_and_then_left_alone(signed_in: Flowemf, cloudwatch: CloudWatch, demo_log: Path) -> None:
    """The one says what the other will do; a changed threshold is one line; --delete takes them all away."""
    command, options = partial(signed_in, "alarms"), (demo_log, "--action", TOPIC, "--dimension", "FlowName=chat")
    flows = ("--only", "error-rate", "--only", "no-data", "--only", "latency-p95")
    before = command("diff", *options, *flows)
    assert before.returncode == 1
    assert b"+  AlarmName" in before.stdout
    assert b"3 made, 0 replaced, 0 as they should be" in command("apply", *options, *flows).stderr
    stored = cloudwatch.client().describe_alarms()["MetricAlarms"]
    assert {each["AlarmName"] for each in stored} == {
        f"flowemf {NAMESPACE} {key} FlowName=chat" for key in ("error-rate", "no-data", "latency-p95")
    }
    assert {tuple(each["AlarmActions"]) for each in stored} == {(TOPIC,)}
    same = command("diff", *options, *flows)
    assert (same.returncode, same.stdout) == (0, b"")
    assert b"0 made, 0 replaced, 3 as they should be" in command("apply", *options, *flows).stderr
    changed = command("diff", *options, *flows, "--threshold", "latency-p95=900")
    added = [text for text in changed.stdout.decode().splitlines() if text.startswith("+ ")]
    assert [text.split(":")[0] for text in added] == ["+  AlarmDescription", "+  Threshold"]
    assert b"deleted 3 alarms" in command("apply", *options, *flows, "--delete").stderr
    assert cloudwatch.client().describe_alarms()["MetricAlarms"] == []


NEVER = [
    ([["FlowName", "Status"]], (), "but not without dimensions; CloudWatch does not add up"),
    ([["FlowName"], []], ("--dimension", "Team=a"), "but not by Team alone"),
    ([["FlowName"], []], ("--dimension", "FlowName=chta"), "has no FlowName=chta; there are FlowName=chat"),
]


@pytest.mark.parametrize(("sets", "options", "reason"), NEVER)
def test_an_alarm_that_could_never_fire_is_refused(
    flowemf_command: Flowemf, sets: list[list[str]], options: tuple[str, ...], reason: str
) -> None:
    """No series of that dimension set is published: the reason is printed in its place, and the code is 1."""
    log = flowemf_command.directory / "app.log"
    log.write_text(line("App", sets, {"FlowCompleted": 1, "FlowDuration": 5}, FlowName="chat", Status="Success"))
    finished = flowemf_command("alarms", "show", log, "--only", "latency-p95", *options)
    assert (finished.returncode, finished.stdout) == (1, b"")
    assert "would never fire: FlowDuration " in finished.stderr.decode()
    assert reason in finished.stderr.decode()


def test_a_first_error_is_waited_for_and_tokens_that_nobody_records_are_not(flowemf_command: Flowemf) -> None:
    """FlowError is certain to come one day; TokensUsed is not."""
    log = flowemf_command.directory / "app.log"
    log.write_text(line("App", [["FlowName"], []], {"FlowCompleted": 1, "FlowDuration": 5}, FlowName="chat"))
    finished = flowemf_command("alarms", "show", log, "--format", "json")
    assert list(shown(finished, 1)) == [key for key in FLOWS if key != "token-usage"]
    said = finished.stderr.decode()
    assert "error-count: " in said
    assert "it comes with the first such error" in said
    assert "has no TokensUsed in App" in said
    throttling = json.loads(finished.stdout.splitlines()[3])
    assert {name for _, name, _ in watched(throttling)} == {"FlowError"}


def test_the_pipeline_is_watched_too(signed_in: Flowemf, cloudwatch: CloudWatch) -> None:
    """Extraction errors of a log group, a handler by its own lines, and a processor's heartbeat by a metric filter."""
    log = signed_in.directory / "handler.log"
    log.write_text(line("flowemf/Handlers", [["FunctionName"]], {"InvocationsFailed": 0}, FunctionName="forward"))
    logs = boto3.client("logs", endpoint_url=cloudwatch.endpoint_url, region_name="us-east-1")
    logs.create_log_group(logGroupName="/ecs/flowemf")
    options = (log, "--log-group", "/ecs/chat", "--handler", "forward", "--processor-log-group", "/ecs/flowemf")
    applied = signed_in("alarms", "apply", *options)
    assert applied.returncode == 1
    assert b"iterator-age forward would never fire: " in applied.stderr
    stored = {each["AlarmName"].split()[2]: each for each in cloudwatch.client().describe_alarms()["MetricAlarms"]}
    assert sorted(stored) == [
        "emf-parsing-errors",
        "emf-validation-errors",
        "handler-crashes",
        "handler-errors",
        "processor-heartbeat",
        "processor-lag",
    ]
    assert watched(stored["emf-validation-errors"]) == {
        ("AWS/Logs", "EMFValidationErrors", (("LogGroupName", "/ecs/chat"),))
    }
    heartbeat = stored["processor-heartbeat"]
    assert (heartbeat["Statistic"], heartbeat["TreatMissingData"]) == ("SampleCount", "breaching")
    [made] = logs.describe_metric_filters(logGroupName="/ecs/flowemf")["metricFilters"]
    [transformation] = made["metricTransformations"]
    assert (transformation["metricNamespace"], transformation["metricName"]) == (
        heartbeat["Namespace"],
        heartbeat["MetricName"],
    )
    again = signed_in("alarms", "apply", *options)
    assert b"0 made, 0 replaced, 6 as they should be" in again.stderr


def test_a_pipeline_alone_needs_no_log(flowemf_command: Flowemf) -> None:
    """What CloudWatch publishes of a log group is known; an application's alarms are not made of nothing."""
    alarms = shown(flowemf_command("alarms", "show", "--log-group", "/ecs/chat", "--format", "json"))
    assert {name: watched(alarm) for name, alarm in alarms.items()} == {
        f"emf-{kind.lower()}-errors": {("AWS/Logs", f"EMF{kind}Errors", (("LogGroupName", "/ecs/chat"),))}
        for kind in ("Validation", "Parsing")
    }


def test_a_template_and_commands_say_the_same(flowemf_command: Flowemf, demo_log: Path) -> None:
    """CloudFormation's linter finds nothing wrong; the shell gives the AWS CLI the same parameters."""
    from cfnlint import api, core  # a second to import

    options = ("--log-group", "/ecs/chat", "--processor-log-group", "/ecs/flowemf", "--action", TOPIC)
    show = partial(flowemf_command, "alarms", "show", demo_log, *options, "--format")
    alarms = [json.loads(each) for each in show("json").stdout.splitlines()]
    template = show("cloudformation").stdout.decode()
    resources = json.loads(template)["Resources"].values()
    assert [each["Properties"] for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"] == alarms
    assert [str(each) for each in api.lint(template, core.get_rules([], [], []), ["us-east-1"])] == []
    commands = [shlex.split(each) for each in show("cli").stdout.decode().splitlines()]
    assert commands[0][:3] == ["aws", "logs", "put-metric-filter"]
    assert [json.loads(each[4]) for each in commands[1:]] == alarms


def test_an_alarm_is_described_in_words(flowemf_command: Flowemf, demo_log: Path) -> None:
    """What fires it, how it is computed, and of which series."""
    finished = flowemf_command("alarms", "show", demo_log, "--only", "error-rate", "--threshold", "error-rate=2.5")
    assert finished.stdout.decode().splitlines() == [
        f"flowemf {NAMESPACE} error-rate",
        "    when more than 2.5 % of the flows fail",
        "    100 * FILL(m1, 0) / SUM([m0, m1]) > 2.5 over 300 s, 2 times in a row; no data is no alarm",
        f"    m0 = {NAMESPACE} FlowCompleted, without dimensions",
        f"    m1 = {NAMESPACE} FlowError, without dimensions",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--threshold", "error-rate"), "is no key and number"),
        (("--threshold", "errors=5"), "one of error-rate"),
        (("--threshold", "error-rate=nan"), "a finite number"),
        (("--action", "ops"), "is no ARN"),
        (("--dimension", "FlowName"), "is no dimension and value"),
        (("--only", "uptime"), "error-rate"),
    ],
)
def test_a_wrong_option_is_said(flowemf_command: Flowemf, options: tuple[str, ...], message: str) -> None:
    """Exit code 2 and the remedy, before anything is read."""
    finished = flowemf_command("alarms", "show", "app.log", *options)
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert message in " ".join(finished.stderr.decode().split())


def test_what_the_account_refuses_is_an_error_of_ours(with_variables: Callable[..., Flowemf], demo_log: Path) -> None:
    """Nobody listens there: exit code 3, and no traceback."""
    command = with_variables(
        AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
    )
    finished = command("alarms", "apply", demo_log, "--only", "no-data")
    assert finished.returncode == 3
    assert b"cloudwatch:DescribeAlarms: " in finished.stderr
    assert b"Traceback" not in finished.stderr
