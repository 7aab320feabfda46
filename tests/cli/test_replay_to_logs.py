"""Replays logs into log groups: moto's, and those of an account of our own that knows what moto lacks.

moto extracts nothing of EMF lines, and knows no log group classes: tests that need these use `account_server`.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from account_server import DENIED, AccountServer, Fault, Group, in_order
from emf_totals import SeriesKey, Weighted, values_of
from shape_wrappers import docker

from flowemf_schemas.ledger_rules import examine_ledger

if TYPE_CHECKING:
    from tests.cli.conftest import CloudWatch, Finished, Flowemf

pytestmark = pytest.mark.xdist_group("cloudwatch")

GROUP = "/chat/app"
DAY_MS = 24 * 3600 * 1000


def now_ms() -> int:
    return int(time.time() * 1000)


def line(timestamp_ms: int | None, value: float | list[float] = 1.0) -> str:
    """Write one metric line of two datapoints, which begins with a property in another spelling than ours."""
    directive = {"Namespace": "Shop", "Dimensions": [["Flow"], []], "Metrics": [{"Name": "Latency", "Unit": "Seconds"}]}
    metadata: dict[str, Any] = {"CloudWatchMetrics": [directive]}
    if timestamp_ms is not None:
        metadata["Timestamp"] = timestamp_ms
    return json.dumps({"note": "a\u00e4", "_aws": metadata, "Flow": "order", "Latency": value})


def ledger_of(finished: Finished) -> dict[str, Any]:
    """Give the one destination of a ledger that must balance."""
    ledger: dict[str, Any] = json.loads(finished.stdout)
    assert examine_ledger(ledger) == []
    [destination] = ledger["destinations"]
    return dict(destination)


def messages_in(cloudwatch: CloudWatch, stream: str = "flowemf") -> list[str]:
    """Read a stream of moto's back."""
    client = boto3.client("logs", endpoint_url=cloudwatch.endpoint_url, region_name="us-east-1")
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=GROUP, logStreamNames=[stream])
    return [event["message"] for page in pages for event in page["events"]]


def sent(cloudwatch: CloudWatch) -> dict[SeriesKey, dict[int, list[Weighted]]]:
    """Gather what PutMetricData requests brought."""
    found: dict[SeriesKey, dict[int, list[Weighted]]] = {}
    for request in cloudwatch.requests:
        for datum in request["MetricData"]:
            dimensions = frozenset((each["Name"], each["Value"]) for each in datum.get("Dimensions", ()))
            series = SeriesKey(request["Namespace"], datum["MetricName"], dimensions, datum["Unit"])
            values = zip(datum["Values"], datum["Counts"], strict=True)
            found.setdefault(series, {}).setdefault(datum["Timestamp"], []).extend(values)
    return in_order(found)


# --- Both roads


def test_both_roads_bring_the_same_numbers(flowemf_command: Flowemf, cloudwatch: CloudWatch, demo_log: Path) -> None:
    """What an independent reader of EMF extracts of the log events is, value by value, what PutMetricData was sent."""
    where = ("--endpoint-url", cloudwatch.endpoint_url, "--json")
    lines = flowemf_command("replay", demo_log, "--to", "logs", "--log-group", GROUP, "--create", *where)
    metrics = flowemf_command("replay", demo_log, "--to", "metrics", *where)
    assert (lines.returncode, metrics.returncode) == (0, 0), lines.stderr + metrics.stderr
    assert in_order(values_of(messages_in(cloudwatch))) == sent(cloudwatch)
    assert ledger_of(lines)["datapoints"] == ledger_of(metrics)["datapoints"]


def test_both_roads_agree_about_wrapped_lines_and_times(
    flowemf_command: Flowemf, account: AccountServer, tmp_path: Path
) -> None:
    """A line without a timestamp counts at the time that its wrapper states, by whatever road it goes."""
    account.groups[GROUP] = Group()
    log = tmp_path / "docker.log"
    bare = json.loads(docker(line(None, 3.5) + "\n"))
    hour_ago = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - 3600))
    texts = [docker(line(now_ms(), 2.5) + "\n"), json.dumps({**bare, "time": hour_ago}), line(now_ms(), [1, 2, 2])]
    log.write_text("\n".join(texts) + "\n")
    where = ("--endpoint-url", account.endpoint_url)
    for to in (("logs", "--log-group", GROUP), ("metrics",)):
        finished = flowemf_command("replay", log, "--to", *to, *where)
        assert finished.returncode == 0, finished.stderr
    assert in_order(account.extracted()) == in_order(account.sent)
    assert (
        sum(count for minutes in in_order(account.sent).values() for values in minutes.values() for _, count in values)
        == 10
    )


# --- One road


