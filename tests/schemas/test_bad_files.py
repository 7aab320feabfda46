"""Holds the bad files themselves to what they promise, so that whoever reads them can rely on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bad_files as module
from bad_files import BadFile, bad_files, write_bad_files

from flowemf_schemas import limits
from flowemf_schemas.rules import examine
from flowemf_schemas.verdicts import VERDICTS

FILES = bad_files()
WITHOUT_GOOD_LINES = {"empty.log", "binary.log"}


def test_there_are_many_and_each_has_a_name_of_its_own() -> None:
    """At least twenty that are really bad."""
    assert len({each.name for each in FILES}) == len(FILES)
    assert sum(1 for each in FILES if each.findings) >= 20


def test_every_expected_reason_is_in_the_table() -> None:
    """A misspelt reason would be expected in vain."""
    assert {reason for each in FILES for _, reason in each.findings} <= set(VERDICTS)


def test_good_lines_stand_on_both_sides_of_a_bad_one() -> None:
    """The good document is flawless, and its sums are those that the expectations state."""
    assert examine(module.document()) == []
    assert limits.EVENT_BYTES == module.LOG_EVENT_BYTES
    for each in FILES:
        lines = each.data.splitlines()
        for number in {line for line, _ in each.findings if line} - {len(lines)}:
            metric = [index for index, line in enumerate(lines, start=1) if line.startswith(b'{"_aws"')]
            assert len([index for index in metric if index < number]) >= 2, each.name
            assert len([index for index in metric if index > number]) >= 2, each.name
        if each.name not in WITHOUT_GOOD_LINES:
            assert each.datapoints >= 12, each.name


def test_the_time_of_the_lines_can_be_chosen(tmp_path: Path) -> None:
    """A destination that judges age gets lines of today, and the same expectations."""

    def expected(each: BadFile) -> object:
        return (each.findings, each.records, each.datapoints, each.sums)

    now = write_bad_files(tmp_path, 1_800_000_000_000)
    assert {path.name for path in tmp_path.iterdir()} == set(now)
    assert {each.name: expected(each) for each in FILES} == {name: expected(each) for name, each in now.items()}
    assert b"1800000000000" in now["truncated.log"].data


def test_the_directory_can_be_written_by_hand(tmp_path: Path) -> None:
    """The module is a command, too."""
    command = [sys.executable, module.__file__, str(tmp_path / "new")]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert len(finished.stdout.splitlines()) == len(FILES) == len(list((tmp_path / "new").iterdir()))
