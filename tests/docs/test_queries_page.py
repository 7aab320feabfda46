"""The page about questions: its commands run, and its lists are those of the code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from page_reader import environment_in
from questions_page import HEADING, NEXT, PAGE, part

from flowemf_processor.cli.query_output import FORMATS, TERMINAL_ROWS, TERMINAL_SECONDS
from flowemf_processor.sinks.store_tables import COLUMN_LIMIT

TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with a log of the demo and the command on its path."""
    directory = tmp_path_factory.mktemp("queries-page")
    with (directory / "app.log").open("wb") as log:
        subprocess.run([sys.executable, "-m", "flowemf.demo", "--events", "200"], stdout=log, check=True)
    return directory


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_every_command_runs(there: Path, block: str) -> None:
    """Block by block, in their order; every one gives an answer."""
    environment = environment_in(there)
    for command in block.splitlines():
        finished = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command], cwd=there, env=environment, capture_output=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert finished.returncode == 0, f"{command}\n{finished.stderr.decode()}"
        assert b"no rows" not in finished.stderr, command


def test_the_questions_are_those_of_the_code() -> None:
    """Nobody has to remember to document one; `python tests/docs/write_pages.py` writes the list."""
    assert TEXT.partition(HEADING)[2].partition(NEXT)[0] == part()


def test_the_numbers_and_forms_are_those_of_the_code() -> None:
    """Whoever changes a limit changes the page."""
    words = " ".join(TEXT.split())
    assert f"at most {TERMINAL_ROWS} rows" in words
    assert f"given up after {TERMINAL_SECONDS:g} seconds" in words
    assert f"of more than {COLUMN_LIMIT:,} keys or names" in words
    table = TEXT.partition("## Forms of answers")[2].partition("## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == FORMATS


def test_the_columns_that_are_always_there_are_named(there: Path) -> None:
    """Those before the dimensions, and the map at the end."""
    command = [sys.executable, "-m", "flowemf_processor", "query", "DESCRIBE METRICS", "app.log", "--format", "json"]
    finished = subprocess.run(command, cwd=there, capture_output=True, check=True)
    columns = [row["column_name"] for row in json.loads(finished.stdout)]
    section = TEXT.partition("## The table METRICS")[2].partition("## ")[0]
    for column in (*columns[: columns.index("ModelID") + 1], "Dimensions"):
        assert f"`{column}`" in section
