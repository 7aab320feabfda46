"""The guide's section "Advanced Configuration": set-up by environment, and one model under several aliases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowemf_schemas.rules import examine

if TYPE_CHECKING:
    from command_process import Flowemf

EXAMPLE = Path(__file__).parents[2] / "examples" / "environments.py"
BUILD = {"GIT_COMMIT": "4f2c1d0a99b8877665544332211aabbccddeeff0", "BUILD_TIME": "2026-01-31T12:00:00Z"}


def run(*arguments: str, **variables: str) -> list[dict[str, Any]]:
    """Run the example as a process and read what it writes."""
    environment = {**os.environ, **variables}
    finished = subprocess.run(
        [sys.executable, EXAMPLE, *arguments], env=environment, capture_output=True, check=True, timeout=60
    )
    assert finished.stderr == b""
    documents: list[dict[str, Any]] = [json.loads(line) for line in finished.stdout.splitlines()]
    assert [examine(document) for document in documents] == [[] for _ in documents]
    return documents


def namespaces(documents: list[dict[str, Any]]) -> set[str]:
    """Give the namespaces of lines."""
    return {directive["Namespace"] for each in documents for directive in each["_aws"]["CloudWatchMetrics"]}


def test_each_environment_has_its_namespace_and_dimensions() -> None:
    """The guide's createMonitoringConfig: environment, commit and build time on every line."""
    documents = run(**BUILD)
    assert namespaces(documents) == {"MyApp-Development/GenKit"}
    for each in documents:
        assert (each["Environment"], each["GitCommit"], each["BuildTime"]) == ("development", *BUILD.values())
        assert "AlertingEnabled" not in each
    assert len(documents) == 15


def test_what_is_not_set_is_no_dimension() -> None:
    """An empty value would cost every dimension of the line."""
    assert all("GitCommit" not in each and "BuildTime" not in each for each in run())


def test_production_is_marked_and_merged() -> None:
    """MetricBufferSize 50: the same numbers in a third of the lines."""
    documents = run("production")
    assert namespaces(documents) == {"MyApp-Production/GenKit"}
    assert {each["AlertingEnabled"] for each in documents} == {"true"}
    assert len(documents) < 15
    assert sum(sum(each.get("GenerationCount", [])) for each in documents) == 9


@pytest.mark.parametrize("environment", ["development", "production"])
def test_each_alias_of_the_model_has_metrics_of_its_own(
    flowemf_command: Flowemf, tmp_path: Path, environment: str
) -> None:
    """By ModelID, as asked of the log; the limits of each alias show in its tokens."""
    (tmp_path / "app.log").write_text("".join(json.dumps(each) + "\n" for each in run(environment)))
    asked = "SELECT ModelID, SUM(OutputTokens) AS Tokens FROM METRICS WHERE ModelID IS NOT NULL GROUP BY 1 ORDER BY 1"
    finished = flowemf_command("query", asked, tmp_path / "app.log", "--format", "json")
    tokens = {row["ModelID"]: row["Tokens"] for row in json.loads(finished.stdout)}
    assert tokens == {"claude-sonnet-balanced": 450, "claude-sonnet-creative": 450, "claude-sonnet-fast": 300}


def test_what_an_environment_costs_is_told(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """As the example's own words say."""
    (tmp_path / "production.log").write_text("".join(json.dumps(each) + "\n" for each in run("production", **BUILD)))
    finished = flowemf_command("cost", tmp_path / "production.log", "--span", "1h", "--format", "json")
    keys = {each["key"] for each in json.loads(finished.stdout)["dimensions"]}
    assert {"GitCommit", "BuildTime", "AlertingEnabled", "ModelID"} <= keys
