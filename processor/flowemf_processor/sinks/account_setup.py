"""What is set up in an account: alarms, the metric filters that some of them need, and dashboards.

Names, parameters and bodies go in; what they say is there, or gone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore import exceptions as sdk

from flowemf_processor.sinks.aws import ATTEMPTS, asked, aws_client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_NAMES = 100  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
# What PutMetricAlarm sets; the answer of DescribeAlarms has the alarm's state beside it
_SET = (
    "AlarmName",
    "AlarmDescription",
    "AlarmActions",
    "OKActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "EvaluationPeriods",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "Metrics",
)
_NO_DASHBOARD = ("ResourceNotFound", "DashboardNotFoundError", "ResourceNotFoundException")


class Alarms:
    """The alarms of one account in one Region.

    Args:
        endpoint_url: another endpoint than the Region's own.
        region: another Region than the configured one.

    Raises:
        ConfigurationError: there is no Region or there are no credentials, or one of the settings is malformed.
    """

    def __init__(self, *, endpoint_url: str | None = None, region: str | None = None) -> None:
        self._client, _ = aws_client("cloudwatch", endpoint_url=endpoint_url, region=region, attempts=ATTEMPTS)
        self._endpoint_url, self._region = endpoint_url, region

    def find(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Give those that there are, with what was set of each.

        Args:
            names: their names.

        Returns:
            Name -> those of its parameters that we set.
        """
        found: dict[str, dict[str, Any]] = {}
        with asked("cloudwatch:DescribeAlarms"):
            for some in _portions(names):
                pages = self._client.get_paginator("describe_alarms").paginate(AlarmNames=some)
                for page in pages:
                    found.update((each["AlarmName"], _settings(each)) for each in page["MetricAlarms"])
        return found

    def put(self, parameters: dict[str, Any]) -> None:
        """Make or replace an alarm."""
        with asked("cloudwatch:PutMetricAlarm"):
            self._client.put_metric_alarm(**parameters)

    def put_filter(self, parameters: dict[str, Any]) -> None:
        """Make or replace a metric filter of a log group."""
        client, _ = aws_client("logs", endpoint_url=self._endpoint_url, region=self._region, attempts=ATTEMPTS)
        with asked("logs:PutMetricFilter"):
            client.put_metric_filter(**parameters)

    def delete(self, names: Sequence[str]) -> None:
        """Delete alarms that there are."""
        with asked("cloudwatch:DeleteAlarms"):
            for some in _portions(names):
                self._client.delete_alarms(AlarmNames=some)


def _portions(names: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), _MOST_NAMES):
        yield [*names[start : start + _MOST_NAMES]]


def _settings(alarm: dict[str, Any]) -> dict[str, Any]:
    return {key: _filled(alarm[key]) for key in _SET if alarm.get(key) not in (None, [], "")}


def _filled(value: Any) -> Any:
    """Leave out empty members: the service adds some of its own."""
    if isinstance(value, dict):
        return {key: _filled(each) for key, each in value.items() if each not in (None, [], "")}
    return [_filled(each) for each in value] if isinstance(value, list) else value


class Dashboards:
    """The dashboards of one account; they belong to no Region.

    Args:
        endpoint_url: another endpoint than the Region's own.
        region: through which Region to ask.

    Raises:
        ConfigurationError: there is no Region or there are no credentials, or one of the settings is malformed.
    """

    def __init__(self, *, endpoint_url: str | None = None, region: str | None = None) -> None:
        self._client, _ = aws_client("cloudwatch", endpoint_url=endpoint_url, region=region, attempts=ATTEMPTS)

    def find(self, name: str) -> dict[str, Any] | None:
        """Give the body of a dashboard; None where there is no such dashboard."""
        with asked("cloudwatch:GetDashboard"):
            try:
                answer = self._client.get_dashboard(DashboardName=name)
            except sdk.ClientError as error:
                if error.response.get("Error", {}).get("Code") in _NO_DASHBOARD:
                    return None
                raise
        body: dict[str, Any] = json.loads(answer["DashboardBody"])
        return body

    def put(self, name: str, body: dict[str, Any]) -> list[str]:
        """Make or replace a dashboard.

        Returns:
            What CloudWatch warns of: the dashboard is there, but some of it may not be shown
            (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html).

        Raises:
            RefusedForGoodError: CloudWatch takes no such body.
        """
        with asked("cloudwatch:PutDashboard"):
            answer = self._client.put_dashboard(DashboardName=name, DashboardBody=json.dumps(body))
        return [each.get("Message", "") for each in answer.get("DashboardValidationMessages", ())]

    def delete(self, name: str) -> None:
        """Delete a dashboard that there is."""
        with asked("cloudwatch:DeleteDashboards"):
            self._client.delete_dashboards(DashboardNames=[name])
