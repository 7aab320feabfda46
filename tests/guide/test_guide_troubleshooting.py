"""The guide's section "Troubleshooting": what it tells people to look at, `flowemf doctor` and `flowemf cost` do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guide_sections import NAMESPACE

if TYPE_CHECKING:
    from command_process import Flowemf


def answer(flowemf: Flowemf, command: str, *arguments: Any, code: int = 0) -> dict[str, Any]:
    """Run a command that answers in JSON."""
    finished = flowemf(command, *arguments)
    assert finished.returncode == code, finished.stderr.decode()
    said: dict[str, Any] = json.loads(finished.stdout)
    return said


def test_no_metrics_appearing_a_wrong_namespace_is_named(flowemf_command: Flowemf, guide_log: Path) -> None:
    """The demo's namespace is not the guide's: the log alone tells which one it is."""
    said = answer(flowemf_command, "doctor", "--json", "--log", guide_log, "--namespace", NAMESPACE, code=1)
    [namespace] = [each for each in said["checks"] if each["name"] == "namespace in the log"]
    assert namespace["status"] == "problem"
    assert "SupportDesk/Assistant" in namespace["found"]


def test_metrics_delayed_the_log_tells_how_old_its_events_are(flowemf_command: Flowemf, guide_log: Path) -> None:
    """The guide says to wait; the doctor says whether waiting helps."""
    said = answer(flowemf_command, "doctor", "--json", "--log", guide_log)
    [timestamps] = [each for each in said["checks"] if each["name"] == "timestamps"]
    assert timestamps["status"] in ("ok", "note")


def test_high_costs_the_dimensions_and_the_merging_that_drive_them(flowemf_command: Flowemf, guide_log: Path) -> None:
    """The guide's three causes: dimensions, frequency, and what is kept in the log."""
    said = answer(flowemf_command, "cost", guide_log, "--format", "json")
    first, *others = said["dimensions"]
    assert all(first["saved_metrics"] >= each["saved_metrics"] for each in others)
    requests = said["log"]["requests"]
    assert requests["line_by_line"] > requests["each_minute"] > requests["at_once"] > 0
    assert said["log"]["merged_lines"]["size_bytes"] < said["log"]["lines"]["size_bytes"]
