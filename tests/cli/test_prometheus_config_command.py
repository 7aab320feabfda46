"""Configures cloudwatch_exporter, of which the tests do what its rules mean: list, compare keys, sum up.

The exporter itself is Java and comes from no registry that the tests use; its README says that a rule fans out over the
metrics that have exactly its dimensions.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Flowemf

KNOWN = {
    "aws_namespace",
    "aws_metric_name",
    "aws_dimensions",
    "aws_statistics",
    "aws_extended_statistics",
}
SUMMED = ("FlowStarted", "FlowCompleted", "FlowError", "TokensUsed", "GenerationCount")


@pytest.fixture
def in_a_region(with_variables: Callable[..., Flowemf]) -> Flowemf:
    """Give the command with a Region and nothing else of AWS."""
    return with_variables(AWS_DEFAULT_REGION="eu-west-1")


def configured(command: Flowemf, *arguments: Any) -> dict[str, Any]:
    finished = command("prometheus-config", *arguments)
    assert finished.returncode == 0, finished.stderr
    config: dict[str, Any] = yaml.safe_load(finished.stdout)
    return config


def series_of(log: Path) -> list[tuple[str, tuple[str, ...], float]]:
    """Read off the lines each metric, the keys of each of its dimension sets, and the value."""
    found = []
    for line in log.read_text().splitlines():
        document = json.loads(line) if '"_aws"' in line else {"_aws": {"CloudWatchMetrics": []}}
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for keys in directive["Dimensions"]:
                names = [each["Name"] for each in directive["Metrics"]]
                found += [(name, tuple(sorted(keys)), float(document[name])) for name in names]
    return found


def test_each_rule_finds_metrics_with_exactly_its_dimensions(in_a_region: Flowemf, demo_log: Path) -> None:
    """Or the exporter would ask for something that there is not."""
    config = configured(in_a_region, demo_log)
    there = {(name, keys) for name, keys, _ in series_of(demo_log)}
    assert config["region"] == "eu-west-1"
    assert len(config["metrics"]) > 10
    for rule in config["metrics"]:
        assert set(rule) <= KNOWN
        assert (rule["aws_metric_name"], tuple(rule.get("aws_dimensions", ()))) in there, rule
        assert rule.keys() & {"aws_statistics", "aws_extended_statistics"}
    exported = {rule["aws_metric_name"] for rule in config["metrics"]}
    assert exported == {name for name, _ in there}


def test_what_prometheus_sums_up_is_counted_once(in_a_region: Flowemf, demo_log: Path) -> None:
    """Over all rules of a metric, the sums of its series add up to the number of the lines."""
    rules = configured(in_a_region, demo_log)["metrics"]
    series = series_of(demo_log)
    wanted = Counter({name: sum(value for each, keys, value in series if each == name and not keys) for name in SUMMED})
    exported: Counter[str] = Counter()
    for rule in rules:
        if "Sum" in rule.get("aws_statistics", ()):
            keys = tuple(rule.get("aws_dimensions", ()))
            name = rule["aws_metric_name"]
            exported[name] += sum(value for each, of, value in series if each == name and of == keys)  # type: ignore[assignment]
    assert {name: exported[name] for name in SUMMED} == dict(wanted)


def test_percentiles_come_from_a_rollup(in_a_region: Flowemf, demo_log: Path) -> None:
    """Nobody can compute them of others."""
    rules = configured(in_a_region, demo_log)["metrics"]
    found = {rule["aws_metric_name"]: rule["aws_dimensions"] for rule in rules if "aws_extended_statistics" in rule}
    assert found == {
        "FlowDuration": ["FlowName"],
        "GenerationDuration": ["ModelID"],
        "TimeToFirstToken": ["ModelID"],
    }


def test_errors_that_have_not_happened_yet_are_exported_when_they_do(in_a_region: Flowemf) -> None:
    """Under the full set of what has succeeded, with the error's type."""
    log = in_a_region.directory / "good.log"
    metrics = [{"Name": "FlowCompleted", "Unit": "Count"}]
    directive = {"Namespace": 'An "odd" \\ name', "Dimensions": [["Team", "FlowName", "Status"]], "Metrics": metrics}
    root = {"Team": "a", "FlowName": "chat", "Status": "Success", "FlowCompleted": 1}
    log.write_text(json.dumps({"_aws": {"Timestamp": 1795458836581, "CloudWatchMetrics": [directive]}, **root}))
    [error, completed] = configured(in_a_region, log)["metrics"]
    assert error["aws_metric_name"] == "FlowError"
    assert error["aws_dimensions"] == ["ErrorType", "FlowName", "Status", "Team"]
    assert completed["aws_namespace"] == 'An "odd" \\ name'
