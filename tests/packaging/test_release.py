"""Looks at the archives as a package index and a careful distributor do."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.packaging.conftest import Built

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("flowemf", "flowemf_pytest", "flowemf_processor", "flowemf_schemas")
EPOCH = "1767225600"  # 2026-01-01

pytestmark = pytest.mark.xdist_group("packaging")


def tool(*command: str, cwd: Path | None = None, **variables: str) -> str:
    """Run a program of the test environment, which must succeed; give what it said."""
    finished = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=os.environ | {"NO_COLOR": "1"} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def members(archive: Path) -> dict[str, bytes]:
    """Return every file of an archive of either kind."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(archive) as sdist:
        return {each.name: sdist.extractfile(each).read() for each in sdist.getmembers() if each.isfile()}


def test_two_builds_are_the_same_to_the_byte(tmp_path: Path) -> None:
    """Whoever builds the same commit with the same SOURCE_DATE_EPOCH can compare digests with ours."""
    archives = []
    for name in ("first", "second"):
        build = ("hatchling", "build", "--directory", str(tmp_path / name), "--target", "sdist", "--target", "wheel")
        tool(*build, cwd=ROOT, SOURCE_DATE_EPOCH=EPOCH)
        archives.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert sorted(path.rpartition(".")[2] for path in archives[0]) == ["gz", "whl"]
    assert archives[0] == archives[1]


def test_the_archives_name_nobody_and_no_machine(built: Built) -> None:
    """No path of the machine that built them, no user of it, no caches, no tests."""
    for archive in (built.sdist, built.wheel_from_sdist):
        found = members(archive)
        local = [str(place).encode() for place in (ROOT, Path.home(), Path(sys.prefix)) if str(place) != "/"]
        assert [name for name, data in found.items() if any(place in data for place in local)] == []
        assert [name for name in found if "cache" in name or name.endswith((".pyc", ".egg-link", ".pth"))] == []
        assert [name for name in found if "tests" in name.split("/")] == []
    with tarfile.open(built.sdist) as sdist:
        assert {(each.uid, each.gid, each.uname, each.gname) for each in sdist.getmembers()} == {(0, 0, "", "")}


def test_an_index_takes_the_archives(built: Built) -> None:
    """The metadata is valid and the README can be shown as the project's page."""
    shown = tool("twine", "check", "--strict", str(built.sdist), str(built.wheel_from_sdist))
    assert shown.count("PASSED") == 2


def test_the_wheel_holds_our_packages_and_nothing_doubtful(built: Built) -> None:
    """check-wheel-contents finds no stray file, no double, no package that would stand in for somebody else's."""
    tool("check_wheel_contents", "--no-config", "--toplevel", ",".join(PACKAGES), str(built.wheel_from_sdist))


def test_the_metadata_says_what_an_index_asks_for(built: Built) -> None:
    """The licence as an expression, the versions of Python that are tried, classifiers that exist."""
    from trove_classifiers import classifiers, deprecated_classifiers

    found = members(built.wheel_from_sdist)
    [raw] = [data for name, data in found.items() if name.endswith(".dist-info/METADATA")]
    metadata = message_from_bytes(raw, policy=policy.compat32)
    listed = metadata.get_all("Classifier")
    assert [each for each in listed if each not in classifiers or each in deprecated_classifiers] == []
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 14)} <= set(listed)
    assert "Typing :: Typed" in listed
    assert not [each for each in listed if each.startswith("License ::")], "an expression and a classifier contradict"
    assert [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line] == []
    assert metadata["Version"] == tool("flowemf_processor", "--version").split()[1]