def test_lines_arrive_as_they_were_written(flowemf_command: Flowemf, cloudwatch: CloudWatch, demo_log: Path) -> None:
    """The metric lines and no others, unwrapped, byte by byte; a second run sends nothing."""
    command = ("replay", demo_log, "--to", "logs", "--log-group", GROUP, "--log-stream", "mine", "--create")
    assert flowemf_command(*command, "--endpoint-url", cloudwatch.endpoint_url).returncode == 0
    metric_lines = [each for each in demo_log.read_text().splitlines() if '"_aws"' in each]
    assert sorted(messages_in(cloudwatch, "mine")) == sorted(metric_lines)
    again = flowemf_command(*command, "--endpoint-url", cloudwatch.endpoint_url)
    assert b"nothing new: an earlier run has delivered" in again.stderr
    assert len(messages_in(cloudwatch, "mine")) == len(metric_lines)


def test_a_dry_run_asks_nobody(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """The requests on stdout, without a group, an endpoint or credentials; in ASCII, whatever the lines hold."""
    log = tmp_path / "app.log"
    log.write_text(line(now_ms() - 2 * DAY_MS) + "\n" + line(now_ms()).replace(r"\u00e4", "ä") + "\n", encoding="utf-8")
    planned = flowemf_command("replay", log, "--to", "logs", "--log-group", GROUP, "--log-stream", "ö", "--dry-run")
    assert planned.returncode == 0
    assert planned.stdout.isascii()
    requests = [json.loads(each) for each in planned.stdout.splitlines()]
    assert [len(request["logEvents"]) for request in requests] == [1, 1]  # more than 24 hours lie between them
    assert requests[1]["logEvents"][0]["message"] == log.read_text("utf-8").splitlines()[1]


def test_what_the_group_no_longer_keeps_is_refused(
    flowemf_command: Flowemf, account: AccountServer, tmp_path: Path
) -> None:
    """Older than two weeks is not even sent; older than the retention is what the service says; the rest arrives."""
    account.groups[GROUP] = Group(retention_days=3)
    log = tmp_path / "app.log"
    log.write_text("\n".join(line(now_ms() - days * DAY_MS) for days in (30, 5, 0)) + "\n")
    command = ("replay", log, "--to", "logs", "--log-group", GROUP, "--json", "--endpoint-url", account.endpoint_url)
    finished = flowemf_command(*command)
    assert finished.returncode == 4
    destination = ledger_of(finished)
    assert destination["reasons"] == {"too-old": 2, "expired": 2}
    assert (destination["datapoints"]["accepted"], len(account.messages)) == (2, 1)
    said = finished.stderr.decode()
    assert "two weeks, which PutLogEvents refuses" in said
    assert "its retention" in said


@pytest.mark.parametrize(
    ("group", "fault", "exit_code", "said"),
    [
        pytest.param(None, None, 2, "there is none of that name in us-east-1", id="no group"),
        pytest.param(Group("INFREQUENT_ACCESS"), None, 2, "INFREQUENT_ACCESS", id="a group that extracts nothing"),
        pytest.param(Group(), ("PutLogEvents", DENIED), 2, "logs:PutLogEvents", id="not allowed"),
        pytest.param(Group(), ("PutLogEvents", Fault(503)), 3, "http-503", id="a failing service"),
        pytest.param(Group(), ("CreateLogStream", Fault(503)), 3, "InternalFailure", id="no stream for now"),
        pytest.param(Group(), ("DescribeLogGroups", DENIED), 0, "its class could not be looked at", id="not shown"),
    ],
)
def test_a_group_that_cannot_be_used_is_said(
    flowemf_command: Flowemf,
    account: AccountServer,
    tmp_path: Path,
    group: Group | None,
    fault: tuple[str, Fault] | None,
    exit_code: int,
    said: str,
) -> None:
    """2 where something has to be mended, 3 where it may work later; the next run delivers what is owed."""
    if group is not None:
        account.groups[GROUP] = group
    if fault is not None:
        account.always[fault[0]] = fault[1]
    log = tmp_path / "app.log"
    log.write_text(line(now_ms()) + "\n")
    command = ("replay", log, "--to", "logs", "--log-group", GROUP, "--endpoint-url", account.endpoint_url)
    finished = flowemf_command(*command, "--retry-for", "0")
    assert finished.returncode == exit_code, finished.stderr
    assert said in finished.stderr.decode()
    account.always.clear()
    account.groups[GROUP] = account.groups.get(GROUP, Group())
    account.groups[GROUP].log_class = "STANDARD"
    assert flowemf_command(*command).returncode == 0
    assert set(account.messages) == set(log.read_text().splitlines())


def test_the_group_is_made_on_demand_only(flowemf_command: Flowemf, account: AccountServer, tmp_path: Path) -> None:
    """A misspelled name must not make a group; --create makes it, and does no harm where it is there."""
    log = tmp_path / "app.log"
    log.write_text(line(now_ms()) + "\n")
    command = ("replay", log, "--to", "logs", "--log-group", GROUP, "--endpoint-url", account.endpoint_url)
    refused = flowemf_command(*command)
    assert (refused.returncode, account.groups) == (2, {})
    assert b"--create" in refused.stderr
    for _ in range(2):
        assert flowemf_command(*command, "--create").returncode == 0
    assert len(account.messages) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--to", "logs"],
        ["--to", "auto"],
        ["--to", "logs", "--log-group", "not a group"],
        ["--to", "logs", "--log-group", "g", "--log-stream", "a:b"],
        ["--to", "logs", "--log-group", "g", "--relative-error", "0.01"],
        ["--to", "logs", "--log-group", "g", "--verify", "--dry-run"],
        ["--to", "logs", "--log-group", "g", "--verify-for", "3"],
        ["--to", "metrics", "--log-group", "g"],
        ["--to", "local", "--not-extracted"],
    ],
)
def test_options_that_would_be_ignored_are_refused(flowemf_command: Flowemf, arguments: list[str]) -> None:
    """Whoever wrote them expects something of them."""
    finished = flowemf_command("replay", *arguments, stdin=b"")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert b"Error: " in finished.stderr


