"""The smallest IAM policy for what is in use.

What is used goes in; a policy document comes out. Actions, resources and condition keys are those of
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html and
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LOGS, METRICS, BOTH = "logs", "metrics", "both"
ROADS = (LOGS, METRICS, BOTH)
DASHBOARDS, ALARMS, READING, CREATING = "dashboards", "alarms", "reading", "creating"
FURTHER = (DASHBOARDS, ALARMS, READING, CREATING)


@dataclass(frozen=True, slots=True)
class Use:
    """What is used.

    Attributes:
        road: one of `ROADS`; empty for neither.
        namespaces: those of the metrics, each exact or with a `*` at its end.
        log_groups: those that are written or read.
        further: of `FURTHER`, what else is done.
        region: the Region; `*` for any.
        account: the account's number; `*` for the identity's own.
        partition: `aws`, or that of China or GovCloud.
    """

    road: str
    namespaces: tuple[str, ...] = ()
    log_groups: tuple[str, ...] = ()
    further: tuple[str, ...] = ()
    region: str = "*"
    account: str = "*"
    partition: str = "aws"

    def arn(self, service: str, resource: str, *, is_global: bool = False) -> str:
        """Write the ARN of a resource."""
        return f"arn:{self.partition}:{service}:{'' if is_global else self.region}:{self.account}:{resource}"


def policy(use: Use) -> dict[str, Any]:
    """Write the policy.

    Args:
        use: what is used.

    Returns:
        The document, as IAM takes it.
    """
    statements: list[dict[str, Any]] = []
    for each in _statements(use):  # two uses may need the same
        if each not in statements:
            statements.append(each)
    return {"Version": "2012-10-17", "Statement": statements}


def _statements(use: Use) -> Iterator[dict[str, Any]]:
    groups = [use.arn("logs", f"log-group:{group}") for group in use.log_groups]
    streams = [f"{group}:*" for group in groups]
    if use.road in (METRICS, BOTH):
        # PutMetricData knows no resource; the namespace is all that can be restricted
        operator = "StringLike" if any(each.endswith("*") for each in use.namespaces) else "StringEquals"
        namespace = {operator: {"cloudwatch:namespace": _one_or_all(use.namespaces)}}
        yield _allow(["cloudwatch:PutMetricData"], "*", namespace)
    if use.road in (LOGS, BOTH):
        yield _allow(["logs:CreateLogStream", "logs:PutLogEvents"], _one_or_all(streams))
        yield _allow(["logs:DescribeLogGroups"], "*")
    if CREATING in use.further:
        yield _allow(["logs:CreateLogGroup"], _one_or_all(groups))
    if READING in use.further:
        yield _allow(["logs:FilterLogEvents", "logs:StartQuery"], _one_or_all(streams))
        yield _allow(["logs:DescribeLogGroups"], "*")
        yield _allow(["logs:GetQueryResults", "logs:StopQuery"], "*")
    if DASHBOARDS in use.further:
        actions = ["cloudwatch:GetDashboard", "cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"]
        yield _allow(actions, use.arn("cloudwatch", "dashboard/*", is_global=True))
    if ALARMS in use.further:
        yield _allow(["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"], use.arn("cloudwatch", "alarm:flowemf *"))
        yield _allow(["cloudwatch:DescribeAlarms"], use.arn("cloudwatch", "alarm:*"))
        if groups:
            yield _allow(["logs:PutMetricFilter"], _one_or_all(streams))
    if {DASHBOARDS, ALARMS} & {*use.further}:
        yield _allow(["cloudwatch:ListMetrics"], "*")


def _allow(
    actions: Sequence[str], resource: str | list[str], condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": [*actions], "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def _one_or_all(texts: Sequence[str]) -> str | list[str]:
    return texts[0] if len(texts) == 1 else [*texts]
