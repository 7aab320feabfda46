"""The page about compatibility states the versions, names and codes of the code, and what happens to old files."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
from reference_python import MODULES

from flowemf_processor import console
from flowemf_processor.checkpoints import FORMAT_VERSION
from flowemf_processor.cli import cost_output, doctor
from flowemf_processor.core import ledger
from flowemf_processor.sinks import local
from flowemf_schemas import SCHEMA_NAMES, load, names

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "compatibility.md").read_text(encoding="utf-8")
[OLD_LINE] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def version_of(what: str) -> str:
    """Give the second cell of a row."""
    return str(re.findall(rf"^\| {re.escape(what)} \| (.*?) \|", PAGE, re.MULTILINE)[0])


def flowemf(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "flowemf_processor", *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=60)


def test_the_versions_are_those_of_the_code() -> None:
    """Whoever raises one says here what becomes of the older one."""
    assert version_of("lines that flowemf writes").startswith(f"`schema_version` {names.LINE_SCHEMA_VERSION} ")
    assert version_of("`--json` of `replay`: the ledger") == f"`schema_version` {ledger.SCHEMA_VERSION}"
    assert {doctor.SCHEMA_VERSION, cost_output.SCHEMA_VERSION} == {1}
    assert version_of("`doctor --json`, `cost --format json`") == "`schema_version` 1"
    assert version_of("a file of `--rejects`") == f"`{names.REJECTS}` {names.REJECTS_SCHEMA_VERSION}"
    assert version_of("a checkpoint") == f"format {FORMAT_VERSION}"
    assert version_of("a store of `--to local`") == f"version {local.SCHEMA_VERSION}"


def test_every_schema_has_a_number_that_says_when_it_changed() -> None:
    """In its identifier; all have the first one so far."""
    assert [load(name)["$id"] for name in SCHEMA_NAMES] == [f"urn:flowemf:schema:{name}:1" for name in SCHEMA_NAMES]


def test_the_exit_codes_are_those_of_the_help() -> None:
    """What scripts rely on."""
    commands = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    printed = re.search(r"  Exit codes:\n(.*?)\n\n", commands, re.DOTALL)
    assert printed
    codes = {int(code) for code in re.findall(r"^ +(\d+)  ", printed[1], re.MULTILINE)}
    row = re.search(r"^\| exit codes \| none \| (.*?) keep", PAGE, re.MULTILINE)
    assert row
    assert {int(code) for code in re.findall(r"\d+", row[1])} == {*codes, 129, 143}
    assert {console.EXIT_OWN_BUG, console.EXIT_CLOSED_PIPE, console.EXIT_INTERRUPTED} <= codes


def test_a_finding_has_the_members_that_stay(tmp_path: Path) -> None:
    """In `check --json`."""
    (tmp_path / "app.log").write_text(OLD_LINE.replace("Milliseconds", "ms"), encoding="utf-8")
    [finding] = flowemf("check", "--json", "app.log", directory=tmp_path).stdout.splitlines()
    [row] = re.findall(r"^\| `check --json` \| none \| (.*?) stay;", PAGE, re.MULTILINE)
    assert re.findall(r"`(\w+)`", row) == list(json.loads(finding))


def test_a_line_of_the_first_version_is_read(tmp_path: Path) -> None:
    """It is valid, and every number of it arrives."""
    (tmp_path / "app.log").write_text(OLD_LINE, encoding="utf-8")
    assert flowemf("check", "app.log", directory=tmp_path).returncode == 0
    asked = flowemf("query", "SELECT FlowDuration FROM METRICS WHERE FlowDuration > 0", "app.log", directory=tmp_path)
    assert "812.5" in asked.stdout


def test_files_of_other_versions_are_treated_as_the_page_says(tmp_path: Path) -> None:
    """A checkpoint and a store: refused with 2 and left alone, or brought up to date."""
    (tmp_path / "app.log").write_text(OLD_LINE, encoding="utf-8")
    to_local = ("replay", "app.log", "--to", "local", "--database", "s.duckdb")
    assert flowemf(*to_local, directory=tmp_path).returncode == 0
    with duckdb.connect(str(tmp_path / "s.duckdb")) as store:
        store.execute("ALTER TABLE marks DROP COLUMN state; UPDATE flowemf SET schema_version = 1")
    assert flowemf(*to_local, directory=tmp_path).returncode == 0
    with duckdb.connect(str(tmp_path / "s.duckdb")) as store:
        assert store.execute("SELECT schema_version FROM flowemf").fetchone() == (local.SCHEMA_VERSION,)
        store.execute("UPDATE flowemf SET schema_version = 99")
    assert flowemf(*to_local, directory=tmp_path).returncode == 2

    to_prometheus = (
        "replay",
        "app.log",
        "--to",
        "prometheus",
        "--prometheus-file",
        "m.prom",
        "--checkpoint",
        "c.sqlite3",
    )
    assert flowemf(*to_prometheus, directory=tmp_path).returncode == 0
    for version in (FORMAT_VERSION - 1, FORMAT_VERSION + 1):
        with contextlib.closing(sqlite3.connect(tmp_path / "c.sqlite3")) as checkpoint:
            checkpoint.execute(f"PRAGMA user_version = {version}")
        before = (tmp_path / "c.sqlite3").read_bytes()
        refused = flowemf(*to_prometheus, directory=tmp_path)
        assert (refused.returncode, f"has format {version}" in refused.stderr) == (2, True)
        assert (tmp_path / "c.sqlite3").read_bytes() == before


def test_the_interface_is_what_the_reference_lists() -> None:
    """Of the processor its handlers alone."""
    assert [name for name in MODULES if name.startswith("flowemf_processor")] == ["flowemf_processor.handlers"]
