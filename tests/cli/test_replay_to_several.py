"""`--to stdout`, and several `--to` in one command: each destination has its own position, ledger and ending."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from account_server import AccountServer, Fault, Group, in_order
from emf_totals import values_of
from shape_corpus import DIRECTORY, corpus

from flowemf_schemas.ledger_rules import examine_ledger

if TYPE_CHECKING:
    from tests.cli.conftest import Finished, Flowemf

GROUP = "/chat/app"


@pytest.fixture
def account(account: AccountServer) -> AccountServer:
    """Give an account with a standard log group."""
    account.groups[GROUP] = Group()
    return account


def line(value: float) -> str:
    """Write one metric line of now."""
    directive = {"Namespace": "Shop", "Dimensions": [[]], "Metrics": [{"Name": "Latency"}]}
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": metadata, "Latency": value})


def metric_lines(log: Path) -> list[str]:
    return [each for each in log.read_text().splitlines() if '"_aws"' in each]


def ledgers(finished: Finished) -> dict[str, dict[str, Any]]:
    """Give the ledgers, one a line, by the name of their destination; each must balance."""
    found = [json.loads(each) for each in finished.stdout.splitlines()]
    assert [examine_ledger(each) for each in found] == [[]] * len(found)
    return {each["destinations"][0]["name"]: each for each in found}


def stored(database: Path) -> int:
    """Count the values in a local store."""
    with duckdb.connect(str(database), read_only=True) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM METRICS").fetchall()
    return int(count)


# --- --to stdout


def test_stdout_gets_the_metric_lines_and_nothing_else(flowemf_command: Flowemf, demo_log: Path) -> None:
    """As they were written, in their order; what is said goes to stderr."""
    finished = flowemf_command("replay", demo_log, "--to", "stdout")
    assert finished.returncode == 0
    assert finished.stdout.decode().splitlines() == metric_lines(demo_log)
    assert b"stdout: " in finished.stderr


def test_stdout_gets_nothing_of_a_log_without_metrics(flowemf_command: Flowemf) -> None:
    """Not even an empty line, for which the next program would look in vain."""
    finished = flowemf_command("replay", "--to", "stdout", stdin=b"started\nstopped\n")
    assert (finished.returncode, finished.stdout) == (0, b"")


def test_stdout_has_every_shape_as_plain_lines(flowemf_command: Flowemf) -> None:
    """The filter is a normaliser: what comes out is read again as the same records, without any wrapper."""
    [shape] = [each for each in corpus() if each.name == "mixed.log"]
    freed = flowemf_command("replay", DIRECTORY / shape.name, "--to", "stdout")
    assert freed.returncode == 0
    lines = freed.stdout.splitlines()
    assert len(lines) == shape.records["metric"]
    assert all("_aws" in json.loads(each) or "CloudWatchMetrics" in json.loads(each) for each in lines)
    checked = flowemf_command("check", "--json", "--format", "raw", stdin=freed.stdout)
    assert b"timestamp-missing" not in checked.stdout
    again = flowemf_command("replay", "--to", "stdout", stdin=freed.stdout)
    assert again.stdout == freed.stdout


def test_a_reader_that_has_seen_enough_ends_it(flowemf_command: Flowemf, demo_log: Path) -> None:
    """`| head -1` is no fault."""
    running = flowemf_command.start(
        "replay", demo_log, "--to", "stdout", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout is not None
    running.stdout.readline()
    running.stdout.close()
    running.communicate(timeout=60)
    assert running.returncode in (0, 141)  # 0 where all of it fitted into the pipe


@pytest.mark.parametrize("also", [["--json"], ["--dry-run"]])
def test_what_would_spoil_standard_output_is_refused(flowemf_command: Flowemf, also: list[str]) -> None:
    """Its lines are for the next program."""
    assert flowemf_command("replay", "--to", "stdout", *also, stdin=b"").returncode == 2


# --- Several


def test_each_destination_gets_everything_and_gives_its_ledger(
    flowemf_command: Flowemf, account: AccountServer, demo_log: Path, tmp_path: Path
) -> None:
    """One ledger a line; a log that has grown gives each only what is new."""
    log = tmp_path / "app.log"
    log.write_bytes(demo_log.read_bytes())
    to = ("--to", "local", "--to", "logs", "--log-group", GROUP, "--to", "prometheus", "--prometheus-file", "m.prom")
    command = ("replay", log, *to, "--endpoint-url", account.endpoint_url, "--json")
    finished = flowemf_command(*command)
    assert finished.returncode == 0, finished.stderr
    found = ledgers(finished)
    assert list(found) == ["local", "logs", "prometheus"]
    assert {each["records"]["metric"] for each in found.values()} == {400}
    assert sorted(account.messages) == sorted(metric_lines(log))
    assert (tmp_path / "m.prom").stat().st_size
    assert stored(tmp_path / "flowemf.duckdb") > 400
    with log.open("a") as file:
        file.write(line(7) + "\n")
    grown = ledgers(flowemf_command(*command))
    assert {each["records"]["metric"] for each in grown.values()} == {1}


def test_a_log_piped_in_reaches_each_destination(
    flowemf_command: Flowemf, account: AccountServer, demo_log: Path, tmp_path: Path
) -> None:
    """Standard input is read once and spooled; it may be compressed, and each destination knows it by its name."""
    to = ("--to", "metrics", "--to", "local", "--source-id", "chat")
    command = ("replay", "-", *to, "--endpoint-url", account.endpoint_url, "--json")
    piped = gzip.compress(demo_log.read_bytes())
    finished = flowemf_command(*command, stdin=piped)
    assert finished.returncode == 0, finished.stderr
    assert {each["records"]["metric"] for each in ledgers(finished).values()} == {400}
    assert in_order(account.sent) == in_order(values_of(metric_lines(demo_log)))
    again = flowemf_command(*command, stdin=piped)
    assert {each["records"]["metric"] for each in ledgers(again).values()} == {0}


def test_one_that_fails_holds_up_no_other(flowemf_command: Flowemf, account: AccountServer, tmp_path: Path) -> None:
    """The gravest ending is the exit code; the next run gives each only what it is owed."""
    log = tmp_path / "app.log"
    log.write_text(line(3) + "\n")
    account.always["PutMetricData"] = Fault(503)
    to = ("--to", "metrics", "--to", "stdout", "--to", "local")
    command = ("replay", log, *to, "--endpoint-url", account.endpoint_url)
    finished = flowemf_command(*command, "--retry-for", "0")
    assert finished.returncode == 3
    said = finished.stderr.decode()
    assert "flowemf replay: metrics: not everything was delivered" in said
    assert "flowemf replay: local: done" in said
    assert (finished.stdout, stored(tmp_path / "flowemf.duckdb")) == (log.read_bytes(), 1)
    account.always.clear()
    assert flowemf_command(*command).returncode == 0
    assert (len(account.sent), stored(tmp_path / "flowemf.duckdb")) == (1, 1)


def test_a_wrong_configuration_comes_before_a_failing_network(
    flowemf_command: Flowemf, account: AccountServer, tmp_path: Path
) -> None:
    """2 before 3; the pipe has its lines nevertheless."""
    log = tmp_path / "app.log"
    log.write_text(line(3) + "\n")
    account.always["PutMetricData"] = Fault(503)
    to = ("--to", "metrics", "--to", "local", "--database", "app.log", "--to", "stdout", "--retry-for", "0")
    finished = flowemf_command("replay", log, *to, "--endpoint-url", account.endpoint_url)
    assert finished.returncode == 2
    assert b"flowemf: local: app.log: cannot be used as a store" in finished.stderr
    assert finished.stdout == log.read_bytes()


def test_rejected_lines_are_kept_once(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Two destinations, one file of rejects."""
    log = tmp_path / "app.log"
    log.write_text(line(3) + "\n" + line(3).replace('"Shop"', '""') + "\n")
    finished = flowemf_command("replay", log, "--to", "local", "--to", "stdout", "--rejects", "bad.jsonl")
    assert finished.returncode == 0
    assert len((tmp_path / "bad.jsonl").read_text().splitlines()) == 1


