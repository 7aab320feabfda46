"""Tells whether a missing system part shows: skipped with its reason on a laptop, failed under CI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent.parent / "conftest.py"
TEST_FILE = """
import pytest

@pytest.mark.requires_system("no-such-program", "nor-this-one")
def test_absent(): ...

@pytest.mark.requires_system("no-such-program", "sh")
def test_present(): ...
"""


def run_pytest(directory: Path, ci: str | None) -> subprocess.CompletedProcess[str]:
    """Run the sample above under our conftest, with or without CI set."""
    shutil.copy(CONFTEST, directory)
    (directory / "test_sample.py").write_text(TEST_FILE)
    environment = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST_")}
    environment |= {"CI": ci} if ci is not None else {}
    command = [sys.executable, "-m", "pytest", "-ra", "--strict-markers", "-p", "no:cacheprovider", "."]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("ci", [None, ""])
def test_a_missing_system_part_skips_visibly_outside_ci(tmp_path: Path, ci: str | None) -> None:
    """The reason stands in the summary, and a test whose alternative is present runs."""
    finished = run_pytest(tmp_path, ci)
    assert finished.returncode == 0, finished.stdout
    assert "1 passed, 1 skipped" in finished.stdout
    assert "needs the program no-such-program or nor-this-one" in finished.stdout


def test_a_missing_system_part_fails_under_ci(tmp_path: Path) -> None:
    """A part that `.ci/run` forgot to install cannot hide behind a skip."""
    finished = run_pytest(tmp_path, "true")
    assert finished.returncode == 1, finished.stdout
    assert "1 passed, 1 error" in finished.stdout
    assert "system_parts in .ci/run" in finished.stdout
