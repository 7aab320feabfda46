"""Installs the package as users do and tries what each installation promises."""

from __future__ import annotations

import json
import re
from importlib.metadata import requires
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowemf_processor import console

if TYPE_CHECKING:
    from tests.packaging.conftest import Environment

ROOT = Path(__file__).parent.parent.parent
APPLICATION = """
import flowemf

flowemf.configure(namespace="Packaging")

@flowemf.flow("order")
def order():
    with flowemf.generation("a-model") as generation:
        generation.record_usage(input_tokens=3, output_tokens=4)

order()
"""

pytestmark = pytest.mark.xdist_group("packaging")


def test_a_base_install_brings_no_other_package(base_install: Environment, tmp_path: Path) -> None:
    """The emitter goes into a Lambda layer: no boto3, no duckdb, no aiohttp, no click, nothing at all."""
    listing = "from importlib.metadata import distributions; print(*{d.name for d in distributions()})"
    assert base_install.run("python", "-c", listing, cwd=tmp_path).stdout.split() == ["flowemf"]


def test_a_base_install_emits_lines(base_install: Environment, tmp_path: Path) -> None:
    """Without any extra an application writes whole JSON lines with metrics in them."""
    finished = base_install.run("python", "-c", APPLICATION, cwd=tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    documents = [json.loads(line) for line in finished.stdout.splitlines()]
    assert len(documents) == 3, "flow start, generation, flow end"
    assert all(document["_aws"]["CloudWatchMetrics"] for document in documents)


@pytest.mark.parametrize("command", ["demo", "check", "replay", "schema"])
def test_a_base_install_names_the_extra_that_a_command_needs(
    base_install: Environment, tmp_path: Path, command: str
) -> None:
    """A command of the processor ends with 2 and the line to type, without a traceback."""
    finished = base_install.run("flowemf", command, "x", cwd=tmp_path)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.count("\n") == 1
    assert "pip install 'flowemf[processor]'" in finished.stderr


def test_a_base_install_answers_version_and_help(base_install: Environment, tmp_path: Path) -> None:
    """The two questions that need no extra are answered on stdout, and the help says how to get the rest."""
    version = base_install.run("flowemf", "--version", cwd=tmp_path)
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.startswith("flowemf ")
    described = base_install.run("python", "-m", "flowemf_processor", "--help", cwd=tmp_path)
    assert (described.returncode, described.stderr) == (0, "")
    assert "pip install 'flowemf[processor]'" in described.stdout


def test_the_console_knows_every_package_of_the_extra() -> None:
    """A package that is added to the extra gets its remedy too; botocore comes with boto3."""
    wanted = [line for line in requires("flowemf") or [] if re.search(r"extra == .processor.", line)]
    names = {re.split(r"[^\w.-]", line)[0].replace("-", "_") for line in wanted}
    modules = {"backports" if name in ("backports.zstd", "backports_zstd") else name for name in names}
    assert modules | {"botocore"} == console._EXTRA_MODULES


def test_another_missing_module_is_not_blamed_on_the_extra(base_install: Environment, tmp_path: Path) -> None:
    """A module of our own that is missing means a broken installation: it is named, and no wrong remedy is given."""
    hide = "import sys; sys.modules['flowemf_processor.cli'] = None; from flowemf_processor.console import main; "
    finished = base_install.run("python", "-c", hide + "sys.exit(main())", cwd=tmp_path)
    assert finished.returncode == 70
    assert "ModuleNotFoundError" in finished.stderr
    assert "flowemf_processor.cli" in finished.stderr
    assert "pip install" not in finished.stderr


def test_modules_of_the_users_own_do_not_stand_in_the_way(base_install: Environment, tmp_path: Path) -> None:
    """A project with `schemas/`, `emitter/`, `processor.py` and `tests/` of its own is a usual place to start from."""
    for name in ("schemas", "emitter", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the user\\'s own package was imported')\n")
    (tmp_path / "processor.py").write_text("raise SystemExit('the user\\'s own module was imported')\n")
    finished = base_install.run("python", "-c", APPLICATION, cwd=tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert base_install.run("python", "-m", "flowemf_processor", "--version", cwd=tmp_path).returncode == 0


def test_an_editable_install_runs_from_the_source_tree(editable_install: Environment, tmp_path: Path) -> None:
    """All three packages come from the tree itself, their data included, and the command is there."""
    where = (
        "import flowemf, flowemf_processor, flowemf_schemas as s; s.load('ledger');"
        "print(flowemf.__file__, flowemf_processor.__file__, s.__file__, sep='\\n')"
    )
    finished = editable_install.run("python", "-c", where, cwd=tmp_path)
    folders = [Path(line).relative_to(ROOT).parts[0] for line in finished.stdout.splitlines()]
    assert folders == ["emitter", "processor", "schemas"], finished.stderr
    assert editable_install.run("flowemf", "--version", cwd=tmp_path).returncode == 0
