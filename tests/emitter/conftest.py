"""What the emitter's tests share: a sink that judges every line it gets, a clock that is told the time.

Lines go in; parsed documents come out, each of which has passed the schemas and the rules.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flowemf
from flowemf import _context, _default, _tally
from flowemf_schemas import names, rules, validator

ROOT = Path(__file__).parent.parent.parent
Document = dict[str, Any]
EVENT_SCHEMAS = {
    names.EVENT_FLOW_START: "flow-event",
    names.EVENT_FLOW_END: "flow-event",
    names.EVENT_GENERATION: "generation-event",
    names.EVENT_METRIC: "emf-written",
    names.EVENT_DROPPED: "emf-written",
}


def _without_duplicates(members: list[tuple[str, Any]]) -> Document:
    assert len({name for name, _ in members}) == len(members), f"a member stands twice in {members}"
    return dict(members)


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def checked(line: bytes) -> Document:
    """Parse one line, and fail on whatever a reader of it might stumble over."""
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert line.startswith(b'{"_aws":{"Timestamp":')
    document: Document = json.loads(line, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    assert [error.message for error in validator("emf-written").iter_errors(document)] == []
    assert [error.message for error in validator(EVENT_SCHEMAS[document["event"]]).iter_errors(document)] == []
    assert rules.examine(document, size_bytes=len(line)) == []
    return document


class Captured:
    """A sink that keeps the lines; `documents` are parsed and judged."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def __call__(self, line: bytes) -> None:
        self.lines.append(line)

    @property
    def documents(self) -> list[Document]:
        """Every line so far, in order."""
        return [checked(line) for line in self.lines]

    @property
    def last(self) -> Document:
        """The newest line."""
        return checked(self.lines[-1])


class ToldClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now_ms = 1_700_000_000_000.0

    def wall_ms(self) -> int:
        return int(self.now_ms)

    def monotonic_ms(self) -> float:
        return self.now_ms

    def wait(self, milliseconds: float) -> None:
        self.now_ms += milliseconds


@pytest.fixture(autouse=True)
def _fresh_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start each test with no default monitor, nothing bound and no trace."""
    monkeypatch.setattr(_default, "_monitor", None)
    monkeypatch.setattr(_default, "_before", _tally.Tally())
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    yield
    _context.unbind(())


@pytest.fixture
def captured() -> Captured:
    return Captured()


@pytest.fixture(scope="session")
def captured_class() -> type[Captured]:
    """For property tests, which make a new one for each example."""
    return Captured


@pytest.fixture
def clock() -> ToldClock:
    return ToldClock()


@pytest.fixture(scope="session")
def clock_class() -> type[ToldClock]:
    """For property tests, which make a new one for each example."""
    return ToldClock


@pytest.fixture
def monitor(captured: Captured, clock: ToldClock) -> flowemf.Monitor:
    """Make a monitor with the default settings that writes into `captured`."""
    return flowemf.Monitor("App/Test", sink=captured, clock=clock)


@pytest.fixture
def make_monitor(captured: Captured, clock: ToldClock) -> Callable[..., flowemf.Monitor]:
    """Make a monitor with settings of the test's own that writes into `captured`."""

    def make(**settings: Any) -> flowemf.Monitor:
        return flowemf.Monitor(**{"namespace": "App/Test", "sink": captured, "clock": clock, **settings})

    return make


@pytest.fixture
def documents_of() -> Callable[[bytes], list[Document]]:
    """Judge the output of a process or the content of a file."""

    def parse(output: bytes) -> list[Document]:
        return [checked(line) for line in output.splitlines(keepends=True)]

    return parse


@pytest.fixture
def judge() -> Callable[[bytes], Document]:
    return checked


Runner = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def run_python() -> Runner:
    """Run a program in a new interpreter that finds our packages."""

    def run(program: str, *, arguments: Iterable[str] = (), **options: Any) -> subprocess.CompletedProcess[bytes]:
        path = os.pathsep.join(str(ROOT / part) for part in ("emitter", "schemas"))
        environment = {**os.environ, "PYTHONPATH": path, **options.pop("environment", {})}
        command = [sys.executable, "-W", "error", *options.pop("flags", ()), "-c", program, *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.run(command, env=environment, check=False, timeout=60, **pipes)

    return run
