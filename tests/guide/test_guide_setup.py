"""The guide's sections "Basic Setup", "Configuration Options", "Available Metrics" and "Performance Tips"."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from emf_totals import documents_of

BASIC_SETUP = """
import flowemf
flowemf.configure("MyApp/GenKit", enable_flow_metrics={flows}, enable_model_metrics={models}, **{more})
with flowemf.flow("chatFlow"), flowemf.generation("claude") as generation:
    generation.record_usage(input_tokens=1, output_tokens=2)
"""
CUSTOM_DIMENSIONS = {
    "Environment": "Production",
    "Version": "1.2.3",
    "Region": "us-east-1",
    "Team": "AI-Platform",
    "CostCenter": "AI-Research",
    "Project": "ChatBot-v2",
    "Owner": "team-ai@company.com",
}
"""Those that the guide prints, in all of its examples together."""

AVAILABLE_METRICS = {
    "FlowStarted": ("Count", {"FlowName"}),
    "FlowCompleted": ("Count", {"FlowName", "Status"}),
    "FlowError": ("Count", {"FlowName", "Status", "ErrorType"}),
    "FlowDuration": ("Milliseconds", {"FlowName", "Status"}),
    "TokensUsed": ("Count", {"ModelID"}),
    "GenerationDuration": ("Milliseconds", {"ModelID"}),
    "GenerationCount": ("Count", {"ModelID"}),
}
"""The guide's tables, with durations in the unit of their description."""

ERROR_TYPES = {"Timeout", "Connection", "Authentication", "Throttling", "RateLimit", "GenericError"}


def emitted(*, flows: bool = True, models: bool = True, **more: Any) -> list[dict[str, Any]]:
    """Run a program that is set up as in the guide; give its lines."""
    program = BASIC_SETUP.format(flows=flows, models=models, more=more)
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in finished.stdout.splitlines()]


def definitions(lines: list[dict[str, Any]]) -> dict[str, list[tuple[str, set[str]]]]:
    """List the unit and each dimension set of every metric."""
    found: dict[str, list[tuple[str, set[str]]]] = {}
    for line in lines:
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for metric in directive["Metrics"]:
                found.setdefault(metric["Name"], []).extend(
                    (metric["Unit"], set(keys)) for keys in directive["Dimensions"]
                )
    return found


def test_the_basic_setup_measures_flows_and_models() -> None:
    """Three lines, in the namespace."""
    lines = emitted()
    assert [line["event"] for line in lines] == ["flow.start", "generation", "flow.end"]
    assert {each["Namespace"] for line in lines for each in line["_aws"]["CloudWatchMetrics"]} == {"MyApp/GenKit"}


@pytest.mark.parametrize(
    ("flows", "models", "events"), [(False, True, ["generation"]), (True, False, ["flow.start", "flow.end"])]
)
def test_kinds_of_metrics_are_turned_off(flows: bool, models: bool, events: list[str]) -> None:
    """EnableFlowMetrics and EnableModelMetrics."""
    assert [line["event"] for line in emitted(flows=flows, models=models)] == events


def test_the_guides_custom_dimensions_are_taken_as_they_are() -> None:
    """An owner's address among them: the operator chose it."""
    for line in emitted(custom_dimensions=CUSTOM_DIMENSIONS):
        assert line.items() >= CUSTOM_DIMENSIONS.items()
        for directive in line["_aws"]["CloudWatchMetrics"]:
            assert set(directive["Dimensions"][0]) > set(CUSTOM_DIMENSIONS)


def test_buffering_writes_fewer_lines_with_the_same_numbers() -> None:
    """MetricBufferSize, and the performance tips: one line for many events."""
    program = BASIC_SETUP.format(flows=True, models=True, more={"metric_buffer_size": 20})
    many = program.replace("with flowemf", "for _ in range(10):\n  with flowemf").replace(
        "    generation", "     generation"
    )
    finished = subprocess.run([sys.executable, "-c", many], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in finished.stdout.splitlines()]
    assert len(lines) < 10
    values = [line["TokensUsed"] for line in lines if "TokensUsed" in line]
    assert sum(sum(each) if isinstance(each, list) else each for each in values) == 30


def test_the_available_metrics_are_emitted_under_the_guides_dimensions(guide_log: Path) -> None:
    """With the demo's one custom dimension beside them; every error type occurs."""
    lines = documents_of(guide_log.read_text().splitlines())
    found = definitions(lines)
    for metric, (unit, dimensions) in AVAILABLE_METRICS.items():
        assert (unit, dimensions | {"Environment"}) in found[metric]
    assert {line["ErrorType"] for line in lines if "ErrorType" in line} >= ERROR_TYPES