def test_followed_logs_reach_each_destination(flowemf_command: Flowemf, account: AccountServer, tmp_path: Path) -> None:
    """Each follows by itself: one that is away holds up no other, and SIGTERM ends them all in order."""
    log = tmp_path / "app.log"
    log.write_text(line(1) + "\n")
    account.always["PutLogEvents"] = Fault(503)
    to = ("--to", "local", "--to", "logs", "--log-group", GROUP)
    how = ("--follow", "--flush-interval", "0.2", "--poll-interval", "0.1", "--endpoint-url", account.endpoint_url)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = flowemf_command.start("replay", log, *to, "--to", "stdout", *how, **pipes)
    try:
        assert running.stdout is not None
        first = running.stdout.readline()
        with log.open("a") as file:
            file.write(line(2) + "\n")
        both = first + running.stdout.readline()
        _until(lambda: len(account.asked("PutLogEvents")) >= 2)
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 3, said
    assert stored(tmp_path / "flowemf.duckdb") == 2
    account.always.clear()
    finished = flowemf_command("replay", log, *to, "--endpoint-url", account.endpoint_url)
    assert finished.returncode == 0, finished.stderr
    assert stored(tmp_path / "flowemf.duckdb") == 2
    assert both == log.read_bytes()
    assert set(account.messages) == set(log.read_text().splitlines())