# --- --verify


def verified(flowemf_command: Flowemf, account: AccountServer, log: Path) -> Finished:
    where = ("--endpoint-url", account.endpoint_url, "--verify", "--verify-for", "0.5")
    return flowemf_command("replay", log, "--to", "logs", "--log-group", GROUP, "--create", *where)


def test_verify_finds_what_was_extracted(flowemf_command: Flowemf, account: AccountServer, demo_log: Path) -> None:
    """Every series that was sent is looked for, and every sample of it is there."""
    finished = verified(flowemf_command, account, demo_log)
    assert finished.returncode == 0, finished.stderr
    said = finished.stderr.decode()
    assert "verify: CloudWatch shows every sample of" in said
    assert "EMFValidationErrors 0, EMFParsingErrors 0" in said
    [request] = account.asked("GetMetricData")[:1]
    assert len(request["MetricDataQueries"]) == min(100, len(account.extracted()))


def test_verify_says_that_nothing_came(flowemf_command: Flowemf, account: AccountServer, tmp_path: Path) -> None:
    """Nobody extracted anything: 3 where it may yet come, 4 where CloudWatch has counted errors."""
    account.extracts = False
    log = tmp_path / "app.log"
    log.write_text(line(now_ms() - 2 * DAY_MS) + "\n")
    finished = verified(flowemf_command, account, log)
    assert finished.returncode == 3
    assert b"does not show every sample of 2 of 2 series" in finished.stderr
    assert b"may take two days to appear" in finished.stderr
    account.emf_errors = {"EMFValidationErrors": 1}
    log.write_text(line(now_ms()) + "\n")
    broken = verified(flowemf_command, account, log)
    assert broken.returncode == 4
    assert b"EMFValidationErrors 1" in broken.stderr


def test_verify_that_cannot_look_is_no_success(
    flowemf_command: Flowemf, account: AccountServer, tmp_path: Path
) -> None:
    """The lines are delivered, but nobody knows what became of them."""
    account.always["GetMetricData"] = DENIED
    log = tmp_path / "app.log"
    log.write_text(line(now_ms()) + "\n")
    finished = verified(flowemf_command, account, log)
    assert finished.returncode == 3
    assert b"cloudwatch:GetMetricData" in finished.stderr
    assert len(account.messages) == 1


@pytest.mark.parametrize(("has_metrics", "code"), [(False, 0), (True, 3)])
def test_verify_looks_for_nothing_where_nothing_was_taken(
    flowemf_command: Flowemf, account: AccountServer, tmp_path: Path, has_metrics: bool, code: int
) -> None:
    """A log without metrics, and one whose lines the service did not take: CloudWatch is not asked."""
    account.groups[GROUP] = Group()
    account.always["PutLogEvents"] = Fault(503)
    log = tmp_path / "app.log"
    log.write_text(line(now_ms()) + "\n" if has_metrics else "no metrics\n")
    to = ("--to", "logs", "--log-group", GROUP, "--verify", "--verify-for", "1", "--retry-for", "0")
    finished = flowemf_command("replay", log, *to, "--endpoint-url", account.endpoint_url)
    assert finished.returncode == code, finished.stderr
    assert b"verify: nothing was sent by PutLogEvents" in finished.stderr
    assert account.asked("GetMetricData") == []
