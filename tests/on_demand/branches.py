"""Finds the branches that no test takes: `python3 tests --coverage [pytest arguments]`.

The tests go in, and run with coverage.py in every process that they start; a table comes out, the branches that were
never taken by name, and exit code 1 where fewer than 95 in 100 were. The page tests/coverage.md is written by
`--write`; reasons that it gives are kept.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "tests" / "coverage.md"
LEAST_PERCENT = 95
# Whole runs are for these: what they try is the text of files, installations, or time.
LEFT_OUT = ("tests/packaging", "tests/benchmarks", "tests/standards")
USUAL = ("--quiet", "--numprocesses=2", "--dist=loadgroup", "--timeout=600", *(f"--ignore={each}" for each in LEFT_OUT))
HEAD = """\
# Branches that no test was seen to take

Written by `python3 tests --coverage --write`, which runs the tests with coverage.py in the processes that they start
([CONTRIBUTING.md](../CONTRIBUTING.md)). {taken} of {all} branches were seen taken: {percent:.1f} %. The others, by
function; "12-15" goes from line 12 to line 15 of the commit that was measured. What the last
column says is kept when the page is written again.

| where | in | branches | why |
|---|---|---|---|
"""
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]*)` \| [^|]* \| (.*) \|$", re.MULTILINE)
NO_REASON = "not looked at yet"


def main(arguments: list[str]) -> int:
    """Run the tests measured, then report."""
    wanted = [argument for argument in arguments if argument != "--write"]
    with tempfile.TemporaryDirectory() as directory:
        os.environ["COVERAGE_FILE"] = str(Path(directory) / "data")
        tests = coverage("run", "-m", "pytest", "-p", "no:cacheprovider", *(wanted or USUAL))
        if tests:
            # Some tests look at signal handlers or at the clock, and see that they are measured.
            sys.stderr.write(f"coverage: pytest ended with {tests}, see above; what was taken counts all the same\n")
        return report(write="--write" in arguments)


def report(*, write: bool) -> int:
    """Say what was measured; the data lie where COVERAGE_FILE says."""
    found = Path(os.environ["COVERAGE_FILE"]).with_name("report.json")
    coverage("combine", "--quiet")
    coverage("json", "--quiet", "-o", str(found))
    coverage("report", "--skip-covered", "--show-missing")
    measured: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    totals = measured["totals"]
    percent = 100 * totals["covered_branches"] / totals["num_branches"]
    if write:
        PAGE.write_text(page(measured, percent), encoding="utf-8")
    sys.stdout.write(f"branches taken: {totals['covered_branches']} of {totals['num_branches']}, {percent:.1f} %\n")
    return 0 if percent >= LEAST_PERCENT else 1


def page(measured: dict[str, Any], percent: float) -> str:
    """Name the branches that were not taken, each function with the reason that the page gave before."""
    reasons = {(place, function): why for place, function, why in ROW.findall(known())}
    totals = measured["totals"]
    text = HEAD.format(taken=totals["covered_branches"], all=totals["num_branches"], percent=percent)
    for place, file in sorted(measured["files"].items()):
        missed: dict[str, list[str]] = {}
        for start, end in file["missing_branches"]:
            to = f"{end}" if end > 0 else "end"
            missed.setdefault(function_at(file["functions"], start), []).append(f"{start}-{to}")
        for function, branches in missed.items():
            why = reasons.get((place, function), NO_REASON)
            text += f"| `{place}` | `{function}` | {', '.join(branches)} | {why} |\n"
    return text


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


def coverage(*arguments: str) -> int:
    """Run coverage.py with the settings of pyproject.toml."""
    command = [sys.executable, "-m", "coverage", *arguments]
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