def test_a_reader_that_goes_away_ends_all_that_follow(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """One destination cannot go on, so none does; the others end in order, with their account."""
    log = tmp_path / "app.log"
    log.write_text(line(1) + "\n")
    how = ("--to", "local", "--to", "stdout", "--follow", "--flush-interval", "0.1", "--poll-interval", "0.1")
    with (tmp_path / "stderr.txt").open("wb") as errors:
        running = flowemf_command.start("replay", log, *how, stdout=subprocess.PIPE, stderr=errors)
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == log.read_bytes()
        running.stdout.close()
        with log.open("a") as file:
            file.write(line(2) + "\n")
        assert running.wait(timeout=60) == 141
    finally:
        running.kill()
        running.wait()
    assert "flowemf replay: local: done" in (tmp_path / "stderr.txt").read_text()


def test_a_rehearsal_of_nothing_says_so(flowemf_command: Flowemf) -> None:
    """No datapoint would be stored, and no file is made."""
    finished = flowemf_command("replay", "--to", "local", "--dry-run", "--json", stdin=b"no metrics\n")
    assert finished.returncode == 0
    [account] = json.loads(finished.stdout)["destinations"]
    assert set(account["datapoints"].values()) == {0}
    assert account["reasons"] == {}
    assert list(flowemf_command.directory.iterdir()) == []


@pytest.mark.parametrize("other", ["logs", "auto"])
def test_two_roads_to_the_same_metrics_are_refused(flowemf_command: Flowemf, other: str) -> None:
    """CloudWatch would count everything twice."""
    finished = flowemf_command("replay", "--to", "metrics", "--to", other, "--log-group", GROUP, stdin=b"")
    assert finished.returncode == 2
    assert b"would count them 2 times" in finished.stderr


def test_standard_input_cannot_be_followed_by_several(flowemf_command: Flowemf) -> None:
    """It never ends, so there is no place to keep it for each."""
    finished = flowemf_command("replay", "-", "--follow", "--to", "local", "--to", "stdout", stdin=b"")
    assert finished.returncode == 2
    assert b"--follow can give standard input to one --to only" in finished.stderr


def _until(is_so: Any) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
