"""Prints policies that IAM takes, that say no more than was asked for, and refuses those that would say too much."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from flowemf_processor.core.insight.policy import FURTHER, ROADS

if TYPE_CHECKING:
    from tests.cli.conftest import CloudWatch, Flowemf

NAMESPACE = ("--namespace", "MyApp/GenKit")
GROUP = ("--log-group", "/ecs/chat")
# In a process of its own: parliament leaves its files open, which is a warning, and warnings are errors here
LINT = """
import json, sys, parliament
for policy in json.load(sys.stdin):
    for finding in parliament.analyze_policy_string(json.dumps(policy)).findings:
        print(finding)
"""


def printed(command: Flowemf, *options: str) -> dict[str, Any]:
    finished = command("iam-policy", *options)
    assert finished.returncode == 0, finished.stderr
    policy: dict[str, Any] = json.loads(finished.stdout)
    return policy


def actions(policy: dict[str, Any]) -> list[str]:
    return [action for statement in policy["Statement"] for action in statement["Action"]]


def test_the_guides_minimal_policy_is_printed_as_it_stands(flowemf_command: Flowemf) -> None:
    """One action, and the namespace as its condition."""
    assert printed(flowemf_command, "--road", "metrics", *NAMESPACE) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["cloudwatch:PutMetricData"],
                "Resource": "*",
                "Condition": {"StringEquals": {"cloudwatch:namespace": "MyApp/GenKit"}},
            }
        ],
    }


EVERY_USE = [
    ("--road", "metrics", *NAMESPACE, "--namespace", "Other"),
    ("--road", "metrics", "--namespace", "MyApp/*"),
    ("--road", "logs", *GROUP, "--log-group", "/ecs/other"),
    ("--road", "both", *NAMESPACE, *GROUP, "--region", "eu-west-1", "--account", "123456789012"),
    ("--also", "dashboards", "--also", "alarms"),
    ("--also", "alarms", *GROUP),
    ("--road", "both", *NAMESPACE, *GROUP, *(word for each in FURTHER for word in ("--also", each))),
]


def test_iam_takes_every_policy(flowemf_command: Flowemf, cloudwatch: CloudWatch) -> None:
    """IAM's own grammar, by moto's validation; actions, resources and condition keys that exist, by parliament."""
    policies = [printed(flowemf_command, *options) for options in EVERY_USE]
    iam = boto3.client("iam", endpoint_url=cloudwatch.endpoint_url, region_name="us-east-1")
    for number, policy in enumerate(policies):
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=json.dumps(policy))
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.create_policy(PolicyName="bad", PolicyDocument=json.dumps({**policies[0], "Statement": [{}]}))
    linted = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LINT],
        input=json.dumps(policies),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert linted.returncode == 0, linted.stderr
    # It names a query by its id alone, so that no log group can be told
    starred = "RESOURCE_STAR - ['logs:GetQueryResults']"
    assert [line for line in linted.stdout.splitlines() if starred not in line] == []


def test_the_linter_would_find_a_resource_that_does_not_fit() -> None:
    """Otherwise its silence would mean nothing."""
    statement = {"Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": "arn:aws:s3:::bucket"}
    wrong = [{"Version": "2012-10-17", "Statement": [statement]}]
    linted = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LINT],
        input=json.dumps(wrong),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "RESOURCE_MISMATCH" in linted.stdout


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--road", "metrics", *NAMESPACE), ["cloudwatch:PutMetricData"]),
        (("--road", "logs", *GROUP), ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups"]),
        (("--also", "creating", *GROUP), ["logs:CreateLogGroup"]),
        (
            ("--also", "dashboards"),
            [
                "cloudwatch:GetDashboard",
                "cloudwatch:PutDashboard",
                "cloudwatch:DeleteDashboards",
                "cloudwatch:ListMetrics",
            ],
        ),
    ],
)
def test_a_policy_allows_what_is_done_and_nothing_else(
    flowemf_command: Flowemf, options: tuple[str, ...], expected: list[str]
) -> None:
    """No wildcard among the actions, and log groups by name."""
    policy = printed(flowemf_command, *options)
    assert actions(policy) == expected
    written = [each["Resource"] for each in policy["Statement"] if "logs:PutLogEvents" in each["Action"]]
    assert all(each == "arn:aws:logs:*:*:log-group:/ecs/chat:*" for each in written)


def test_namespaces_with_a_star_are_matched_and_others_compared(flowemf_command: Flowemf) -> None:
    """StringEquals would take the star for a letter."""
    both = printed(flowemf_command, "--road", "metrics", "--namespace", "MyApp/*", *NAMESPACE)
    assert both["Statement"][0]["Condition"] == {"StringLike": {"cloudwatch:namespace": ["MyApp/*", "MyApp/GenKit"]}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nothing is in use"),
        (("--road", "metrics"), "needs --namespace"),
        (("--road", "logs"), "--road logs needs --log-group"),
        (("--also", "reading"), "--also reading needs --log-group"),
        (("--road", "logs", *GROUP, *NAMESPACE), "--namespace is of no use"),
        (("--road", "metrics", *NAMESPACE, *GROUP), "--log-group is of no use"),
        (("--road", "logs", "--log-group", "*"), "is no log group's name"),
        (("--road", "logs", *GROUP, "--account", "me"), "write it like 123456789012"),
        (("--road", "logs", *GROUP, "--region", "*-1"), "write it like eu-west-1"),
        (("--road", "metrics", "--namespace", "A*B"), "may only be the last"),
        (("--road", "roads"), ROADS[0]),
    ],
)
def test_what_would_allow_too_much_or_nothing_is_refused(
    flowemf_command: Flowemf, options: tuple[str, ...], message: str
) -> None:
    """Exit code 2, and the remedy."""
    finished = flowemf_command("iam-policy", *options)
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert message in " ".join(finished.stderr.decode().split())
