"""The page about reading logs: every format stands there, its limits are the limits, and its commands run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from shape_corpus import DIRECTORY

from flowemf_processor.core.unwrap import AUTO, NAMES
from flowemf_schemas import limits
from flowemf_schemas.verdicts import VERDICTS

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## What is wrapped around the lines\n")[2].partition("\n## ")[0]


def test_every_format_has_its_row() -> None:
    """Whoever adds a shape says how it is told."""
    assert {*re.findall(r"^\| `([a-z0-9][a-z0-9-]*)` \|", SECTION, re.MULTILINE)} == {*NAMES} - {AUTO}


def test_the_numbers_of_the_page_are_the_limits() -> None:
    """They are stated once in the code."""
    megabyte = 1_048_576
    for stated in (
        f"wrap {limits.WRAPPER_BYTES // megabyte} MB",
        f"hold {limits.EVENTS_PER_WRAPPER:,} log events",
        f"decompress to {limits.PAYLOAD_BYTES // megabyte} MB",
        f"after {limits.PART_PATIENCE_LINES:,} lines",
        f"{limits.OPEN_STREAMS:,} streams or {limits.OPEN_BYTES // megabyte} MB",
        f"last {limits.EVENT_IDS_REMEMBERED:,} ids",
    ):
        assert stated in " ".join(SECTION.split())
    assert limits.WRAPPER_LEVELS == 6
    assert "six deep" in SECTION
    assert "six levels" in VERDICTS["wrapped-too-deep"].meaning
    assert {"format-mismatch", "part-missing", "objects-share-line"} <= set(VERDICTS)


def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    """A container's log and what the AWS CLI printed."""
    shutil.copy(DIRECTORY / "docker-16k.log", tmp_path / "container.log")
    shutil.copy(DIRECTORY / "filter-log-events.json", tmp_path)
    (block,) = re.findall(r"```bash\n(.*?)```", SECTION, re.DOTALL)
    for command in block.splitlines():
        finished = subprocess.run(
            [sys.executable, "-m", "flowemf_processor", *command.split()[1:]],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
