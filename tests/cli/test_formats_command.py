"""`--format`, and what wrapped logs look like to whoever calls the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from shape_corpus import DIRECTORY, corpus
from shape_wrappers import docker, emf

from flowemf_processor.core.unwrap import NAMES

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

MIXED = DIRECTORY / "mixed.log"


def ledger(flowemf_command: Flowemf, *arguments: str | Path) -> dict[str, dict[str, int]]:
    """Replay into a store and give the ledger."""
    replayed = flowemf_command("replay", *arguments, "--to", "local", "--json")
    assert replayed.returncode == 0, replayed.stderr
    account: dict[str, dict[str, int]] = json.loads(replayed.stdout)
    return account


def test_a_log_with_every_shape_is_read_without_being_told(flowemf_command: Flowemf) -> None:
    """The store gets what the corpus states, and the ledger says how far duplicates are known."""
    (shape,) = [each for each in corpus() if each.name == MIXED.name]
    account = ledger(flowemf_command, MIXED)
    assert {kind: count for kind, count in account["records"].items() if count and kind != "total"} == shape.records
    assert account["duplicate_window"] == 100_000


def test_what_a_second_run_sees_again_is_a_duplicate(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Event ids are kept with the store: an overlapping download counts once."""
    both = [DIRECTORY / "filter-log-events.json", DIRECTORY / "filter-log-events-line.json"]
    first, second = (ledger(flowemf_command, path) for path in both)
    assert (first["records"]["metric"], first["records"]["duplicate"]) == (3, 0)
    assert (second["records"]["metric"], second["records"]["duplicate"]) == (0, 4)


def test_a_part_at_the_end_of_a_run_is_completed_by_the_next(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """The mark carries the part."""
    log, line = tmp_path / "docker.log", emf(5) + "\n"
    log.write_text(docker(line[:30]) + "\n", encoding="utf-8")
    assert ledger(flowemf_command, log)["records"]["incomplete"] == 1
    with log.open("a", encoding="utf-8") as file:
        file.write(docker(line[30:]) + "\n")
    account = ledger(flowemf_command, log)
    assert (account["records"]["metric"], account["records"]["total"], account["lines"]) == (1, 1, 1)


def test_a_line_that_does_not_fit_the_format_is_rejected(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """It is said where, and what to do."""
    log = tmp_path / "app.log"
    log.write_text(docker(emf(1) + "\n") + "\n" + emf(2) + "\n", encoding="utf-8")
    checked = flowemf_command("check", "--format", "docker", "--json", log)
    (found,) = map(json.loads, checked.stdout.splitlines())
    assert (checked.returncode, found["line"], found["reason"]) == (1, 2, "format-mismatch")
    assert "--format" in found["hint"]


@pytest.mark.parametrize("command", ["check", "replay"])
def test_an_unknown_format_is_refused_with_the_known_ones(flowemf_command: Flowemf, command: str) -> None:
    """Nothing is read."""
    to = ["--to", "local"] if command == "replay" else []
    refused = flowemf_command(command, "--format", "dokcer", *to, MIXED)
    assert refused.returncode == 2
    assert all(name.encode() in refused.stderr for name in NAMES)


def test_a_place_inside_a_line_is_named(flowemf_command: Flowemf) -> None:
    """The third log event of the first line."""
    checked = flowemf_command("check", DIRECTORY / "kinesis.json")
    assert b"kinesis.json:1#3: note: there is no Timestamp" in checked.stdout
