"""Reads every file of the project as text and keeps the rules that no tool checks.

The tree goes in; each broken rule comes out as a list of places.
"""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDERS = (".ci", "benchmarks", "docs", "emitter", "examples", "processor", "schemas", "tests")
PACKAGES = {
    "flowemf": "emitter",
    "flowemf_pytest": "emitter",
    "flowemf_processor": "processor",
    "flowemf_schemas": "schemas",
}
MOST_LINES = 600
# Somebody's own directories: a path that starts with one works on that person's machine only.
HOME_PATH = re.compile(r"(?<![\w.>-])/(?:root|work|workspace|home/[a-z][\w-]*|Users/[A-Za-z][\w-]*)/")
# Where packages come from is the machine's setting, never the project's.
PACKAGE_SOURCE = re.compile(r"index[-_]url|find[-_]links|trusted[-_]host|https?://|file://|registry\s*=", re.IGNORECASE)


def project_files() -> list[Path]:
    """Return the project's own files: those at the top and those in its folders, caches left out."""
    nested = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    hidden_tools = [path for path in ROOT.iterdir() if path.name == ".git"]  # a file in a linked work tree
    return sorted(path for path in [*ROOT.iterdir(), *nested] if path.is_file() and path not in hidden_tools)


def text_of(path: Path) -> str:
    """Return a file's text, or nothing where the file is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def places(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Return `file:line: text` for every match."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]


FILES = project_files()
MODULES = [path for path in FILES if path.suffix == ".py"]


def test_no_file_names_a_directory_of_one_machine() -> None:
    """What is written here works on any machine."""
    assert places(HOME_PATH, FILES) == []


def test_no_requirement_says_where_packages_come_from() -> None:
    """Requirement files, lock files and installer settings name packages and versions, never a host."""
    installers = {"pip.conf", ".npmrc", ".pypirc", "uv.toml"}
    listed = [
        path
        for path in FILES
        if path.name in installers
        or path.suffix == ".lock"
        or re.match(r"(requirements|constraints).*\.txt$", path.name)
    ]
    assert ROOT / "tests" / "requirements.txt" in listed
    assert places(PACKAGE_SOURCE, listed) == []


def test_ci_ends_with_the_test_command_that_the_readme_gives() -> None:
    """What continuous integration runs last is what a new contributor types."""
    command = text_of(ROOT / ".ci" / "run").splitlines()[-1]
    assert command == "python3 tests"
    assert command in [line.strip() for line in text_of(ROOT / "README.md").splitlines()]


def test_the_source_roots_are_not_packages() -> None:
    """`emitter`, `processor` and `schemas` hold a package each and must not claim those common names."""
    assert [root for root in PACKAGES.values() if (ROOT / root / "__init__.py").exists()] == []


def test_no_source_file_is_long() -> None:
    """One job a file: what outgrows this limit holds two."""
    lengths = {str(path.relative_to(ROOT)): len(text_of(path).splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_every_module_says_what_it_does() -> None:
    """Each Python file opens with a docstring."""
    silent = [str(path.relative_to(ROOT)) for path in MODULES if not ast.get_docstring(ast.parse(text_of(path)))]
    assert silent == []


def test_test_files_have_names_of_their_own() -> None:
    """Pytest's importlib mode and our reports tell test files apart by name."""
    names = [path.name for path in MODULES if path.name.startswith("test_")]
    assert sorted({name for name in names if names.count(name) > 1}) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_front_door_lists_what_it_offers(package: str) -> None:
    """`__all__` names what exists, once, and leaves out nothing that `__init__.py` defines or re-exports."""
    listed = list(importlib.import_module(package).__all__)
    assert sorted(set(listed)) == sorted(listed)
    assert [name for name in listed if not hasattr(importlib.import_module(package), name)] == []
    tree = ast.parse((ROOT / PACKAGES[package] / package / "__init__.py").read_text(encoding="utf-8"))
    assert sorted(offered_names(tree) - set(listed)) == []


def offered_names(tree: ast.Module) -> set[str]:
    """Return the public names that a module defines itself or imports from our own packages."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("flowemf")):
            found |= {alias.asname or alias.name for alias in node.names}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    typing_only = {"TYPE_CHECKING"}  # assigned where importing typing would cost the emitter ten milliseconds
    return {name for name in found if not name.startswith("_")} - typing_only
