"""Alarms of an account, and the metric filters that some of them need.

Names and parameters go in; the alarms are there, or gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowemf_processor.sinks.account_api import ATTEMPTS, asked
from flowemf_processor.sinks.aws_client import aws_client

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
            Name -> the parameters with which PutMetricAlarm would make it anew.
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
