"""Runs what docs/roads.md says: each command, against an account on loopback, and its tables against the code.

The account is a stub of our own, since moto extracts no metrics.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from account_server import AccountServer, Group, in_order
from emf_totals import values_of
from shape_wrappers import docker

from flowemf_processor.cli.replay.destinations import DESTINATIONS
from flowemf_processor.cli.replay.log_group import DEFAULT_STREAM, VERIFY_SECONDS
from flowemf_processor.core.roads import MOST_SERIES

PAGE = (Path(__file__).parents[2] / "docs" / "roads.md").read_text(encoding="utf-8")
COMMAND = f"{shlex.quote(sys.executable)} -m flowemf_processor"
LINES = [each for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for each in block.splitlines()]


def metric_line(value: float) -> str:
    directive = {"Namespace": "Shop", "Dimensions": [[]], "Metrics": [{"Name": "Latency"}]}
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": metadata, "Latency": value})


@pytest.fixture
def account(account: AccountServer) -> AccountServer:
    """Give an account with the page's log group."""
    account.groups["/chat/app"] = Group()
    return account


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give the page's logs."""
    texts = [metric_line(1.5), metric_line(2.5)]
    moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    (tmp_path / "app.log").write_text("\n".join([*texts, "an ordinary line"]) + "\n")
    (tmp_path / "docker.log").write_text("".join(docker(text + "\n") + "\n" for text in texts))
    (tmp_path / "exported.log").write_text("".join(f"{moment} {text}\n" for text in texts))
    return tmp_path


def run(command: str, directory: Path, account: AccountServer) -> subprocess.CompletedProcess[bytes]:
    """Run a command of the page as it is printed."""
    environment = {**os.environ, "XDG_STATE_HOME": str(directory / "state"), "AWS_ENDPOINT_URL": account.endpoint_url}
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; flowemf() {{ {COMMAND} "$@"; }}; {command}'],
        cwd=directory,
        env=environment,
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", LINES)
def test_each_command_brings_both_values(command: str, directory: Path, account: AccountServer) -> None:
    """Each works as printed: both values arrive, once, wherever it is said that they do."""
    finished = run(command, directory, account)
    assert finished.returncode == 0, finished.stderr.decode()
    if any(f"--to {each}" in command for each in ("logs", "metrics", "auto")):
        assert account.shown() == in_order(values_of((directory / "app.log").read_text().splitlines()[:2]))
    if "--verify" in command:
        assert b"verify: CloudWatch shows every sample of" in finished.stderr
    if command.endswith("--to stdout"):
        assert [json.loads(each)["Latency"] for each in finished.stdout.splitlines()] == [1.5, 2.5]


def test_without_its_flag_the_exported_log_is_refused(directory: Path, account: AccountServer) -> None:
    """The page says 2, and that the line is named."""
    (command,) = [each for each in LINES if "--not-extracted" in each]
    finished = run(command.replace(" --not-extracted", ""), directory, account)
    assert finished.returncode == 2
    assert b"exported.log:1: comes out of a CloudWatch log group" in finished.stderr


def test_the_page_knows_every_destination_and_its_figures() -> None:
    """Whoever adds a destination adds its row; defaults stand here as they stand in the code."""
    listed = re.findall(r"^\| `(\w+)` \|", PAGE.partition("## ")[0], re.MULTILINE)
    assert sorted(listed) == sorted(DESTINATIONS)
    assert f"`{DEFAULT_STREAM}`" in PAGE
    assert f"up to {VERIFY_SECONDS:g} seconds" in PAGE
    assert f"first\n  {MOST_SERIES} series" in PAGE
