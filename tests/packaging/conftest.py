"""Builds the distribution once and installs it into clean environments for the tests of this folder.

The source tree comes in; archives and environments in a temporary directory come out. The base wheel is installed from
its file alone: that it needs no other package is one of the things tried here.
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
class Built:
    """The archives of one build."""

    sdist: Path
    wheel_from_tree: Path
    wheel_from_sdist: Path


@dataclass(frozen=True)
class Environment:
    """A virtual environment of its own, used as a user would: programs run in it, from any directory."""

    directory: Path

    def run(self, program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's programs with nothing inherited that could help it find our source tree."""
        settings = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        command = [str(self.directory / "bin" / program), *arguments]
        return subprocess.run(
            command, cwd=cwd, env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

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


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the sdist, the wheel of the tree, and the wheel of the sdist."""
    from_sdist = tmp_path_factory.mktemp("from-sdist")
    from_tree = tmp_path_factory.mktemp("from-tree")
    build = (sys.executable, "-m", "build", "--no-isolation")
    checked(*build, "--outdir", str(from_sdist), str(ROOT))  # without --wheel: the wheel is made from the sdist
    checked(*build, "--wheel", "--outdir", str(from_tree), str(ROOT))
    [sdist], [first], [second] = from_sdist.glob("*.tar.gz"), from_tree.glob("*.whl"), from_sdist.glob("*.whl")
    return Built(sdist=sdist, wheel_from_tree=first, wheel_from_sdist=second)


@pytest.fixture(scope="session")
def base_install(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Install the wheel without extras, from the file alone: an index is not even asked."""
    environment = new_environment(tmp_path_factory.mktemp("base-install"))
    environment.install("--no-index", str(built.wheel_from_sdist))
    return environment


@pytest.fixture(scope="session")
def editable_install(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Install the source tree editable, as someone who works on it does."""
    environment = new_environment(tmp_path_factory.mktemp("editable-install"))
    environment.install("--no-deps", "--editable", str(ROOT))
    return environment
