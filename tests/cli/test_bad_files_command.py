"""Points every command at a directory of bad files: clear findings, balanced ledgers, nothing good lost."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from bad_files import BadFile, write_bad_files

from flowemf_schemas.ledger_rules import examine_ledger
from flowemf_schemas.request_rules import examine_metric_request

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, BadFile]:
    """Write the bad files, as of now, into `bad/`."""
    (tmp_path / "bad").mkdir()
    return write_bad_files(tmp_path / "bad", int(time.time() * 1000))


def sums_of(files: dict[str, BadFile]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in files.values():
        total.update(each.sums)
    return total


def test_check_finds_in_each_file_what_is_wrong_with_it(flowemf_command: Flowemf, expected: dict[str, BadFile]) -> None:
    """Each finding names its file, line and reason, and says something."""
    finished = flowemf_command("check", "bad", "--json")
    assert finished.returncode == 1
    assert b"Traceback" not in finished.stderr
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for line in finished.stdout.splitlines():
        finding = json.loads(line)
        found[Path(finding["source"]).name].append((finding["line"], finding["reason"]))
        assert finding["message"]
        assert finding["hint"]
    assert {name: tuple(places) for name, places in found.items()} == {
        name: each.findings for name, each in expected.items() if each.findings
    }


def test_check_shows_bad_files_in_plain_words(flowemf_command: Flowemf, expected: dict[str, BadFile]) -> None:
    """Two printable lines a finding, of bounded length."""
    finished = flowemf_command("check", "bad")
    lines = finished.stdout.decode().splitlines()
    assert len(lines) == 2 * sum(len(each.findings) for each in expected.values())
    assert all(line.isprintable() and len(line) < 400 for line in lines)


def test_bad_lines_never_stop_the_good_ones_on_the_way_to_the_store(
    flowemf_command: Flowemf, expected: dict[str, BadFile], tmp_path: Path
) -> None:
    """The ledger balances, and the store holds exactly the good values."""
    finished = flowemf_command("replay", "bad", "--to", "local", "--json")
    assert finished.returncode == 0, finished.stderr.decode()
    ledger = json.loads(finished.stdout)
    assert examine_ledger(ledger) == []
    for kind, count in ledger["records"].items():
        assert count == sum(each.records[kind] for each in expected.values()), kind
    assert ledger["destinations"][0]["datapoints"]["accepted"] == sum(each.datapoints for each in expected.values())
    with duckdb.connect(str(tmp_path / "flowemf.duckdb"), read_only=True) as connection:
        stored = connection.execute("SELECT MetricName, sum(Value * SampleCount) FROM METRICS GROUP BY 1").fetchall()
    assert dict(stored) == pytest.approx(dict(sums_of(expected)))


def test_the_requests_made_of_bad_files_are_inside_every_limit(
    flowemf_command: Flowemf, expected: dict[str, BadFile]
) -> None:
    """What PutMetricData would refuse is counted as refused (4) and left out; the rest is sound."""
    finished = flowemf_command("replay", "bad", "--to", "metrics", "--dry-run", "--json")
    *requests, ledger = map(json.loads, finished.stdout.splitlines())
    assert requests
    assert [examine_metric_request(request) for request in requests] == [[]] * len(requests)
    assert examine_ledger(ledger) == []
    [account] = ledger["destinations"]
    assert account["datapoints"]["extracted"] == sum(each.datapoints for each in expected.values())
    assert set(account["reasons"]) == {"dry-run", "dimension-not-ascii"}
    assert finished.returncode == 4


def test_the_summary_names_the_first_place_of_each_defect(
    flowemf_command: Flowemf, expected: dict[str, BadFile]
) -> None:
    """Without --json a person still learns what was rejected, why, and where to look."""
    said = flowemf_command("replay", "bad", "--to", "local").stderr.decode()
    first: dict[str, str] = {}
    for name in sorted(expected):
        for line, reason in expected[name].findings:
            first.setdefault(reason, f"first at bad/{name}:{line}:" if line else f"first in bad/{name}:")
    for reason, place in first.items():
        assert f"x {reason}, {place}" in said
