"""Runs all benchmarks with the smallest sizes, as one command: that the page and its picture are whole, never how fast.

The committed page is held to what the command writes: the same sections and rows, whatever the figures.
"""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from publishing.sections import SECTIONS

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "docs" / "performance.md"
SVG = "{http://www.w3.org/2000/svg}"
pytestmark = pytest.mark.xdist_group("benchmarks")


def run_all(*options: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    """Run the command from the root of the project, as its page says."""
    command = [python, "-m", "benchmarks", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=170)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a quick run; its picture lies beside it."""
    output = tmp_path_factory.mktemp("page") / "performance.md"
    finished = run_all("--quick", f"--output={output}")
    assert finished.returncode == 0, finished.stderr
    assert (finished.stdout, finished.stderr) == ("", "")
    return output


def rows_of(text: str) -> list[tuple[str, ...]]:
    """Give the headings, and of each row what it is about; figures and the description of the machine are left out."""
    found: list[tuple[str, ...]] = []
    for line in text.partition("## The machine")[0].splitlines():
        if line.startswith("## "):
            found.append((line,))
        elif line.startswith("|"):
            found.append(tuple(cell for cell in cells(line) if not is_figure(cell)))
    return found


def cells(line: str) -> list[str]:
    """Split a row of a table."""
    return [cell.strip() for cell in line.strip("|").split("|")]


def is_figure(cell: str) -> bool:
    """Tell whether a cell holds what was measured, or the verdict on it."""
    return bool(re.fullmatch(r"-|reached|\*\*missed\*\*|[-\d.,]+( ?[µmx]?s?x?|\s[KMG]?B)?( / .*)?", cell))


def test_every_section_and_row_of_the_committed_page_is_what_the_command_writes(written: Path) -> None:
    """Whoever adds a benchmark or renames a row writes the page anew: `python -m benchmarks`."""
    committed, made = rows_of(COMMITTED.read_text(encoding="utf-8")), rows_of(written.read_text(encoding="utf-8"))
    assert [row[0] for row in made if row[0].startswith("## ")] == [f"## {each.title}" for each in SECTIONS]
    assert committed == made


def test_the_committed_page_was_measured_in_full() -> None:
    """Neither the smallest sizes nor some of the benchmarks stand in the documentation, and the picture is there."""
    text = COMMITTED.read_text(encoding="utf-8")
    assert "--quick" not in text
    assert "--only" not in text
    assert "(performance.svg)" in text
    assert bars_of(COMMITTED.with_suffix(".svg")) > 20


def test_every_figure_is_a_number(written: Path) -> None:
    """No division by nothing ends as nan or inf, and no ratio is without its two sides."""
    text = written.read_text(encoding="utf-8")
    assert not re.search(r"\b(nan|inf|None)\b", text)
    numbers = [float(number.replace(",", "")) for number in re.findall(r"(?<=\| )-?\d[\d.,]*(?=x? )", text)]
    assert len(numbers) > 100
    assert all(math.isfinite(number) for number in numbers)


def test_the_page_says_where_and_how_it_was_measured(written: Path) -> None:
    """Processor, memory, system, Python, packages, load, commands; no name of a host and no path of the machine."""
    text = written.read_text(encoding="utf-8")
    for fact in ("processor", "memory", "system", "Python", "packages", "`replay.py`"):
        assert f"| {fact} |" in text
    assert "smallest sizes" not in text
    assert "far too small for these figures to mean anything" in text
    assert "`python benchmarks/emit.py --rounds=1" in text
    assert str(ROOT) not in text
    assert not re.search(r"(?<![\w.])/(?:home|tmp|root|Users)/", text)


def test_the_picture_is_drawn_beside_the_page(written: Path) -> None:
    """It is well-formed, and has one bar for each ratio with somebody else's work."""
    assert "(performance.svg)" in written.read_text(encoding="utf-8")
    assert bars_of(written.with_suffix(".svg")) > 20


def bars_of(drawing: Path) -> int:
    """Count the bars; the legend has two of its own."""
    root = ElementTree.parse(drawing).getroot()
    assert root.tag == f"{SVG}svg"
    assert "prefers-color-scheme: dark" in "".join(root.itertext())
    bars = [each for each in root.iter(f"{SVG}rect") if each.get("class") in {"less", "more"}]
    assert all(float(each.get("width", "-1")) >= 0 for each in bars)
    return len(bars) - 2


# --- Options ----------------------------------------------------------------------------------------------------------


def test_what_is_not_installed_is_named_with_its_remedy(tmp_path: Path) -> None:
    """In an environment with nothing in it nothing is measured: exit code 2, and what to type."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "empty")], check=True, timeout=60)
    finished = run_all("--only=emit,deliver", python=str(tmp_path / "empty" / "bin" / "python"))
    assert finished.returncode == 2
    assert (
        "not installed: flowemf, aws-embedded-metrics, aws-lambda-powertools, orjson, structlog, boto3"
        in finished.stderr
    )
    assert "pip install -e '.[processor,otel]' -r benchmarks/requirements.txt" in finished.stderr


@pytest.mark.parametrize(
    ("option", "answer"),
    [
        ("--only=emit,fly", "no benchmark is called 'fly'; there are emit, start, collect, replay, deliver, install"),
        ("--rounds=0", "'0' is no number of rounds; give 1 or more"),
        ("--output=/nowhere/page.md", "/nowhere/page.md: there is no such directory"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused_before_anything_runs(option: str, answer: str) -> None:
    """The offending value and what to give instead; exit code 2."""
    finished = run_all(option)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert answer in finished.stderr


def test_a_terminal_sees_how_far_it_is() -> None:
    """Which benchmark runs, and how long it took; the page goes its own way."""
    terminal, their_end = os.openpty()
    with os.fdopen(terminal, encoding="utf-8", newline="") as seen:
        command = [sys.executable, "-m", "benchmarks", "--quick", "--only=collect"]
        finished = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=their_end, check=True, timeout=120)
        os.write(their_end, b"END\n")
        os.close(their_end)
        lines = [seen.readline().strip() for _ in range(3)]
    assert lines[0] == "1 of 1: collect.py"
    assert re.fullmatch(r"took \d+ s", lines[1])
    assert lines[2] == "END"
    assert b"# Performance" in finished.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_at_once_and_writes_nothing(number: signal.Signals, tmp_path: Path) -> None:
    """Exit code 130, one line, and nothing left in the directory for temporary files."""
    terminal, their_end = os.openpty()
    command = [sys.executable, "-m", "benchmarks", "--only=replay", f"--output={tmp_path / 'page.md'}"]
    with os.fdopen(terminal, encoding="utf-8", newline="") as seen:
        process = subprocess.Popen(command, cwd=ROOT, stderr=their_end, env={**os.environ, "TMPDIR": str(tmp_path)})
        assert seen.readline().strip() == "1 of 1: replay.py"
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("*/*/app.log")) and time.monotonic() < deadline:
            time.sleep(0.05)  # until the benchmark makes its log
        process.send_signal(number)
        assert process.wait(30) == 130
        assert seen.readline().strip() == "python -m benchmarks: interrupted; nothing was written"
    os.close(their_end)
    assert list(tmp_path.iterdir()) == []


def test_some_of_the_benchmarks_go_to_standard_output(tmp_path: Path) -> None:
    """A page that is not whole overwrites nothing, and tells how it was made."""
    before = COMMITTED.read_bytes()
    finished = run_all("--quick", "--only=collect", "--rounds=2")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert [line for line in finished.stdout.splitlines() if line.startswith("## ")] == [
        "## Collecting automatically",
        "## The machine",
        "## Measuring again",
    ]
    assert "python benchmarks/collect.py --rounds=2 --milliseconds=0.1`" in finished.stdout
    assert "python -m benchmarks --only collect" in finished.stdout
    assert "![" not in finished.stdout
    assert COMMITTED.read_bytes() == before
