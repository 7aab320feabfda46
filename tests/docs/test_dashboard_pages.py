"""The pages about dashboards, alarms and permissions: each command runs, and their tables are those of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_process import write_demo_log
from loopback_cloudwatch import CloudWatch
from page_reader import environment_in, typed

from flowemf_processor.core.insight.alarms import RULES
from flowemf_processor.core.insight.charts import MOST_GROUPS
from flowemf_processor.core.insight.policy import FURTHER, ROADS

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("dashboards.md", "alarms.md", "permissions.md")}
COMMANDS = [
    line.partition("  #")[0].rstrip()
    for page in PAGES.values()
    for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Give the command, a log and an account."""
    directory = tmp_path_factory.mktemp("pages")
    write_demo_log(directory / "app.log", events=100, seed=2)
    server = CloudWatch()
    yield environment_in(directory, AWS_ENDPOINT_URL=server.endpoint_url)
    server.stop()


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_runs(environment: dict[str, str], command: str) -> None:
    """As it is printed; the first diff finds that nothing is there yet."""
    finished = typed(command, environment)
    assert finished.returncode == (1 if " diff " in command else 0), finished.stderr.decode()


def test_the_table_of_alarms_is_that_of_the_code() -> None:
    """Each rule with its threshold."""
    rows = re.findall(r"^\| (`[a-z0-9`, -]+) \|.*\| ([\d,]+) \|$", PAGES["alarms.md"], re.MULTILINE)
    listed = {key: number for keys, number in rows for key in re.findall(r"`([a-z0-9-]+)`", keys)}
    assert listed == {rule.key: f"{rule.threshold:,.0f}" for rule in RULES}


def test_the_pages_know_every_choice_and_figure() -> None:
    """Roads, further uses, and how many flows a rate shows."""
    page = PAGES["permissions.md"]
    assert [word for word in ROADS if f"--road {word}" not in page] == []
    assert [word for word in FURTHER if f"--also {word}" not in page] == []
    assert f"{MOST_GROUPS} flows at the most" in PAGES["dashboards.md"]
