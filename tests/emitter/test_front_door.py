"""What `import flowemf` costs and offers, and what happens before `configure`."""

from __future__ import annotations

import doctest
import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import pytest

import flowemf

LIGHT = {"__future__", "_contextvars", "_json", "_weakref", "_collections", "atexit", "errno", "time"}
MODULES = [name for _, name, _ in pkgutil.walk_packages(flowemf.__path__, "flowemf.") if name.startswith("flowemf._")]


def test_importing_flowemf_imports_next_to_nothing_else(run_python: Any) -> None:
    """Beside our own modules only small ones written in C: a guest does not slow down the start of the program."""
    program = (
        "import os, sys; before = set(sys.modules); import flowemf; new = set(sys.modules) - before;"
        "import json; print(json.dumps(sorted(new)))"
    )
    new = set(json.loads(run_python(program, flags=["-S"]).stdout))  # site loads what this environment asks for
    foreign = {name for name in new if name.partition(".")[0] not in {"flowemf", "flowemf_schemas"}}
    assert foreign <= LIGHT
    assert {name for name in new if name.startswith("flowemf_schemas.")} <= {
        "flowemf_schemas._version",
        "flowemf_schemas.names",
        "flowemf_schemas.units",
        "flowemf_schemas.limits",
    }


def test_the_first_lines_load_nothing_heavy_either(run_python: Any) -> None:
    """Configuring, flows, generations and metrics do without json, re, logging, threading, dataclasses and asyncio."""
    program = """
import sys
import flowemf
flowemf.configure("App/Test", custom_dimensions={"Team": "ai"})
with flowemf.flow("chat"), flowemf.generation("nova") as running:
    running.record_usage(input_tokens=1)
flowemf.metric("Documents", 1, "Count")
heavy = {"json", "re", "logging", "threading", "dataclasses", "asyncio", "typing", "enum", "inspect", "functools"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    finished = run_python(program, flags=["-S"])
    assert len(finished.stdout.splitlines()) == 4
    assert finished.stderr == b"[]\n"


def test_calls_before_configure_do_nothing_and_say_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Every public call is a counted no-op; decorated functions run, and measure as soon as there is a monitor."""

    @flowemf.flow("chat")
    def answer() -> int:
        return 42

    assert answer() == 42
    with flowemf.flow("chat"), flowemf.generation("nova") as running:
        running.record_usage(input_tokens=1)
        running.first_token()
    flowemf.metric("Documents", 1)
    flowemf.bind(tenant="acme")
    flowemf.unbind()
    flowemf.on_flow_start("a")
    flowemf.on_flow_end("a", 1)
    flowemf.on_flow_error("a", 1)
    flowemf.on_flow_cancelled("a", 1)
    flowemf.on_generate("nova", duration_ms=1)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert "flowemf.configure(" in output.err
    assert flowemf.stats() == {"lines_written": 0, "not_configured": 11}

    lines: list[bytes] = []
    flowemf.configure("App/Test", sink=lines.append)
    assert answer() == 42
    assert len(lines) == 2
    assert flowemf.stats() == {"lines_written": 2, "not_configured": 11}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_run(name: str) -> None:
    """Each docstring's example gives what it shows."""
    flowemf.configure("App/Test", sink=lambda line: None)
    found = doctest.testmod(importlib.import_module(name))
    assert found.failed == 0


def test_everything_public_has_a_docstring() -> None:
    """What `flowemf` lists, and the public members of its classes."""
    offered = [getattr(flowemf, name) for name in flowemf.__all__ if name != "__version__"]
    members = [
        member
        for each in offered
        if isinstance(each, type)
        for name, member in vars(each).items()
        if callable(member) and not name.startswith("_")
    ]
    assert [each for each in [*offered, *members] if not each.__doc__] == []


def test_the_package_says_that_it_is_typed() -> None:
    """Type checkers look for py.typed."""
    assert (Path(flowemf.__file__).parent / "py.typed").exists()
