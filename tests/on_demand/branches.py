"""Finds the branches that no test takes: `python3 tests --coverage [--write] [--keep DIRECTORY] [pytest arguments]`.

The tests go in, and run with coverage.py in every process that they start; a table comes out, the branches that were
never taken by name, and exit code 1 where fewer than 95 in 100 were. The page tests/coverage.md is written by
`--write`; reasons that it gives are kept. With `--keep`, data stay in a directory, and what runs of the same commit
have left there counts too.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "tests" / "coverage.md"
LEAST_PERCENT = 95
# Whole runs are for these: what they try is the text of files, installations, or time.
LEFT_OUT = ("tests/packaging", "tests/benchmarks", "tests/standards")
# What interrupts this at random moments leaves coverage.py with a lock that nobody gives back.
NOT_MEASURED = ("tests/emitter/test_writing_turns.py::test_no_keyboard_interrupt_leaves_the_turn_with_nobody",)
USUAL = (
    "--quiet",
    "--numprocesses=4",
    "--dist=loadgroup",
    "--timeout=600",
    *(f"--ignore={each}" for each in LEFT_OUT),
    *(f"--deselect={each}" for each in NOT_MEASURED),
)
HEAD = """\
# Branches that no test was seen to take

Written by `python3 tests --coverage --write`, which runs the tests with coverage.py in the processes that they start
([CONTRIBUTING.md](../CONTRIBUTING.md)). {taken} of {all} branches were seen taken: {percent:.1f} %. The others, by
function; "12-15" goes from line 12 to line 15 of the commit that was measured. What the last
column says is kept when the page is written again, also where a function has moved to another file.

| where | in | branches | why |
|---|---|---|---|
"""
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]*)` \| [^|]* \| (.*) \|$", re.MULTILINE)
NO_REASON = "not looked at yet"
# Every Python of the environment runs this line first. Where the directory has gone, the run is over, and nothing is.
LOOK_ON = (
    "import os; os.path.isdir({data!r}) and "
    "exec(compile(__import__('pathlib').Path({program!r}).read_text(), {program!r}, 'exec'), "
    "{{'__name__': 'measured', '__file__': {program!r}, 'DATA': {data!r}}})\n"
)


def main(arguments: list[str]) -> int:
    """Run the tests measured, then report."""
    parser = argparse.ArgumentParser(prog="python3 tests --coverage", allow_abbrev=False)
    parser.add_argument("--write", action="store_true", help="write tests/coverage.md")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="keep data there; count those that are there")
    options, wanted = parser.parse_known_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # what is measured must not stay measured
    with tempfile.TemporaryDirectory() as own:
        data = (options.keep or Path(own)).resolve()
        data.mkdir(parents=True, exist_ok=True)
        with every_process_measured(data):
            tests = run("pytest", "-p", "no:cacheprovider", *(wanted or USUAL))
        if tests:
            # Some tests look at what is imported or at the clock, and see that they are measured.
            sys.stderr.write(f"coverage: pytest ended with {tests}, see above; what was taken counts all the same\n")
        return report(data, write=options.write)


@contextmanager
def every_process_measured(data: Path) -> Iterator[None]:
    """Have every Python of this environment measured, whatever variables and arguments it is started with."""
    starts = Path(sysconfig.get_path("purelib")) / "zzz_flowemf_measured.pth"  # after those that say where things are
    program = Path(__file__).with_name("measured.py")
    starts.write_text(LOOK_ON.format(data=str(data), program=str(program)), encoding="utf-8")
    try:
        yield
    finally:
        starts.unlink(missing_ok=True)


def report(data: Path, *, write: bool) -> int:
    """Say what was measured."""
    found = data / "report.json"
    file = f"--data-file={data / 'data'}"
    run("coverage", "combine", "--quiet", "--append", file)
    run("coverage", "json", "--quiet", "--ignore-errors", "-o", str(found), file)
    run("coverage", "report", "--ignore-errors", "--skip-covered", "--show-missing", file)
    measured: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    totals = measured["totals"]
    percent = 100 * totals["covered_branches"] / totals["num_branches"]
    if write:
        PAGE.write_text(page(measured, percent), encoding="utf-8")
    sys.stdout.write(f"branches taken: {totals['covered_branches']} of {totals['num_branches']}, {percent:.1f} %\n")
    return 0 if percent >= LEAST_PERCENT else 1


def page(measured: dict[str, Any], percent: float) -> str:
    """Name the branches that were not taken, each function with the reason that the page gave before."""
    reasons = Reasons(PAGE.read_text(encoding="utf-8") if PAGE.exists() else "")
    totals = measured["totals"]
    text = HEAD.format(taken=totals["covered_branches"], all=totals["num_branches"], percent=percent)
    for place, file in sorted(measured["files"].items()):
        missed: dict[str, list[str]] = {}
        for start, end in file["missing_branches"]:
            to = f"{end}" if end > 0 else "end"
            missed.setdefault(function_at(file["functions"], start), []).append(f"{start}-{to}")
        for function, branches in missed.items():
            why = reasons.of(place, function)
            text += f"| `{place}` | `{function}` | {', '.join(branches)} | {why} |\n"
    return text


class Reasons:
    """What a page says of functions; those of a file that has gone are found by their names alone."""

    def __init__(self, known: str) -> None:
        self._exact: dict[tuple[str, str], str] = {}
        self._moved: defaultdict[str, set[str]] = defaultdict(set)
        for place, function, why in ROW.findall(known):
            self._exact[place, function] = why
            if why != NO_REASON and not (ROOT / place).exists():
                self._moved[function].add(why)

    def of(self, place: str, function: str) -> str:
        """Give the reason of a function; where it could be one of several, none."""
        moved = self._moved[function]
        return self._exact.get((place, function)) or (next(iter(moved)) if len(moved) == 1 else NO_REASON)


def known() -> str:
    """Give the page as it is."""
    return PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""


def function_at(functions: dict[str, Any], line: int) -> str:
    """Name the innermost function that a line is in."""
    within = [(lines, name) for name, each in functions.items() if line in (lines := lines_of(each)) and name]
    return min(within, key=lambda found: len(found[0]))[1] if within else "(module)"


def lines_of(function: dict[str, Any]) -> set[int]:
    """Give the lines of a function that can run."""
    return {*function["executed_lines"], *function["missing_lines"]}


def run(module: str, *arguments: str) -> int:
    """Run a module of this environment."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
