"""Builds the distribution once and installs it into clean environments for the tests of this folder.

The source tree comes in; archives and environments in a temporary directory come out. The base wheel is installed from
its file alone: that it needs no other package is one of the things tried here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from clean_environments import ROOT, Environment, build_wheel, checked, new_environment

__all__ = ["Environment"]


@dataclass(frozen=True)
class Built:
    """The archives of one build."""

    sdist: Path
    wheel_from_tree: Path
    wheel_from_sdist: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the sdist, the wheel of the tree, and the wheel of the sdist."""
    from_sdist = tmp_path_factory.mktemp("from-sdist")
    from_tree = tmp_path_factory.mktemp("from-tree")
    # without --wheel: the wheel is made from the sdist
    checked(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(from_sdist), str(ROOT))
    [sdist], [wheel] = from_sdist.glob("*.tar.gz"), from_sdist.glob("*.whl")
    return Built(sdist=sdist, wheel_from_tree=build_wheel(from_tree), wheel_from_sdist=wheel)


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
