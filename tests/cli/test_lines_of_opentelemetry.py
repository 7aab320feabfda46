"""Runs AWS's OpenTelemetry distribution for Python as an application does, and reads what its EMF exporter prints.

The package is installed by itself into a temporary directory: with its seventy dependencies it would dwarf everything
else that the tests need, and its EMF exporter asks for no more than the SDK that the extra `otel` brings.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

VALUES = [(index * 37) % 101 / 4 + 1 for index in range(60)]

BEGINNING = """
import json, sys
from amazon.opentelemetry.distro.exporter.aws.metrics.console_emf_exporter import ConsoleEmfExporter
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource

def provider(**settings):
    reader = PeriodicExportingMetricReader(ConsoleEmfExporter(namespace="Peers", **settings), 10**9)
    return MeterProvider([reader], resource=Resource({"service.name": "orders"}))

values = json.load(sys.stdin)
"""
ORDINARY = """
meters = provider()
meter = meters.get_meter("orders")
requests, latency = meter.create_counter("requests", unit="Count"), meter.create_histogram("latency", unit="ms")
depth = meter.create_up_down_counter("depth")
for start in range(0, len(values), 20):
    for value in values[start : start + 20]:
        requests.add(1, {"Operation": "read"})
        latency.record(value, {"Operation": "read"})
    depth.add(-2, {"Operation": "read"})
    meters.force_flush()
    print("an ordinary line between them")
meters.shutdown()
"""
EXPLICIT_BUCKETS = """
meters = provider(preferred_aggregation={Histogram: ExplicitBucketHistogramAggregation()})
latency = meters.get_meter("orders").create_histogram("latency", unit="ms")
for value in values:
    latency.record(value, {"Operation": "read"})
meters.force_flush()
latency.record(7, {"Operation": "read"})
meters.shutdown()
"""
DEFECTS = """
meters = provider()
meter = meters.get_meter("orders")
gauge, latency = meter.create_gauge("temperature"), meter.create_histogram("latency", unit="ms")
gauge.set(1, {"Operation": ""})  # an attribute without a value
gauge.set(2, {"temperature": "warm"})  # an attribute named like the metric
gauge.set(3, {f"Attribute{number}": "x" for number in range(31)})  # more attributes than a set has room for
gauge.set(4, {"Operation": "lesen, größer"})  # text that PutMetricData does not take
for exponent in range(-75, 75):  # an exponential histogram has up to 160 buckets, and the exporter splits none
    latency.record(1.2**exponent, {"Operation": "wide"})
meters.shutdown()
"""


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the distribution without what it needs for anything but its EMF exporter."""
    directory = tmp_path_factory.mktemp("aws-opentelemetry-distro")
    wanted = ["--no-deps", "--target", str(directory), "aws-opentelemetry-distro>=0.14,<1"]
    installing = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    subprocess.run(installing, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return directory


@pytest.fixture
def log_of(distribution: Path, tmp_path: Path, with_variables: Callable[..., Flowemf]) -> Callable[..., Path]:
    """Give what runs an application and keeps its standard output."""

    def run(program: str, **variables: str) -> Path:
        log = tmp_path / "otel.log"
        environment = with_variables(PYTHONPATH=str(distribution), **variables).environment
        with log.open("wb") as output:
            command = [sys.executable, "-c", BEGINNING + program]
            subprocess.run(command, input=json.dumps(VALUES).encode(), stdout=output, env=environment, check=True)
        return log

    return run


def stored(command: Flowemf, log: Path, database: Path, sql: str) -> list[tuple[Any, ...]]:
    finished = command("replay", log, "--to", "local", "--database", database)
    assert finished.returncode == 0, finished.stderr
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_counters_and_exponential_histograms_give_what_was_recorded(
    flowemf_command: Flowemf, log_of: Callable[..., Path], tmp_path: Path
) -> None:
    """Sums and counts exactly; each value of a histogram as near as its buckets are (their middle is written)."""
    log = log_of(ORDINARY)
    checked = flowemf_command("check", log)
    assert (checked.returncode, checked.stdout) == (0, b""), checked.stderr
    sql = "SELECT MetricName, sum(Value * SampleCount), sum(SampleCount), min(Minimum), max(Maximum) FROM METRICS"
    rows = stored(flowemf_command, log, tmp_path / "otel.duckdb", f"{sql} GROUP BY MetricName ORDER BY MetricName")
    depth, latency, requests = rows
    assert depth[:3] == ("depth", -6, 3)
    assert requests[:3] == ("requests", len(VALUES), 3)
    assert latency == (
        "latency",
        pytest.approx(sum(VALUES), rel=0.02),
        len(VALUES),
        pytest.approx(min(VALUES), rel=0.02),
        pytest.approx(max(VALUES), rel=0.02),
    )


def test_histograms_with_explicit_buckets_give_statistic_sets(
    flowemf_command: Flowemf, log_of: Callable[..., Path], tmp_path: Path
) -> None:
    """Count, sum, minimum and maximum exactly; of a single value the value itself."""
    planned = flowemf_command("replay", log_of(EXPLICIT_BUCKETS), "--to", "metrics", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    [request] = map(json.loads, planned.stdout.splitlines())
    single, many = sorted(request["MetricData"], key=lambda datum: "StatisticValues" in datum)
    assert (single["Values"], single["Counts"]) == ([7], [1])
    assert many["StatisticValues"] == {
        "SampleCount": len(VALUES),
        "Sum": pytest.approx(sum(VALUES)),
        "Minimum": min(VALUES),
        "Maximum": max(VALUES),
    }
    assert {(datum["MetricName"], datum["Unit"]) for datum in (single, many)} == {("latency", "Milliseconds")}


def test_metrics_without_attributes_come_without_the_member_dimensions(
    flowemf_command: Flowemf, log_of: Callable[..., Path]
) -> None:
    """CloudWatch takes it, and so do we, with a note; strictly read, it is rejected."""
    program = 'meters = provider()\nmeters.get_meter("m").create_counter("requests").add(5)\nmeters.shutdown()\n'
    log = log_of(program, OTEL_METRICS_ADD_APPLICATION_SIGNALS_DIMENSIONS="false")
    noted = flowemf_command("check", log, "--json", "--max-invalid", "0")
    assert [json.loads(line)["reason"] for line in noted.stdout.splitlines()] == ["dimensions-missing"]
    assert noted.returncode == 0
    assert flowemf_command("check", log, "--strict", "--max-invalid", "0").returncode == 1


def test_the_defects_of_the_exporter_are_found(flowemf_command: Flowemf, log_of: Callable[..., Path]) -> None:
    """What CloudWatch would refuse, misread or silently leave out of its lines, each with its reason."""
    checked = flowemf_command("check", log_of(DEFECTS), "--json")
    assert checked.returncode == 1
    found = [json.loads(line) for line in checked.stdout.splitlines()]
    assert {each["reason"]: each["scope"] for each in found} == {
        "dimension-value-empty": "line",
        "value-not-a-number": "metric",
        "too-many-dimensions": "line",
        "dimension-value-not-ascii": "note",
        "too-many-values": "metric",
    }
    assert len(found) == 5
