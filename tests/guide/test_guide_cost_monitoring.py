"""The guide's section "Cost Monitoring": its two analytics queries, exactly as they are printed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emf_totals import documents_of
from guide_sections import ERROR_RATE_BY_FLOW, TOP_MODELS_BY_USAGE, USAGE_ANALYTICS_QUERIES

if TYPE_CHECKING:
    from command_process import Flowemf


def answers(flowemf: Flowemf, *arguments: Any) -> list[dict[str, Any]]:
    """Ask a question; give its rows."""
    finished = flowemf("query", *arguments, "--format", "json")
    assert finished.returncode == 0, finished.stderr.decode()
    rows: list[dict[str, Any]] = json.loads(finished.stdout)
    return rows


def tokens_by_model(log: Path) -> dict[str, int]:
    """Add up the tokens with plain json."""
    found: Counter[str] = Counter()
    for document in documents_of(log.read_text().splitlines()):
        if "TokensUsed" in document:
            found[document["ModelID"]] += document["TokensUsed"]
    return dict(found)


def outcomes_by_flow(log: Path) -> dict[str, tuple[int, int]]:
    """Count failed and completed flows with plain json."""
    ends = [each for each in documents_of(log.read_text().splitlines()) if each["event"] == "flow.end"]
    failed = Counter(each["FlowName"] for each in ends if each["Status"] == "Error")
    completed = Counter(each["FlowName"] for each in ends if each["Status"] == "Success")
    return {flow: (failed[flow], completed[flow]) for flow in {each["FlowName"] for each in ends}}


def test_top_models_by_usage_as_printed(flowemf_command: Flowemf, guide_log: Path) -> None:
    """Over the log itself: the models, the largest first."""
    rows = answers(flowemf_command, TOP_MODELS_BY_USAGE, guide_log)
    assert {row["ModelID"]: row["TotalTokens"] for row in rows} == tokens_by_model(guide_log)
    totals = [row["TotalTokens"] for row in rows]
    assert totals == sorted(totals, reverse=True)
    assert len(totals) > 2


def test_error_rate_by_flow_as_printed(flowemf_command: Flowemf, guide_log: Path) -> None:
    """Over the local store: a flow without errors has the rate 0, and what belongs to no flow is one group of NULLs."""
    assert flowemf_command("replay", guide_log, "--to", "local").returncode == 0
    rows = {row.pop("FlowName"): row for row in answers(flowemf_command, ERROR_RATE_BY_FLOW)}
    assert rows.pop(None) == {"Errors": None, "Success": None, "ErrorRate": None}
    counted = outcomes_by_flow(guide_log)
    assert {flow: (row["Errors"], row["Success"]) for flow, row in rows.items()} == counted
    for flow, (failed, completed) in counted.items():
        assert abs(rows[flow]["ErrorRate"] - 100 * failed / (failed + completed)) < 1e-9
    assert 0 in {row["ErrorRate"] for row in rows.values()}


def test_both_queries_as_one_block(flowemf_command: Flowemf, guide_log: Path) -> None:
    """Whoever pastes all of it gets two tables."""
    finished = flowemf_command("query", USAGE_ANALYTICS_QUERIES, guide_log)
    first, second = finished.stdout.decode().split("\n\n")
    assert first.startswith("ModelID ")
    assert second.startswith("FlowName ")
    assert len(second.splitlines()) == 3 + len(outcomes_by_flow(guide_log))


def test_costs_are_tracked_by_a_custom_dimension(flowemf_command: Flowemf, guide_log: Path) -> None:
    """The guide's CostCenter, here the demo's Environment: the sum of all estimates stands under its value."""
    documents = [each for each in documents_of(guide_log.read_text().splitlines()) if "EstimatedCost" in each]
    [row] = answers(flowemf_command, "cost", guide_log, "--by", "Environment")
    assert row["Dimension"] == "Demo"
    assert abs(row["Cost"] - sum(each["EstimatedCost"] for each in documents)) < 1e-9
