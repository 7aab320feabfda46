"""Reads strictly: what deserves a note is rejected, in `check` and in `replay`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from verdict_vectors import LineVector, documents

from flowemf_schemas.verdicts import VERDICTS, Scope

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

NOTED = (
    b'{"_aws":{"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[[]],"Metrics":[{"Name":"M"}]}]},"M":1}\n'  # no time
)
GOOD = NOTED.replace(b'{"_aws":{', b'{"_aws":{"Timestamp":1700000000000,')


def notes_alone() -> Iterator[LineVector]:
    """Give the lines with notes and no defect."""
    for vector in documents():
        if vector.findings and all(VERDICTS[reason].scope is Scope.NOTE for reason in vector.findings):
            yield vector


def test_strict_checking_rejects_each_line_with_a_note(flowemf_command: Flowemf) -> None:
    """Every kind of note, and the same reason codes as without --strict."""
    log = b"".join(vector.data + b"\n" for vector in notes_alone())
    usual, strict = (flowemf_command("check", "--json", *option, stdin=log) for option in ([], ["--strict"]))
    found = [[json.loads(line) for line in each.stdout.splitlines()] for each in (usual, strict)]
    assert [each["reason"] for each in found[0]] == [each["reason"] for each in found[1]]
    assert ({each["scope"] for each in found[0]}, {each["scope"] for each in found[1]}) == ({"note"}, {"line"})
    number = sum(1 for _ in notes_alone())
    assert f"{number} metric, 0 other, 0 rejected".encode() in usual.stderr
    assert f"0 metric, 0 other, {number} rejected".encode() in strict.stderr


@pytest.mark.parametrize(("option", "code"), [((), 0), (("--strict",), 1)], ids=["usual", "strict"])
def test_a_rejected_note_counts_as_an_invalid_line(
    flowemf_command: Flowemf, option: tuple[str, ...], code: int
) -> None:
    """--max-invalid does not count notes, and in strict reading there are none."""
    for command in (["check"], ["replay", "--to", "local"]):
        finished = flowemf_command(*command, *option, "--max-invalid", "0", stdin=GOOD + NOTED)
        assert finished.returncode == code, finished.stderr


def test_strict_replay_sends_no_line_with_a_note(flowemf_command: Flowemf) -> None:
    """The lines around it are sent, and the summary says what became of it."""
    finished = flowemf_command("replay", "--to", "local", "--strict", "--json", stdin=GOOD + NOTED + GOOD)
    ledger = json.loads(finished.stdout)
    assert finished.returncode == 0
    assert (ledger["records"]["metric"], ledger["records"]["rejected"]) == (2, 1)
    assert ledger["destinations"][0]["datapoints"]["accepted"] == 2
    assert b"  rejected: 1 x timestamp-missing, first at -:2" in finished.stderr


def test_what_is_said_of_a_whole_source_stays_a_note(flowemf_command: Flowemf) -> None:
    """It is no judgement of a record; and a last line that waits for its rest has none yet."""
    for log in (b"", GOOD + b'{"_aws":'):
        finished = flowemf_command("check", "--json", "--strict", stdin=log)
        assert [json.loads(line)["scope"] for line in finished.stdout.splitlines()] == ["note"]
        assert flowemf_command("check", "--strict", "--max-invalid", "0", stdin=log).returncode == 0


def test_strict_findings_are_not_called_notes(flowemf_command: Flowemf) -> None:
    """What people read says what happens."""
    usual, strict = (flowemf_command("check", *option, stdin=NOTED) for option in ([], ["--strict"]))
    assert b"-:1: note: there is no Timestamp" in usual.stdout
    assert b"-:1: there is no Timestamp" in strict.stdout
    assert b"0 findings in 0 lines, 1 note" in usual.stderr
    assert b"1 finding in 1 line, 0 notes" in strict.stderr
