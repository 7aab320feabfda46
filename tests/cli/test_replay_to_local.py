"""Replays logs into the local store with the real command, and reads what it says to people and to programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from emf_totals import documents_of

from flowemf_schemas.ledger_rules import examine_ledger

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf


def test_the_summary_says_what_was_read_and_where_it_is_now(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Three lines on stderr and nothing on stdout; the file's name among them."""
    finished = flowemf_command("replay", demo_log, "--to", "local", "--database", "here.duckdb")
    assert (finished.returncode, finished.stdout) == (0, b"")
    read, destination, end = finished.stderr.decode().splitlines()
    assert "400 metric" in read
    assert destination.startswith("local (here.duckdb): ")
    assert destination.endswith(" accepted")
    assert end == "flowemf replay: done"


def test_the_store_answers_the_questions_of_the_guide(flowemf_command: Flowemf, demo_log: Path, tmp_path: Path) -> None:
    """The view METRICS gives the totals of the log, counted with plain json."""
    assert flowemf_command("replay", demo_log, "--to", "local").returncode == 0
    expected: dict[str, int] = {}
    for document in documents_of(demo_log.read_text().splitlines()):
        if "TokensUsed" in document:
            expected[document["ModelID"]] = expected.get(document["ModelID"], 0) + document["TokensUsed"]
    question = "SELECT ModelID, SUM(TokensUsed) FROM METRICS WHERE MetricName = 'TokensUsed' GROUP BY ModelID"
    with duckdb.connect(str(tmp_path / "flowemf.duckdb"), read_only=True) as connection:
        assert dict(connection.execute(question).fetchall()) == expected


def test_a_second_replay_stores_nothing_and_says_why(flowemf_command: Flowemf, demo_log: Path) -> None:
    """The store itself remembers what it holds."""
    first, second = (flowemf_command("replay", demo_log, "--to", "local", "--json") for _ in range(2))
    assert "nothing new: an earlier run has delivered" in second.stderr.decode()
    assert "--database" in second.stderr.decode()
    accounts = [json.loads(each.stdout)["destinations"][0]["datapoints"]["accepted"] for each in (first, second)]
    assert accounts[0] > 0
    assert accounts[1] == 0
    assert json.loads(second.stdout)["sources"][0]["already_accepted_bytes"] == demo_log.stat().st_size


def test_a_dry_run_stores_nothing(flowemf_command: Flowemf, demo_log: Path, tmp_path: Path) -> None:
    """There are no requests to print; the ledger counts as pending what would have been stored."""
    finished = flowemf_command("replay", demo_log, "--to", "local", "--dry-run", "--json")
    assert finished.returncode == 0
    ledger = json.loads(finished.stdout)
    assert examine_ledger(ledger) == []
    [account] = ledger["destinations"]
    assert account["datapoints"]["pending"] == account["datapoints"]["extracted"] > 0
    assert "would be stored (dry run)" in finished.stderr.decode()
    assert list(tmp_path.iterdir()) == []


def test_a_log_without_metrics_is_no_failure(flowemf_command: Flowemf) -> None:
    """Ordinary log is counted, and the last line says that there was nothing to deliver."""
    finished = flowemf_command("replay", "--to", "local", stdin=b"hello\nworld\n")
    assert finished.returncode == 0
    assert "2 other" in finished.stderr.decode()
    assert finished.stderr.decode().endswith("flowemf replay: done: there was no datapoint to deliver\n")
