"""Runs aws-embedded-metrics and Powertools for AWS Lambda as applications do, and replays what they wrote to stdout."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from emf_totals import SeriesKey, statistics_of

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

VALUES = [(index * 37) % 101 / 4 for index in range(250)]

AWS_EMBEDDED_METRICS = """
import asyncio, json, sys
from aws_embedded_metrics.logger.metrics_logger_factory import create_metrics_logger

async def main():
    values = json.load(sys.stdin)
    for start in range(0, len(values), 120):  # the library cuts an array after 100 values by itself
        logger = create_metrics_logger()
        logger.set_namespace("Peers")
        logger.set_dimensions({"Service": "orders"})
        logger.set_property("RequestId", "r-1")
        for value in values[start : start + 120]:
            logger.put_metric("Latency", value, "Milliseconds")
            logger.put_metric("Requests", 1, "Count")
        await logger.flush()
        print("an ordinary line between them")

asyncio.run(main())
"""
POWERTOOLS = """
import json, sys
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

metrics = Metrics(namespace="Peers", service="orders")
metrics.set_default_dimensions()
for value in json.load(sys.stdin):  # it writes a line by itself when an array has 100 values
    metrics.add_metric(name="Latency", unit=MetricUnit.Milliseconds, value=value)
    metrics.add_metric(name="Requests", unit=MetricUnit.Count, value=1)
metrics.flush_metrics()
print("an ordinary line after them")
"""
LIBRARIES = {
    "aws-embedded-metrics": (AWS_EMBEDDED_METRICS, "Service", {"AWS_EMF_ENVIRONMENT": "local"}),
    "Powertools": (POWERTOOLS, "service", {"POWERTOOLS_SERVICE_NAME": "orders"}),
}


@pytest.fixture(params=LIBRARIES)
def peer_log(
    request: pytest.FixtureRequest, tmp_path: Path, with_variables: Callable[..., Flowemf]
) -> tuple[Path, str]:
    """Let a library write its log; give it and the name of the dimension that the library was given."""
    program, dimension, variables = LIBRARIES[request.param]
    log = tmp_path / "peer.log"
    with log.open("wb") as output:
        subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps(VALUES).encode(),
            stdout=output,
            env=with_variables(**variables).environment,
            check=True,
        )
    return log, dimension


def test_the_lines_of_other_libraries_pass_the_check(flowemf_command: Flowemf, peer_log: tuple[Path, str]) -> None:
    """What CloudWatch extracts from them, we accept without a word."""
    checked = flowemf_command("check", peer_log[0])
    assert (checked.returncode, checked.stdout) == (0, b""), checked.stderr


def test_the_lines_of_other_libraries_give_the_totals_they_were_given(
    flowemf_command: Flowemf, peer_log: tuple[Path, str]
) -> None:
    """The planned requests hold, for the series of the dimension, the very values that the application measured."""
    log, dimension = peer_log
    planned = flowemf_command("replay", log, "--to", "metrics", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    gathered: dict[SeriesKey, list[tuple[float, float]]] = {}
    for request in map(json.loads, planned.stdout.splitlines()):
        for datum in request["MetricData"]:
            dimensions = frozenset((each["Name"], each["Value"]) for each in datum.get("Dimensions", ()))
            series = SeriesKey(request["Namespace"], datum["MetricName"], dimensions, datum["Unit"])
            gathered.setdefault(series, []).extend(zip(datum["Values"], datum["Counts"], strict=True))
    service = frozenset({(dimension, "orders")})
    latency = gathered[SeriesKey("Peers", "Latency", service, "Milliseconds")]
    assert sorted(value for value, count in latency for _ in range(int(count))) == sorted(VALUES)
    requests = statistics_of(gathered[SeriesKey("Peers", "Requests", service, "Count")])
    assert tuple(requests) == (len(VALUES), len(VALUES), 1, 1)


def test_the_lines_of_other_libraries_arrive_in_the_local_store(
    flowemf_command: Flowemf, peer_log: tuple[Path, str], tmp_path: Path
) -> None:
    """SQL over the store gives the same totals."""
    stored = flowemf_command("replay", peer_log[0], "--to", "local", "--database", "peers.duckdb")
    assert stored.returncode == 0, stored.stderr
    with duckdb.connect(str(tmp_path / "peers.duckdb"), read_only=True) as connection:
        totals = connection.execute("SELECT count(Latency), sum(Latency), sum(Requests) FROM METRICS").fetchone()
    assert totals == (len(VALUES), pytest.approx(sum(VALUES)), len(VALUES))
