"""Asks an AWS account: who asks, what is allowed, which metrics there are and what they hold, what time it is.

Questions go in; answers come out, or the reason why there is none. Nothing is changed.
"""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from botocore import exceptions as sdk

from flowemf_processor.core.diagnosis.account_checks import Identity, Refusal
from flowemf_processor.core.insight.inventory import Inventory
from flowemf_processor.sinks.answers import ATTEMPTS, asked, outcome_of
from flowemf_processor.sinks.aws_client import aws_client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowemf_processor.core.diagnosis.account_checks import Listed

Given = TypeVar("Given")

_ATTEMPTS = 3
_MOST_PAGES = 20  # of 500 metrics each: enough to judge a namespace


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
                (str(each["MetricName"]), tuple(pair["Name"] for pair in each["Dimensions"]))
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
