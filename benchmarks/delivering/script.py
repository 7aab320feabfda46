"""The script that a user would write to send the metrics of a log: dictionaries, and boto3 as it comes.

The path of a log and the URL of a CloudWatch go in; requests of up to 1,000 datums go out, each with the values of a
series and minute and how often each occurred.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import boto3

sys.path.insert(0, str(Path(__file__).parent.parent))

from reading.script import Gathered, gather

DATUMS_OF_A_REQUEST = 1000
VALUES_OF_A_DATUM = 150


def send(gathered: Gathered, client: Any) -> None:
    """Send what was gathered, namespace by namespace."""
    datums: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for ((namespace, name, dimensions, unit), minute), counts in gathered.items():
        pairs = list(counts.items())
        for start in range(0, len(pairs), VALUES_OF_A_DATUM):
            part = pairs[start : start + VALUES_OF_A_DATUM]
            datums[namespace].append(
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
                    "Timestamp": minute * 60,
                    "Unit": unit,
                    "Values": [value for value, _ in part],
                    "Counts": [count for _, count in part],
                }
            )
    for namespace, several in datums.items():
        for start in range(0, len(several), DATUMS_OF_A_REQUEST):
            client.put_metric_data(Namespace=namespace, MetricData=several[start : start + DATUMS_OF_A_REQUEST])


if __name__ == "__main__":
    send(gather(sys.argv[1]), boto3.client("cloudwatch", endpoint_url=sys.argv[2]))
