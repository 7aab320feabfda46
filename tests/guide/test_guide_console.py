"""The guide's section "Viewing Metrics in AWS Console": its dashboard shows something, and ours is made of the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emf_totals import documents_of
from guide_sections import DASHBOARD

from flowemf_schemas import validator

if TYPE_CHECKING:
    from command_process import Flowemf
    from loopback_cloudwatch import CloudWatch


def published_keys(log: Path) -> set[tuple[str, tuple[str, ...]]]:
    """List each metric with the keys of each of its dimension sets."""
    return {
        (metric["Name"], tuple(sorted(keys)))
        for document in documents_of(log.read_text().splitlines())
        for directive in document["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
        for keys in directive["Dimensions"]
    }


def test_the_guides_dashboard_is_valid_and_names_sets_that_default_lines_publish(guide_log: Path) -> None:
    """FlowCompleted and FlowError by FlowName alone: a roll-up, without which it would stay empty."""
    body = json.loads(DASHBOARD)
    assert validator("dashboard-body").is_valid(body)
    first, second = body["widgets"][0]["properties"]["metrics"]
    assert second == [".", "FlowError", ".", "."]
    assert {(first[1], (first[2],)), (second[1], (first[2],))} <= published_keys(guide_log)


def test_ours_has_what_the_guides_shows_and_the_account_takes_it(
    flowemf_command: Flowemf, cloudwatch: CloudWatch, guide_log: Path
) -> None:
    """The same metrics under the same keys for each flow of the log, in the account after apply."""
    flowemf_command.variables.update(
        AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ENDPOINT_URL=cloudwatch.endpoint_url,
    )
    applied = flowemf_command("dashboard", "apply", guide_log)
    assert applied.returncode == 0, applied.stderr
    [entry] = cloudwatch.client().list_dashboards()["DashboardEntries"]
    stored = cloudwatch.client().get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"]
    body: dict[str, Any] = json.loads(stored)
    assert validator("dashboard-body").is_valid(body)
    rows = [row for widget in body["widgets"] for row in widget["properties"].get("metrics", [])]
    shown = {(row[1], row[2], row[3]) for row in rows if len(row) == 5}
    assert {("FlowCompleted", "FlowName", "chat"), ("FlowError", "FlowName", "chat")} <= shown
