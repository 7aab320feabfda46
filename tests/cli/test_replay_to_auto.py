"""`--to auto` before accounts of every kind, and lines that CloudWatch has extracted already.

The accounts are stubs of our own (`account_server`): moto knows no log group classes, no retention when events are put,
and no faults.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from account_server import DENIED, AccountServer, Fault, Group, in_order
from emf_totals import values_of
from shape_corpus import DIRECTORY

from flowemf_schemas.ledger_rules import examine_ledger

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

GROUP = "/chat/app"
DAY_MS = 24 * 3600 * 1000


def line(age_days: int, value: float, **also: Any) -> str:
    """Write one metric line of two datapoints."""
    moment = int(time.time() * 1000) - age_days * DAY_MS
    directive = {"Namespace": "Shop", "Dimensions": [["Flow"], []], "Metrics": [{"Name": "Latency"}]}
    return json.dumps(
        {"_aws": {"Timestamp": moment, "CloudWatchMetrics": [directive]}, "Flow": "order", "Latency": value, **also}
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give a log of two days, a week apart."""
    path = tmp_path / "app.log"
    path.write_text("".join(f"{line(age, value)}\n" for age in (7, 0) for value in (1.5, 2.5)))
    return path


def having(group: Group | None, **always: Fault) -> Callable[[AccountServer], None]:
    """Say what an account has, and what it answers."""

    def prepare(account: AccountServer) -> None:
        if group is not None:
            account.groups[GROUP] = group
        account.always.update(always)

    return prepare


@pytest.mark.parametrize(
    ("prepare", "options", "roads", "said"),
    [
        pytest.param(having(Group()), [], {"PutLogEvents": 8}, "of the class STANDARD", id="a standard group"),
        pytest.param(
            having(Group(retention_days=3)), [], {"PutLogEvents": 4, "PutMetricData": 4}, "3 days", id="expired"
        ),
        pytest.param(
            having(Group("INFREQUENT_ACCESS")), [], {"PutMetricData": 8}, "INFREQUENT_ACCESS", id="infrequent"
        ),
        pytest.param(having(None), [], {"PutMetricData": 8}, "there is no log group", id="missing"),
        pytest.param(having(None), ["--create"], {"PutLogEvents": 8}, "of the class STANDARD", id="made"),
        pytest.param(
            having(None, CreateLogGroup=DENIED), ["--create"], {"PutMetricData": 8}, "logs:CreateLogGroup", id="unmade"
        ),
        pytest.param(
            having(Group(), DescribeLogGroups=DENIED), [], {"PutMetricData": 8}, "logs:DescribeLogGroups", id="unseen"
        ),
        pytest.param(having(Group(), PutLogEvents=DENIED), [], {"PutMetricData": 8}, "access-denied", id="forbidden"),
        pytest.param(
            having(Group(), DescribeLogGroups=Fault(503)), [], {"PutMetricData": 8}, "cannot be reached", id="away"
        ),
    ],
)
def test_every_number_arrives_by_the_road_that_works(
    flowemf_command: Flowemf,
    account: AccountServer,
    log: Path,
    prepare: Callable[[AccountServer], None],
    options: list[str],
    roads: dict[str, int],
    said: str,
) -> None:
    """By extraction or by PutMetricData, each once; the facts are printed, and the ledger says what went where."""
    prepare(account)
    command = ("replay", log, "--to", "auto", "--log-group", GROUP, "--endpoint-url", account.endpoint_url, "--json")
    finished = flowemf_command(*command, *options)
    assert finished.returncode == 0, finished.stderr
    assert account.shown() == in_order(values_of(log.read_text().splitlines()))
    ledger = json.loads(finished.stdout)
    assert examine_ledger(ledger) == []
    assert ledger["destinations"][0]["roads"] == roads
    assert said in finished.stderr.decode()
    again = flowemf_command(*command, *options)
    assert b"nothing new" in again.stderr
    assert account.shown() == in_order(values_of(log.read_text().splitlines()))


