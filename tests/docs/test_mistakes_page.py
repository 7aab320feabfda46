"""The page about mistakes: each bad line gets the finding that it names, and flowemf itself does not make it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import flowemf
from flowemf.testing import capture_metrics
from flowemf_schemas.units import UNITS
from flowemf_schemas.verdicts import VERDICTS

PAGE = (Path(__file__).parents[2] / "docs" / "mistakes.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Mistake:
    """One section of the page."""

    title: str
    text: str

    def said_of(self, whom: str) -> str:
        """Give what the point about CloudWatch, the command or flowemf says, on one line."""
        [point] = re.findall(rf"^- {whom}:\s(.*?)(?=^- |\Z)", self.text, re.MULTILINE | re.DOTALL)
        return " ".join(point.split())

    @property
    def line(self) -> str | None:
        """The bad line, printed by the section's program where it is too long for a page."""
        blocks = re.findall(r"```(\w+)\n(.*?)```", self.text, re.DOTALL)
        if not blocks:
            return None
        [(language, content)] = blocks
        if language != "python":
            return str(content)
        return subprocess.run([sys.executable, "-c", content], capture_output=True, text=True, check=True).stdout

    @property
    def reasons(self) -> set[str]:
        """The reasons that the section says the command gives of the line at once."""
        said = self.said_of("`flowemf check`").partition(", and ")[0]
        return set() if said.startswith("nothing") else set(re.findall(r"`([a-z0-9-]+)`", said))

    @property
    def call(self) -> str | None:
        """The call that would make the mistake."""
        found = re.match(r"`(flowemf\.\w+\(.*?\))`", self.said_of("flowemf"))
        return found[1] if found else None


MISTAKES = [
    Mistake(title, text)
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)
    for title, text in re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", section, re.MULTILINE | re.DOTALL)
]
each_mistake = pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)


def test_each_bad_line_gets_its_finding(tmp_path: Path) -> None:
    """What the command says of each line is what the page says that it says, and nothing else."""
    expected = {}
    for number, mistake in enumerate(MISTAKES):
        if mistake.line is not None:
            file = tmp_path / f"{number}.log"
            file.write_text(mistake.line, encoding="utf-8")
            expected[str(file)] = mistake.reasons
    checked = subprocess.run(
        [sys.executable, "-m", "flowemf_processor", "check", "--json", *expected], capture_output=True, check=False
    )
    found: dict[str, set[str]] = {file: set() for file in expected}
    for finding in map(json.loads, checked.stdout.splitlines()):
        found[finding["source"]].add(finding["reason"])
    assert found == expected
    assert len(expected) > 25


@each_mistake
def test_flowemf_does_not_make_it(mistake: Mistake) -> None:
    """The call that would make it writes valid lines, and counts what the page says that it counts."""
    if mistake.call is None:
        return
    with capture_metrics() as captured:
        flowemf.configure("App", rollups="none")
        exec(mistake.call, {"flowemf": flowemf})
        flowemf.unbind()
        counts = flowemf.stats()
        said = mistake.said_of("flowemf")
        if "writes nothing" in said:
            assert captured.lines == []
        for written in ("unknown", "_identifier", "K%C3%B6ln"):
            if f"writes `{written}`" in said:
                assert written in captured.lines[0].values()
    assert {reason for reason in counts if reason != "lines_written"} == set(re.findall(r"counted as `(\w+)`", said))


@each_mistake
def test_each_says_what_everybody_makes_of_it(mistake: Mistake) -> None:
    """CloudWatch, the command, and flowemf; reasons are those of the table."""
    assert all(mistake.said_of(whom) for whom in ("CloudWatch", "`flowemf check`", "flowemf"))
    assert mistake.reasons <= set(VERDICTS)


def test_the_number_of_units_is_right() -> None:
    """Milliseconds and the others."""
    assert f"[{len(UNITS) - 1} others]" in PAGE


def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    """A log without mistakes passes both."""
    with (tmp_path / "app.log").open("wb") as log:
        subprocess.run([sys.executable, "-m", "flowemf.demo", "--events", "50"], stdout=log, check=True)
    [block] = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for command in block.splitlines():
        here = command.replace("flowemf check", f"{sys.executable} -m flowemf_processor check")
        assert subprocess.run(here, shell=True, cwd=tmp_path, check=False, capture_output=True).returncode == 0
