"""The guide: its application runs, and after it each command, in their order, against a CloudWatch on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_cloudwatch import CloudWatch
from page_reader import environment_in, typed

from flowemf_schemas import names

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Give what a reader of the guide has: the application, the command, and an account."""
    directory = tmp_path_factory.mktemp("guide-page")
    [application] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (directory / "app.py").write_text(application)
    server = CloudWatch()
    yield environment_in(directory, AWS_ENDPOINT_URL=server.endpoint_url)
    server.stop()


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_does_what_it_says(environment: dict[str, str], command: str) -> None:
    """Exit code 0, in a directory with the application and its log; what the guide's words promise is there."""
    if not Path(environment["PWD"], "app.log").exists():
        typed("python3 app.py > app.log", environment, check=True)
    finished = typed(command, environment)
    assert finished.returncode == 0, finished.stdout.decode() + finished.stderr.decode()
    if command == "flowemf query error-rate app.log":
        assert finished.stdout.decode().splitlines()[2].split() == ["chatFlow", "1", "19", "5"]
    if command == "flowemf query cost app.log":
        assert finished.stdout.decode().splitlines()[2].split()[0] == "AI-Research"


def test_every_metric_of_ours_is_in_the_table() -> None:
    """Whoever adds a metric explains it."""
    table = PAGE.partition("## What is measured")[2].partition("## ")[0]
    assert [metric for metric in (*names.FLOW_METRICS, *names.GENERATION_METRICS) if metric not in table] == []
    assert [kind for kind in names.ERROR_TYPES if kind not in table] == []


def test_the_guide_leads_to_every_page_for_users() -> None:
    """Who reads one page finds the others."""
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)\)", PAGE))
    assert {"queries.md", "report.md", "dashboards.md", "alarms.md", "cost.md", "troubleshooting.md"} <= linked