def test_a_request_without_an_answer_waits_for_the_next_run(
    flowemf_command: Flowemf, account: AccountServer, log: Path
) -> None:
    """Nobody knows whether it was taken: it goes neither way, until its own road answers."""
    account.groups[GROUP] = Group()
    account.always["PutLogEvents"] = Fault(503)
    command = ("replay", log, "--to", "auto", "--log-group", GROUP, "--endpoint-url", account.endpoint_url, "--json")
    finished = flowemf_command(*command, "--retry-for", "0")
    assert finished.returncode == 3
    assert account.asked("PutMetricData") == []
    account.always.clear()
    resumed = flowemf_command(*command)
    assert resumed.returncode == 0
    assert account.shown() == in_order(values_of(log.read_text().splitlines()))


def test_the_facts_need_a_group(flowemf_command: Flowemf, log: Path) -> None:
    """Files may be extracted of any group, so one has to be named; a dry run cannot ask."""
    assert b"--to auto needs --log-group" in flowemf_command("replay", log, "--to", "auto").stderr
    rehearsed = flowemf_command("replay", log, "--to", "auto", "--log-group", GROUP, "--dry-run")
    assert (rehearsed.returncode, rehearsed.stdout) == (2, b"")


def test_what_is_followed_takes_both_roads_too(flowemf_command: Flowemf, account: AccountServer, log: Path) -> None:
    """Expired lines go as metrics while others are extracted; SIGTERM ends it, and the next run sends nothing more."""
    account.groups[GROUP] = Group(retention_days=3)
    command = ("replay", log, "--to", "auto", "--log-group", GROUP, "--endpoint-url", account.endpoint_url)
    how = ("--follow", "--flush-interval", "0.2", "--poll-interval", "0.1")
    running = flowemf_command.start(*command, *how, stderr=subprocess.PIPE)
    expected = in_order(values_of(log.read_text().splitlines()))
    try:
        deadline = time.monotonic() + 60
        while account.shown() != expected and time.monotonic() < deadline:
            time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 0, said
    assert flowemf_command(*command).returncode == 0
    assert account.shown() == expected


# --- Lines that were extracted already


@pytest.mark.parametrize("to", [("metrics",), ("logs", "--log-group", GROUP), ("auto", "--log-group", GROUP)])
@pytest.mark.parametrize("shape", ["filter-log-events.json", "subscription.json", "s3-export.log"])
def test_what_cloudwatch_has_extracted_is_not_sent_again(
    flowemf_command: Flowemf, account: AccountServer, to: tuple[str, ...], shape: str
) -> None:
    """Lines out of a standard group end the run with 2 before anything is sent, and the place is named."""
    account.groups[GROUP] = Group()
    path = DIRECTORY / shape
    command = ("replay", path, "--to", *to, "--endpoint-url", account.endpoint_url)
    finished = flowemf_command(*command)
    assert finished.returncode == 2, finished.stderr
    said = finished.stderr.decode()
    assert f"{path.name}:" in said
    assert "count them twice" in said
    assert "--not-extracted" in said
    assert account.asked("PutMetricData") == account.asked("PutLogEvents") == []
    assert flowemf_command(*command, "--not-extracted").returncode in (0, 4)  # the corpus is older than two weeks


def test_a_dry_run_stops_there_too(flowemf_command: Flowemf) -> None:
    """It does everything but the last step."""
    path = DIRECTORY / "filter-log-events.json"
    finished = flowemf_command("replay", path, "--to", "metrics", "--dry-run")
    assert finished.returncode == 2
    assert flowemf_command("replay", path, "--to", "local").returncode == 0  # nobody counts twice there


def test_what_was_sent_before_the_first_such_line_is_accounted_for(
    flowemf_command: Flowemf, account: AccountServer, log: Path, tmp_path: Path
) -> None:
    """The ledger has the lines before it as not sent yet; nothing of them is remembered as delivered."""
    command = ("replay", log, DIRECTORY / "filter-log-events.json", "--to", "metrics", "--json")
    finished = flowemf_command(*command, "--endpoint-url", account.endpoint_url)
    assert finished.returncode == 2
    ledger = json.loads(finished.stdout)
    assert examine_ledger(ledger) == []
    assert ledger["destinations"][0]["datapoints"]["pending"] == 8
    only = flowemf_command("replay", log, "--to", "metrics", "--endpoint-url", account.endpoint_url)
    assert only.returncode == 0
    assert account.shown() == in_order(values_of(log.read_text().splitlines()))
