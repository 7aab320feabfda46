"""What an account has of an application's metrics.

Namespaces go in; an inventory comes out, of what ListMetrics lists: series that had data in the last two weeks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.core.insight.inventory import Inventory
from flowemf_processor.sinks.answers import ATTEMPTS, asked
from flowemf_processor.sinks.aws_client import aws_client

if TYPE_CHECKING:
    from collections.abc import Sequence


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
