"""Asks an AWS account: who asks, what is allowed, which metrics there are and what they hold, what time it is.

Questions go in; answers come out, or the reason why there is none. Nothing is changed.
"""

from __future__ import annotations

import math
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from botocore import exceptions as sdk

from flowemf_processor.core.diagnosis.account_checks import Identity, Refusal
from flowemf_processor.core.insight.inventory import Inventory
from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.sinks.aws import ATTEMPTS, asked, aws_client, outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowemf_processor.core.diagnosis.account_checks import Listed
    from flowemf_processor.core.roads import Expected
    from flowemf_processor.model import Series

Given = TypeVar("Given")

PERMISSION = "cloudwatch:GetMetricData"
ERRORS = ("EMFValidationErrors", "EMFParsingErrors")
"""What CloudWatch counts in AWS/Logs when it cannot extract a line:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html"""

_ATTEMPTS = 3
_MOST_PAGES = 20  # of 500 metrics each: enough to judge a namespace
_MINUTE_S, _HOUR_S = 60, 3600
# The longer the time, the longer the periods: one answer holds 100,800 of them.
_PERIODS_S = ((3 * _HOUR_S, _MINUTE_S), (24 * _HOUR_S, 5 * _MINUTE_S), (math.inf, _HOUR_S))


class ExaminedAccount:
    """Asks the services of one account and Region.

    Args:
        endpoint_url: another endpoint than the Region's own.
        region: another Region than the configured one.

    Raises:
        ConfigurationError: there is no Region or there are no credentials, or one of the settings is malformed.
    """

    def __init__(self, *, endpoint_url: str | None = None, region: str | None = None) -> None:
        def client(service: str) -> Any:
            return aws_client(service, endpoint_url=endpoint_url, region=region, attempts=_ATTEMPTS)[0]

        self._sts, self._iam, self._metrics = client("sts"), client("iam"), client("cloudwatch")
        self.region = str(self._metrics.meta.region_name)
        self.skew_ms: int | None = None
        """How far the clock of this machine is ahead of the service's; None until something has answered."""

    def identity(self) -> Identity | Refusal:
        """Tell who asks, and compare the clocks."""

        def ask() -> Identity:
            answer = self._sts.get_caller_identity()
            self._compare_clocks(answer["ResponseMetadata"])
            return Identity(str(answer["Arn"]), self.region)

        return self._asked(ask, "sts:GetCallerIdentity")

    def decisions(
        self, source: str, actions: Sequence[str], *, namespace: str | None = None
    ) -> dict[str, str] | Refusal:
        """Try the policies of an identity.

        Args:
            source: the user or role.
            actions: what it wants to do.
            namespace: of the metrics, since a policy may allow one namespace alone.

        Returns:
            For each action `allowed`, `explicitDeny` or `implicitDeny`.
        """
        context = [
            {"ContextKeyName": "cloudwatch:namespace", "ContextKeyValues": [namespace], "ContextKeyType": "string"}
        ]

        def ask() -> dict[str, str]:
            answer = self._iam.simulate_principal_policy(
                PolicySourceArn=source, ActionNames=list(actions), **({"ContextEntries": context} if namespace else {})
            )
            return {each["EvalActionName"]: each["EvalDecision"] for each in answer["EvaluationResults"]}

        return self._asked(ask, "iam:SimulatePrincipalPolicy")

    def listed(self, namespace: str) -> list[Listed] | Refusal:
        """List the metrics of a namespace: those of the last two weeks."""
        return self._asked(
            lambda: [
                (str(each["MetricName"]), tuple(pair["Name"] for pair in each.get("Dimensions", ())))
                for each in self._metrics_of(Namespace=namespace)
            ],
            "cloudwatch:ListMetrics",
        )

    def namespaces(self) -> list[str]:
        """List namespaces of the account, other than AWS's own; none where that is not allowed."""
        found = self._asked(lambda: {str(each["Namespace"]) for each in self._metrics_of()}, "cloudwatch:ListMetrics")
        return [] if isinstance(found, Refusal) else sorted(each for each in found if not each.startswith("AWS/"))

    def _metrics_of(self, **conditions: str) -> list[Mapping[str, Any]]:
        pages = self._metrics.get_paginator("list_metrics").paginate(**conditions)
        return [metric for page in islice(pages, _MOST_PAGES) for metric in page["Metrics"]]

    def _asked(self, ask: Callable[[], Given], permission: str) -> Given | Refusal:
        try:
            return ask()
        except (sdk.ClientError, sdk.BotoCoreError) as error:
            if isinstance(error, sdk.ClientError):
                self._compare_clocks(error.response.get("ResponseMetadata", {}))
            outcome = outcome_of(error, permission=permission)
            return Refusal(outcome.message, is_denied=outcome.by_configuration)

    def _compare_clocks(self, metadata: Mapping[str, Any]) -> None:
        stated = metadata.get("HTTPHeaders", {}).get("date")
        if stated:
            now = datetime.now(timezone.utc)
            self.skew_ms = int((now - parsedate_to_datetime(stated)).total_seconds() * 1000)


def listed_metrics(namespaces: Sequence[str], *, endpoint_url: str | None, region: str | None) -> Inventory:
    """List the series of namespaces.

    Args:
        namespaces: which ones, exactly.
        endpoint_url: another endpoint than the Region's own.
        region: another Region than the configured one.

    Raises:
        ConfigurationError: AWS is not configured, or the identity may not list metrics.
        TryAgainLaterError: CloudWatch cannot be reached.
    """
    client, _ = aws_client("cloudwatch", endpoint_url=endpoint_url, region=region, attempts=ATTEMPTS)
    inventory = Inventory(f"CloudWatch in {client.meta.region_name}")
    with asked("cloudwatch:ListMetrics"):
        for namespace in namespaces:
            for page in client.get_paginator("list_metrics").paginate(Namespace=namespace):
                for metric in page["Metrics"]:
                    dimensions = tuple((pair["Name"], pair["Value"]) for pair in metric.get("Dimensions", ()))
                    inventory.add(namespace, metric["MetricName"], dimensions)
    return inventory


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
