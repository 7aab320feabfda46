"""Gives hostile logs to the command itself: no traceback, no hang, a known exit code and a balanced ledger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mutations import MOST_EXAMPLES, compressed_of, file_of, lines_of

from flowemf_schemas import validator
from flowemf_schemas.ledger_rules import examine_ledger

LOGS = {"lines.log": (lines_of, 1), "packed.log": (compressed_of, 2), "shape.log": (file_of, 3)}
HUNTS = max(1, MOST_EXAMPLES // 60)


@pytest.fixture(params=range(HUNTS))
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Make a directory of hostile logs."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(10):
        for name, (make, seed) in LOGS.items():
            (logs / f"{number}-{name}").write_bytes(make(1000 * request.param + 10 * number + seed))
    return logs


def run(directory: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "XDG_STATE_HOME": str(directory.parent / "state"), "FLOWEMF_TRACEBACK": "1"}
    return subprocess.run(
        [sys.executable, "-m", "flowemf_processor", *words],
        cwd=directory.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("options", [[], ["--strict", "--namespace", "App"]], ids=["usual", "guarded"])
def test_replay_of_hostile_logs_balances(directory: Path, options: list[str]) -> None:
    """Into the local store, with everything that was lost in a file that fits its schema."""
    rejects = directory.parent / "bad.jsonl"
    finished = run(directory, "replay", str(directory), "--to", "local", "--json", "--rejects", str(rejects), *options)
    assert finished.returncode in (0, 3), finished.stderr
    assert b"Traceback" not in finished.stderr
    ledger = json.loads(finished.stdout)
    assert examine_ledger(ledger) == []
    kept = [json.loads(line) for line in rejects.read_bytes().split(b"\n") if line]
    assert len(kept) == ledger["rejects"]["kept"]
    assert [error for each in kept for error in validator("rejects").iter_errors(each)] == []
    again = run(directory, "replay", str(rejects), "--to", "local", "--json")
    assert again.returncode == 0, again.stderr
    assert examine_ledger(json.loads(again.stdout)) == []


def test_check_of_hostile_logs_prints_findings_and_nothing_else(directory: Path) -> None:
    """Each line on stdout is a finding with a place, a reason, a message and a remedy in printable ASCII."""
    finished = run(directory, "check", str(directory), "--json")
    assert finished.returncode in (1, 3), finished.stderr
    assert b"Traceback" not in finished.stderr
    for line in finished.stdout.splitlines():
        found = json.loads(line)
        assert all(found[member] for member in ("source", "reason", "scope", "message", "hint"))
        assert f"{found['message']}{found['hint']}".isprintable()
    shown = run(directory, "check", str(directory))
    assert shown.stdout.decode().replace("\n", "").isprintable()
