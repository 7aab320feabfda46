"""The page about mistakes: each bad line gets the finding that it names, and flowemf itself does not make it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mistakes_page import PAGE, Mistake, mistakes

import flowemf
from flowemf.testing import capture_metrics
from flowemf_schemas.units import UNITS
from flowemf_schemas.verdicts import VERDICTS

TEXT = PAGE.read_text(encoding="utf-8")


MISTAKES = mistakes()
each_mistake = pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)


def test_each_bad_line_gets_its_finding(tmp_path: Path) -> None:
    """What the command says of each line is what the page says that it says, and nothing else."""
    expected = {}
    for number, mistake in enumerate(MISTAKES):
        if mistake.line is not None:
            file = tmp_path / f"{number}.log"
            file.write_text(mistake.line, encoding="utf-8")
            expected[str(file)] = set(mistake.reasons)
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
        monitor = flowemf.configure("App", rollups="none")
        exec(mistake.call, {"flowemf": flowemf})
        flowemf.unbind()
        counts = monitor.stats()  # what other tests did before `configure` is in the package's own
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
    assert set(mistake.reasons) <= set(VERDICTS)


def test_the_number_of_units_is_right() -> None:
    """Milliseconds and the others."""
    assert f"[{len(UNITS) - 1} others]" in TEXT


def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    """A log without mistakes passes both."""
    with (tmp_path / "app.log").open("wb") as log:
        subprocess.run([sys.executable, "-m", "flowemf.demo", "--events", "50"], stdout=log, check=True)
    [block] = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    for command in block.splitlines():
        here = command.replace("flowemf check", f"{sys.executable} -m flowemf_processor check")
        assert subprocess.run(here, shell=True, cwd=tmp_path, check=False, capture_output=True).returncode == 0
