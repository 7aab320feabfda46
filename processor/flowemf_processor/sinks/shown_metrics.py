"""What CloudWatch shows of metrics, and of what went wrong while it extracted them.

Expected series go in; how many samples CloudWatch has of each comes out (GetMetricData).
"""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from botocore import exceptions as sdk

from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.sinks.answers import outcome_of
from flowemf_processor.sinks.aws_client import aws_client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.core.expectation import Expected
    from flowemf_processor.model import Series

PERMISSION = "cloudwatch:GetMetricData"
ERRORS = ("EMFValidationErrors", "EMFParsingErrors")
"""What CloudWatch counts in AWS/Logs when it cannot extract a line:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html"""

_ATTEMPTS = 3
_MINUTE_S, _HOUR_S = 60, 3600
# The longer the time, the longer the periods: one answer holds 100,800 of them.
_PERIODS_S = ((3 * _HOUR_S, _MINUTE_S), (24 * _HOUR_S, 5 * _MINUTE_S), (math.inf, _HOUR_S))


class ShownMetrics:
    """Asks CloudWatch for sums.

    Args:
        endpoint_url: another endpoint than the Region's own.
        region: another Region than the configured one.

    Raises:
        ConfigurationError: there is no Region or there are no credentials, or one of the settings is malformed.
    """

    def __init__(self, *, endpoint_url: str | None = None, region: str | None = None) -> None:
        self._client, _ = aws_client("cloudwatch", endpoint_url=endpoint_url, region=region, attempts=_ATTEMPTS)

    def samples(self, expected: Sequence[Expected]) -> list[float]:
        """Count the samples of series.

        Args:
            expected: which series, and the time that is looked at.

        Returns:
            How many samples each has in that time, or a little more than it: whole periods are looked at.

        Raises:
            TryAgainLaterError: CloudWatch does not answer, or refuses to.
        """
        first_s = min(each.first_ms for each in expected) // 1000
        last_s = max(each.last_ms for each in expected) // 1000
        period_s = next(period for longest, period in _PERIODS_S if last_s - first_s <= longest)
        queries = [_query(f"q{index}", each.series, period_s) for index, each in enumerate(expected)]
        found = self._sums(queries, first_s // period_s * period_s, (last_s // period_s + 1) * period_s)
        return [found.get(query["Id"], 0.0) for query in queries]

    def extraction_errors(self, log_group: str, *, since_ms: int, until_ms: int) -> dict[str, int]:
        """Count what could not be extracted of a log group's lines, whoever wrote them.

        Args:
            log_group: its name.
            since_ms: from when on, in milliseconds since the epoch.
            until_ms: until when.

        Returns:
            How many, by the name of the metric in `ERRORS`.

        Raises:
            TryAgainLaterError: CloudWatch does not answer, or refuses to.
        """
        dimensions = [{"Name": "LogGroupName", "Value": log_group}]
        queries = [
            _stated(f"e{index}", "AWS/Logs", name, dimensions, _MINUTE_S, "Sum") for index, name in enumerate(ERRORS)
        ]
        start_s = since_ms // 1000 // _MINUTE_S * _MINUTE_S
        found = self._sums(queries, start_s, until_ms // 1000 + _MINUTE_S)
        return {name: int(found.get(query["Id"], 0)) for name, query in zip(ERRORS, queries, strict=True)}

    def _sums(self, queries: list[dict[str, Any]], start_s: int, end_s: int) -> dict[str, float]:
        found: dict[str, float] = {}
        try:
            pages = self._client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries, StartTime=_moment(start_s), EndTime=_moment(end_s)
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    found[result["Id"]] = found.get(result["Id"], 0.0) + math.fsum(result["Values"])
        except (sdk.ClientError, sdk.BotoCoreError) as error:
            said = outcome_of(error, permission=PERMISSION).message
            raise TryAgainLaterError(f"CloudWatch could not be asked for the metrics: {said}") from error
        return found


def _query(query_id: str, series: Series, period_s: int) -> dict[str, Any]:
    dimensions = [{"Name": key, "Value": value} for key, value in series.dimensions]
    query = _stated(query_id, series.namespace, series.name, dimensions, period_s, "SampleCount")
    query["MetricStat"]["Unit"] = series.unit
    return query


def _stated(
    query_id: str, namespace: str, name: str, dimensions: list[dict[str, str]], period_s: int, statistic: str
) -> dict[str, Any]:
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": period_s, "Stat": statistic}}


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
