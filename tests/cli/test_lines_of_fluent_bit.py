"""Reads the EMF lines that Fluent Bit makes of its own metrics (output `cloudwatch_logs` with `log_format json/emf`).

No package of Fluent Bit can be installed with pip, apt (Debian 12) or npm, so the lines here are written after what its
encoder writes: https://github.com/fluent/cmetrics/blob/master/src/cmt_encode_cloudwatch_emf.c
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowemf_schemas.ledger_rules import examine_ledger

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

NOW_MS = 1_700_000_000_000


def emf(kind: str, name: str, value: Any, labels: dict[str, str], *, unit: str | None = None) -> dict[str, Any]:
    """Write one metric as Fluent Bit does: a line for each, its labels as the only dimension set."""
    definition = {"Name": name, **({"Unit": unit} if unit else {}), "StorageResolution": 60}
    directive = {"Namespace": "fluent-bit-metrics", "Dimensions": [list(labels)], "Metrics": [definition]}
    metadata = {"Timestamp": NOW_MS, "CloudWatchMetrics": [directive]}
    return {"_aws": metadata, **labels, "prom_metric_type": kind, name: value}


GAUGE = emf("gauge", "node_load1", 0.33, {"hostname": "a"})
WITHOUT_LABELS = emf("untyped", "up", 1.0, {})
SUMMARY = emf("summary", "go_gc_seconds", {"Min": 0.1, "Max": 0.9, "Sum": 4.5, "Count": 10.0}, {"job": "api"})
# The encoder writes the counts of the smallest and the largest bucket as Min and Max.
HISTOGRAM = emf("histogram", "wait_seconds", {"Min": 1.0, "Max": 40.0, "Sum": 3.5, "Count": 40.0}, {"job": "api"})
# It knows a unit "Counter", which CloudWatch does not.
COUNTER = emf("counter", "fluentbit_input_records_total", 12.0, {"name": "tail.0"}, unit="Counter")
# A metric without labels in a family that has some: the keys are named, and no value is written.
LABELS_MISSING = emf("gauge", "node_load5", 0.2, {"hostname": "a"})
del LABELS_MISSING["hostname"]

LINES = {
    "a gauge": (GAUGE, {}, 1),
    "a metric without labels": (WITHOUT_LABELS, {}, 1),
    "a summary": (SUMMARY, {}, 1),
    "a histogram, whose Min and Max are something else": (HISTOGRAM, {"statistic-set-mean-outside": "note"}, 1),
    "a counter, whose unit is none": (COUNTER, {"unit-unknown": "line"}, 0),
    "labels that are missing": (LABELS_MISSING, {"dimension-value-missing": "dimension set"}, 0),
}


@pytest.mark.parametrize(("document", "findings", "datapoints"), LINES.values(), ids=LINES)
def test_a_line_of_fluent_bit_gives_its_numbers_and_its_findings(
    flowemf_command: Flowemf, document: dict[str, Any], findings: dict[str, str], datapoints: int
) -> None:
    """Stated here by hand, as the table of verdicts has them."""
    log = json.dumps(document).encode() + b"\n"
    found = [json.loads(line) for line in flowemf_command("check", "--json", stdin=log).stdout.splitlines()]
    assert {each["reason"]: each["scope"] for each in found} == findings
    replayed = flowemf_command("replay", "--to", "local", "--json", stdin=log)
    ledger = json.loads(replayed.stdout)
    assert examine_ledger(ledger) == []
    assert ledger["destinations"][0]["datapoints"]["accepted"] == datapoints


def test_the_numbers_of_a_summary_arrive_as_a_statistic_set(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Count, sum, minimum and maximum, as they were written."""
    now = {**SUMMARY, "_aws": {**SUMMARY["_aws"]}}
    del now["_aws"]["Timestamp"]
    planned = flowemf_command("replay", "--to", "metrics", "--dry-run", stdin=json.dumps(now).encode() + b"\n")
    [request] = map(json.loads, planned.stdout.splitlines())
    [datum] = request["MetricData"]
    assert datum["StatisticValues"] == {"SampleCount": 10, "Sum": 4.5, "Minimum": 0.1, "Maximum": 0.9}
    assert (datum["MetricName"], datum["Dimensions"]) == ("go_gc_seconds", [{"Name": "job", "Value": "api"}])
