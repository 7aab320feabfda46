"""Virtual environments of their own, for every test that installs something as a user would.

A directory goes in; an environment comes out whose programs inherit nothing that could help them find our source tree.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Environment:
    """A virtual environment of its own, used as a user would: programs run in it, from any directory."""

    directory: Path

    def run(self, program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's programs with nothing inherited that could help it find our source tree."""
        command = [str(self.directory / "bin" / program), *arguments]
        return subprocess.run(
            command, cwd=cwd, env=self.variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that its programs get."""
        return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}

    def install(self, *arguments: str) -> None:
        """Install into this environment with the pip of the one that runs the tests."""
        python = str(self.directory / "bin" / "python")
        checked(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *arguments)


def checked(*command: str) -> None:
    """Run a command of the set-up; show all of its output where it fails."""
    finished = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if finished.returncode:
        pytest.fail(f"{' '.join(command)} ends with {finished.returncode}\n{finished.stdout}", pytrace=False)


def new_environment(directory: Path) -> Environment:
    """Create an empty environment, without even pip, so that a list of what it holds is exact."""
    venv.create(directory, symlinks=True, with_pip=False)
    return Environment(directory)


def build_wheel(directory: Path) -> Path:
    """Build the wheel of the source tree."""
    checked(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(directory), str(ROOT))
    [wheel] = directory.glob("*.whl")
    return wheel
