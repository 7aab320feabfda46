"""Lets aws-embedded-metrics and Powertools for AWS Lambda write what they get wrong, and reads the findings."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

POWERTOOLS = """
from aws_lambda_powertools import Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

metrics = Metrics(namespace="Peers", service="orders")

def flushed(value, **dimensions):
    for name, text in dimensions.items():
        metrics.add_dimension(name=name, value=text)
    metrics.add_metric(name="Ratio", unit=MetricUnit.Percent, value=value)
    metrics.flush_metrics()

flushed(float("nan"))  # NaN is no JSON
flushed(2, Ratio="x")  # a dimension named like the metric: the number wins
flushed(3, Tenant="größer")
try:
    with single_metric(name="Broken", unit=MetricUnit.Count, value=1, namespace="Peers"):
        raise ValueError  # it prints null
except ValueError:
    pass
"""
AWS_EMBEDDED_METRICS = """
import asyncio
from aws_embedded_metrics.logger.metrics_logger_factory import create_metrics_logger

async def flushed(value, **dimensions):
    logger = create_metrics_logger()
    logger.set_namespace("Peers")
    logger.set_dimensions(dimensions)
    logger.put_metric("Ratio", value, "Percent")
    await logger.flush()

async def main():
    await flushed(1, Ratio="x")  # a dimension named like the metric: the number wins
    await flushed(1e200, Service="orders")
    await flushed(True, Service="orders")
    await flushed(4, Service="orders")

asyncio.run(main())
"""
# What each library wrote, by hand: the reasons in the order of its lines, and what became of the records.
EXPECTED = {
    "Powertools": (
        POWERTOOLS,
        {"POWERTOOLS_SERVICE_NAME": "orders"},
        [(1, "not-a-number"), (2, "dimension-value-not-a-string"), (3, "dimension-value-not-ascii")],
        {"metric": 1, "other": 1, "rejected": 2},
    ),
    "aws-embedded-metrics": (
        AWS_EMBEDDED_METRICS,
        {"AWS_EMF_ENVIRONMENT": "local"},
        [
            (1, "dimension-value-not-a-string"),
            (2, "value-out-of-range"),
            (3, "value-not-a-number"),
        ],
        {"metric": 1, "other": 0, "rejected": 3},
    ),
}


@pytest.mark.parametrize("library", EXPECTED)
def test_the_defects_of_other_libraries_are_found(with_variables: Callable[..., Flowemf], library: str) -> None:
    """Each has its reason, and no number of a line that is at fault is counted."""
    program, variables, reasons, records = EXPECTED[library]
    flowemf = with_variables(PYTHONIOENCODING="utf-8", **variables)
    written = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=flowemf.environment, check=True
    ).stdout
    found = [json.loads(line) for line in flowemf("check", "--json", stdin=written).stdout.splitlines()]
    assert [(each["line"], each["reason"]) for each in found] == reasons
    replayed = json.loads(flowemf("replay", "--to", "local", "--json", stdin=written).stdout)
    assert {kind: replayed["records"][kind] for kind in records} == records
    assert replayed["destinations"][0]["datapoints"]["accepted"] == records["metric"]
    assert replayed["reasons"] == Counter(reason for _, reason in reasons)
