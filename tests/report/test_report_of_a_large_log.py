"""Makes the report of a log with 100,000 events, opens it, and compares it with `flowemf query` over the same store."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.report.conftest import Show

pytestmark = [pytest.mark.requires_system("chromium"), pytest.mark.xdist_group("chromium")]

EVENTS = 100_000
# What pages of that size may take, https://docs.aws.amazon.com/ses/latest/dg/quotas.html: they can be sent by mail.
MOST_BYTES = 4_000_000
FLOWS = """
SELECT FlowName, sum(FlowError) AS failed, 100 * sum(FlowCompleted) / (sum(FlowCompleted) + sum(FlowError)) AS success,
       quantile_cont(Value, 0.5) FILTER (WHERE MetricName = 'FlowDuration') AS p50,
       quantile_cont(Value, 0.99) FILTER (WHERE MetricName = 'FlowDuration') AS p99
FROM METRICS WHERE FlowName IS NOT NULL GROUP BY FlowName
"""
MODELS = """
SELECT ModelID, sum(TokensUsed) AS tokens, sum(EstimatedCost) AS cost,
       quantile_cont(Value, 0.95) FILTER (WHERE MetricName = 'GenerationDuration') AS p95
FROM METRICS WHERE ModelID IS NOT NULL GROUP BY ModelID
"""
TOTALS = """
SELECT count(*) FILTER (WHERE MetricName = 'FlowDuration') AS ended, sum(TokensUsed) AS tokens,
       quantile_cont(Value, 0.95) FILTER (WHERE MetricName = 'FlowDuration') AS p95 FROM METRICS
"""
ERRORS = "SELECT ErrorType, sum(FlowError) AS n FROM METRICS WHERE MetricName = 'FlowError' GROUP BY ErrorType"


def flowemf(directory: Path, *arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-m", "flowemf_processor", *arguments],
        cwd=directory,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=150,
        check=True,
    )
    return finished.stdout.decode()


def answers(directory: Path, sql: str) -> list[dict[str, str]]:
    """Ask `flowemf query`, whose CSV is exact."""
    text = flowemf(directory, "query", sql, "--database", "big.duckdb", "--format", "csv")
    return list(csv.DictReader(text.splitlines()))


def test_the_report_of_100_000_events_is_small_quick_and_says_what_queries_say(show: Show, tmp_path: Path) -> None:
    """The page opens without a complaint, within a mail's size, and its numbers are those of `flowemf query`."""
    with (tmp_path / "big.log").open("wb") as log:
        demo = [sys.executable, "-m", "flowemf.demo", "--events", str(EVENTS), "--seed", "5"]
        subprocess.run(demo, stdout=log, check=True)
    flowemf(tmp_path, "replay", "big.log", "--to", "local", "--database", "big.duckdb")
    flowemf(tmp_path, "report", "--database", "big.duckdb", "-o", "big.html")
    assert (tmp_path / "big.html").stat().st_size < MOST_BYTES

    began = monotonic()
    opened = show(tmp_path / "big.html")
    assert monotonic() - began < 15

    [totals] = answers(tmp_path, TOTALS)
    assert opened.headline("Flows ended") == float(totals["ended"]) > EVENTS / 4
    assert opened.headline("Tokens") == float(totals["tokens"])
    assert opened.headline("Duration, p95") == pytest.approx(float(totals["p95"]))
    flows = opened.table("#flows .one-by-one")
    for row in answers(tmp_path, FLOWS):
        shown = flows.pop(row["FlowName"])
        assert shown["Failed"] == float(row["failed"])
        for heading, column in (("Success", "success"), ("p50", "p50"), ("p99", "p99")):
            assert shown[heading] == pytest.approx(float(row[column]))
    models = opened.table("#generations .one-by-one")
    for row in answers(tmp_path, MODELS):
        shown = models.pop(row["ModelID"])
        assert shown["All tokens"] == float(row["tokens"])
        assert (shown["Cost"], shown["p95"]) == (pytest.approx(float(row["cost"])), pytest.approx(float(row["p95"])))
    assert (flows, models) == ({}, {})
    by_period = opened.table("#panel-errors").values()
    for row in answers(tmp_path, ERRORS):
        assert sum(float(each[row["ErrorType"]] or 0) for each in by_period) == float(row["n"])
