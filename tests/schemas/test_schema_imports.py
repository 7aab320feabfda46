"""Measures what importing the schemas pulls in, in a process of its own, and runs the examples of their docstrings."""

from __future__ import annotations

import doctest
import importlib
import json
import pkgutil
import subprocess
import sys

import pytest

import flowemf_schemas

MODULES = [
    "flowemf_schemas",
    *(f"flowemf_schemas.{each.name}" for each in pkgutil.iter_modules(flowemf_schemas.__path__)),
]
LIGHT = ("flowemf_schemas", "flowemf_schemas.names", "flowemf_schemas.limits", "flowemf_schemas.units")
PROBE = """
import json, sys
before = set(sys.modules)
for name in sys.argv[1:]:
    __import__(name)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def newly_imported(*names: str) -> set[str]:
    """Import modules in a fresh interpreter and list what that brought in."""
    command = [sys.executable, "-c", PROBE, *names]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(finished.stdout))


def test_the_light_modules_import_nothing_else() -> None:
    """They lie on the import path of every program that uses the emitter."""
    assert newly_imported(*LIGHT) == {*LIGHT, "flowemf_schemas._version", "__future__"}


def test_the_rules_need_no_third_party_package() -> None:
    """Lines are judged without jsonschema, which is there for users' own validation."""
    foreign = {"jsonschema", "referencing", "attr", "attrs", "rpds", "boto3", "botocore", "orjson", "msgspec"}
    assert newly_imported("flowemf_schemas.rules") & foreign == set()


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_the_docstrings_run(module: str) -> None:
    """What the documentation shows is what happens."""
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_the_public_functions_have_examples() -> None:
    """The functions that other rooms call first show how."""
    from flowemf_schemas import rules, units, violations

    for function in (
        flowemf_schemas.load,
        flowemf_schemas.validator,
        rules.examine,
        units.suggest,
        violations.compile_schema,
    ):
        assert ">>>" in (function.__doc__ or ""), function
