"""Holds what the papers beside the code say to the code: changelog, contributing, security."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

import flowemf

ROOT = Path(__file__).parent.parent.parent
PAPERS = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
# https://keepachangelog.com/en/1.1.0/
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def read(name: str) -> str:
    """Return a paper's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_changelog_has_the_form_that_it_claims() -> None:
    """Unreleased first, then versions with dates, the latest first; under each, the kinds of changes of the form."""
    text = read("CHANGELOG.md")
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads[0] == "[Unreleased]"
    releases = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d{2}-\d{2})", head) for head in heads[1:]]
    assert all(releases), heads
    versions = [tuple(map(int, found.groups()[:3])) for found in releases]
    assert versions == sorted(set(versions), reverse=True)
    assert [date.fromisoformat(found[4]) for found in releases]
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= KINDS


def test_the_changelog_knows_the_version_that_the_command_prints() -> None:
    """Whoever reads a version finds out what is in it."""
    printed = subprocess.run(
        [sys.executable, "-m", "flowemf_processor", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert printed == f"flowemf {flowemf.__version__}\n"
    assert f"\n## [{flowemf.__version__}] - " in read("CHANGELOG.md")


@pytest.mark.parametrize("paper", PAPERS)
def test_what_a_paper_points_at_is_there(paper: str) -> None:
    """Links inside the repository, and files and folders named in code quotes."""
    text = read(paper)
    linked = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    quoted = re.findall(r"`((?:docs|emitter|processor|schemas|tests)/[\w./-]+)`", text)
    assert [target for target in [*linked, *quoted] if not (ROOT / target).exists()] == []


def test_what_is_run_on_demand_is_explained() -> None:
    """Each word that the test command takes has its row in CONTRIBUTING.md, and each row its word."""
    known = set(re.findall(r'"(--\w+)": \("tests/', read("tests/__main__.py")))
    assert known
    assert set(re.findall(r"^\| `python3 tests (--\w+)` \|", read("CONTRIBUTING.md"), re.MULTILINE)) == known


def test_every_test_that_ci_or_a_lean_run_names_exists() -> None:
    """A test file that was renamed takes its place in those lists along."""
    from runpy import run_path

    kinds = run_path(str(ROOT / "tests" / "on_demand" / "installs.py"))["KINDS"]
    named = [name for kind in kinds.values() for name in kind.files if not name.startswith("--")]
    subjects = run_path(str(ROOT / "tests" / "mutation" / "subjects.py"))["SUBJECTS"]
    named += [*subjects, *(test for tests in subjects.values() for test in tests)]
    for folder, stems in re.findall(r"(tests/\w+)/test_\{([\w,]+)\}\.py", read(".ci/run")):
        named += [f"{folder}/test_{stem}.py" for stem in stems.split(",")]
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_reason_for_an_unseen_branch_stays_with_its_function() -> None:
    """Also where the function has moved to another file; not where two files that have gone say different things."""
    from runpy import run_path

    row = "| `{}` | `{}` | 1-2 | {} |\n".format
    page = row("emitter/gone.py", "moved", "a race") + row("emitter/gone.py", "both", "one thing")
    page += row("emitter/gone_too.py", "both", "another") + row("emitter/flowemf/_calls.py", "stays", "Windows")
    branches = run_path(str(ROOT / "tests" / "on_demand" / "branches.py"))
    reasons = branches["Reasons"](page)
    assert [reasons.of("emitter/new.py", name) for name in ("moved", "moved", "both", "stays")] == [
        "a race",
        "a race",
        branches["NO_REASON"],
        branches["NO_REASON"],
    ]
    assert reasons.of("emitter/flowemf/_calls.py", "stays") == "Windows"
