"""Opens the built wheel and sdist and compares what they hold with the source tree."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.packaging.conftest import Built

ROOT = Path(__file__).parent.parent.parent
PACKAGES = {
    "flowemf": "emitter",
    "flowemf_pytest": "emitter",
    "flowemf_processor": "processor",
    "flowemf_schemas": "schemas",
}

pytestmark = pytest.mark.xdist_group("packaging")


def source_files(package: str) -> dict[str, bytes]:
    """Return a package's files in the source tree under the names that they have in a wheel."""
    root = ROOT / PACKAGES[package]
    paths = [path for path in (root / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def wheel_files(wheel: Path) -> dict[str, bytes]:
    """Return every file of a wheel by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sdist_files(sdist: Path) -> dict[str, bytes]:
    """Return every file of an sdist by name, without the directory that holds them all."""
    with tarfile.open(sdist) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        return {member.name.split("/", 1)[1]: archive.extractfile(member).read() for member in members}


def test_the_wheel_is_the_packages_byte_for_byte(built: Built) -> None:
    """Each source file is in the wheel, and nothing else but the wheel's own records is."""
    files = wheel_files(built.wheel_from_sdist)
    packaged = {name: data for name, data in files.items() if ".dist-info/" not in name}
    expected = {name: data for package in PACKAGES for name, data in source_files(package).items()}
    assert sorted(packaged) == sorted(expected)
    assert packaged == expected


def test_the_wheel_says_that_it_is_typed_and_carries_the_schemas(built: Built) -> None:
    """Type checkers need py.typed in each package; `load` needs the schemas that it names."""
    import flowemf_schemas

    names = set(wheel_files(built.wheel_from_sdist))
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert {f"flowemf_schemas/{name}.schema.json" for name in flowemf_schemas.SCHEMA_NAMES} <= names


def test_the_wheel_carries_its_licence(built: Built) -> None:
    """Whoever redistributes the wheel finds the full text and its name in it."""
    files = wheel_files(built.wheel_from_sdist)
    [licence] = [data for name, data in files.items() if name.endswith(".dist-info/licenses/LICENSE")]
    [metadata] = [data.decode() for name, data in files.items() if name.endswith(".dist-info/METADATA")]
    assert licence == (ROOT / "LICENSE").read_bytes()
    assert "License-Expression: Apache-2.0" in metadata


def test_the_sdist_holds_what_a_build_needs_and_no_tests(built: Built) -> None:
    """Sources, README, changelog and licence go out; tests, examples and tool settings stay."""
    names = set(sdist_files(built.sdist))
    assert {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "PKG-INFO"} <= names
    tops = {name.split("/")[0] for name in names if "/" in name}
    assert tops == set(PACKAGES.values())
    assert [name for name in names if "__pycache__" in name or "test_" in name] == []


def test_the_way_through_the_sdist_changes_nothing(built: Built) -> None:
    """A distributor who builds from the sdist ships the files that we ship, to the byte."""
    assert wheel_files(built.wheel_from_sdist) == wheel_files(built.wheel_from_tree)
