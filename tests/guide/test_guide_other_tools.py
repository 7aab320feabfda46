"""The guide's section "Integration with Other Tools": Grafana and Prometheus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from guide_sections import GRAFANA

if TYPE_CHECKING:
    from command_process import Flowemf


def test_grafana_shows_the_success_rate_that_the_guides_panel_is_named_for(
    flowemf_command: Flowemf, guide_log: Path
) -> None:
    """The guide's panel shows a count, under a set that nobody publishes: Status alone. Ours divides."""
    [guides] = json.loads(GRAFANA)["dashboard"]["panels"]
    assert guides["title"] == "Generation Success Rate"
    shown = flowemf_command("dashboard", "show", guide_log, "--grafana")
    assert shown.returncode == 0, shown.stderr
    panels = {panel["title"]: panel for panel in json.loads(shown.stdout)["panels"]}
    rate = panels["Success and error rate"]
    expressions = {query["id"]: query["expression"] for query in rate["targets"] if query["expression"]}
    assert expressions["rate0"] == "100 * FILL(m0_0, 0) / SUM([m0_0, m0_1])"
    metrics = {query["id"]: query["metricName"] for query in rate["targets"] if query["metricName"]}
    assert (metrics["m0_0"], metrics["m0_1"]) == (guides["targets"][0]["metricName"], "FlowError")


def test_prometheus_exporter_is_told_of_every_metric(flowemf_command: Flowemf, guide_log: Path) -> None:
    """As the guide proposes: cloudwatch_exporter."""
    shown = flowemf_command("prometheus-config", guide_log, "--region", "us-east-1")
    assert shown.returncode == 0, shown.stderr
    names = {rule["aws_metric_name"] for rule in yaml.safe_load(shown.stdout)["metrics"]}
    assert {"FlowStarted", "FlowCompleted", "FlowError", "FlowDuration", "TokensUsed", "GenerationCount"} <= names
