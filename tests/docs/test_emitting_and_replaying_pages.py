"""The pages about emitting and replaying, and the one about generations: each snippet and each command runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_cloudwatch import CloudWatch
from page_reader import environment_in, typed

DOCS = Path(__file__).parents[2] / "docs"
EMITTING, REPLAYING, GENERATIONS = (
    (DOCS / name).read_text(encoding="utf-8") for name in ("emitting.md", "replaying.md", "generations.md")
)


def blocks(page: str, language: str) -> list[str]:
    """Give the blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


PYTEST = [each for each in blocks(EMITTING, "python") if each.startswith("# test_chat.py")]
SNIPPETS = [each for page in (EMITTING, GENERATIONS) for each in blocks(page, "python") if each not in PYTEST]
PRINTED = {  # the events that the snippets of docs/emitting.md print, in their order; None for what is no metric line
    0: ["flow.start", "generation", "flow.end"],
    1: ["flow.start", "generation", "flow.end", "flow.start", "flow.end"],
    2: ["metric", "metric", "metric"],
    3: ["metric"],
    4: ["answered", "slow"],
    7: [None],
    8: ["metric", "flow.start", "flow.end"],
}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Give a shell in a directory with the first application of the page, its log, the command, and an account."""
    directory = tmp_path_factory.mktemp("emitting-page")
    (directory / "app.py").write_text(SNIPPETS[0], encoding="utf-8")
    server = CloudWatch()
    environment = environment_in(directory, AWS_ENDPOINT_URL=server.endpoint_url)
    typed("python3 app.py > app.log", environment, check=True)
    (directory / "archive").mkdir()
    # Compression is known by content, not by name.
    (directory / "archive" / "old.gz").write_bytes((directory / "app.log").read_bytes())
    yield environment
    server.stop()


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_each_snippet_runs_and_writes_valid_lines(number: int, tmp_path: Path) -> None:
    """As somebody would paste it; flowemf check finds nothing in what it prints."""
    ran = subprocess.run(
        [sys.executable, "-c", SNIPPETS[number]], capture_output=True, cwd=tmp_path, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr if number in PRINTED else b"") == (0, b""), ran.stderr.decode()
    if number in PRINTED:
        assert [json.loads(line).get("event") for line in ran.stdout.splitlines()] == PRINTED[number]
        checked = subprocess.run(
            [sys.executable, "-m", "flowemf_processor", "check"],
            input=ran.stdout,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (checked.returncode, checked.stdout) == (0, b"")


def test_the_lines_for_people_are_short(tmp_path: Path) -> None:
    """A flow and a metric, each on a line that says what happened."""
    [snippet] = [each for each in SNIPPETS if "local=True" in each]
    ran = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert [line.split()[1] for line in ran.stdout.splitlines()] == ["flow.start", "metric", "flow.end"]


def test_the_test_of_the_page_passes(tmp_path: Path) -> None:
    """In a project of its own, with the fixture that the extra brings."""
    (tmp_path / "test_chat.py").write_text(PYTEST[0], encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"], capture_output=True, cwd=tmp_path, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stdout.decode()


COMMANDS = [line for page in (EMITTING, REPLAYING) for block in blocks(page, "bash") for line in block.splitlines()]


@pytest.mark.xdist_group("commands-of-replaying")  # one goes on where the one before it ended
@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_each_command_runs(number: int, there: dict[str, str]) -> None:
    """In their order; the second delivery of the same log sends nothing."""
    ran = typed(COMMANDS[number], there)
    assert ran.returncode == 0, ran.stderr.decode()
    if COMMANDS[number] == COMMANDS[number - 1]:
        assert b"0 lines" in ran.stderr or b"nothing" in ran.stderr, ran.stderr.decode()


def test_the_exit_codes_of_the_page_are_those_of_the_help() -> None:
    """Each of 0 to 4 has its row, and no other."""
    rows = re.findall(r"^\| (\d+) \|", REPLAYING, re.MULTILINE)
    commands = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    section = commands.partition("\n## flowemf replay\n")[2].partition("\n## ")[0]
    assert rows == re.findall(r"^    (\d)  ", section, re.MULTILINE)


def test_the_first_step_of_troubleshooting_shows_a_line_and_a_count(tmp_path: Path) -> None:
    """A line for people, and what was wrong with it."""
    [snippet] = blocks((DOCS / "troubleshooting.md").read_text(encoding="utf-8"), "python")
    ran = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "'unit_unknown': 1" in ran.stdout.splitlines()[-1]
    assert "Milliseconds" in ran.stderr
