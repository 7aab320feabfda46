"""The guide's section "Security Best Practices": the minimal policy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
from guide_sections import MINIMAL_POLICY, NAMESPACE

if TYPE_CHECKING:
    from command_process import Flowemf
    from loopback_cloudwatch import CloudWatch


def test_ours_is_the_guides_and_iam_takes_it(flowemf_command: Flowemf, cloudwatch: CloudWatch) -> None:
    """One action on one namespace, through the policy validation of moto."""
    printed = flowemf_command("iam-policy", "--road", "metrics", "--namespace", NAMESPACE)
    assert printed.returncode == 0, printed.stderr
    assert json.loads(printed.stdout) == json.loads(MINIMAL_POLICY)
    iam = boto3.client("iam", endpoint_url=cloudwatch.endpoint_url, region_name="us-east-1")
    made = iam.create_policy(PolicyName="minimal", PolicyDocument=printed.stdout.decode())
    assert made["Policy"]["PolicyName"] == "minimal"
