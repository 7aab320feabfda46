"""The fixture `flowemf_capture` in a project of a user's: a real pytest run in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
APPLICATION = """
import flowemf
from flowemf_schemas import names

@flowemf.flow("chat")
def answer(question):
    flowemf.metric("DocumentsFound", 3, "Count", {"Index": "manuals"})
    return question.upper()

async def stream():
    async with flowemf.flow("stream"):
        return 1

def main():
    flowemf.configure("Shop/Chat", sink="stdout")
    return answer("why?")
"""
# What a user writes, and in which way each test ends.
TESTS = {
    "a passing test": (
        """
def test_it(flowemf_capture):
    application.main()
    assert flowemf_capture.count("FlowCompleted", FlowName="chat") == 1
    assert flowemf_capture.sum("DocumentsFound") == 3
""",
        ("1 passed",),
    ),
    "a test that expects what did not happen": (
        """
def test_it(flowemf_capture):
    application.answer("why?")
    assert flowemf_capture.count("FlowCompleted", FlowName="chta") == 1
""",
        (
            "1 failed",
            "assert 0 == 1",
            "no FlowCompleted has FlowName='chta'; did you mean 'chat'?",
            "FlowCompleted FlowName='chat' Status='Success': 1 value, sum 1",
        ),
    ),
    "a test whose code writes an invalid line": (
        """
from flowemf import _tally
from flowemf._output import sink as _sink
from flowemf._output import target as _target

def test_it(flowemf_capture):
    line = b'{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"A","Dimensions":[[]],'
    line += b'"Metrics":[{"Name":"L","Unit":"ms"}]}]},"L":1}\\n'
    _sink.Sink(_target.FunctionTarget(print)).write(line, _tally.Tally())
""",
        ("1 failed", "1 of 1 captured lines are not valid", 'did you mean "Milliseconds"?'),
    ),
    "tests that do not see each other's metrics": (
        """
def test_one(flowemf_capture):
    application.answer("why?")

def test_two(flowemf_capture):
    assert flowemf_capture.lines == []

def test_three(capfd):
    application.main()
    assert "FlowCompleted" in capfd.readouterr().out
""",
        ("3 passed",),
    ),
    "a clock of the project's own": (
        """
import flowemf
import pytest
from flowemf.testing import ManualClock

@pytest.fixture
def flowemf_clock():
    return ManualClock()

def test_it(flowemf_clock, flowemf_capture):
    with flowemf.flow("slow"):
        flowemf_clock.advance(1500)
    assert flowemf_capture.values("FlowDuration") == [1500]
""",
        ("1 passed",),
    ),
    "unittest's classes and coroutines": (
        """
import asyncio
import unittest
import pytest
from flowemf.testing import capture_metrics

@pytest.mark.usefixtures("flowemf_capture")
class TestIt(unittest.TestCase):
    def test_it(self):
        with capture_metrics() as captured:
            asyncio.run(application.stream())
        self.assertEqual(captured.count("FlowCompleted", FlowName="stream"), 1)
""",
        ("1 passed",),
    ),
}


def run_pytest(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest as a user does, with the plugin that an installed flowemf registers and no other."""
    parts = [str(project), str(ROOT / "emitter"), str(ROOT / "schemas")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(parts),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "",
    }
    command = [sys.executable, "-m", "pytest", "-p", "flowemf_pytest.plugin", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        [*command, str(project)],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "application.py").write_text(APPLICATION)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    return tmp_path


@pytest.mark.parametrize(("test", "expected"), TESTS.values(), ids=TESTS.keys())
def test_a_users_test_ends_as_it_should(project: Path, test: str, expected: tuple[str, ...]) -> None:
    """The fixture captures, judges and explains, in whatever way the project tests."""
    (project / "test_application.py").write_text(f"import application\n{test}")
    finished = run_pytest(project)
    for text in expected:
        assert text in finished.stdout, finished.stdout + finished.stderr
    assert " error" not in finished.stdout.splitlines()[-1], finished.stdout


def test_an_installed_flowemf_registers_the_plugin() -> None:
    """Nothing has to be switched on in a project's conftest.py."""
    from importlib.metadata import entry_points

    assert [each.value for each in entry_points(group="pytest11", name="flowemf")] == ["flowemf_pytest.plugin"]


def test_a_stranger_pays_next_to_nothing(project: Path) -> None:
    """A run without our fixture imports no other module of ours, nor what our fixture needs."""
    (project / "test_stranger.py").write_text(
        "import sys\n"
        "def test_it():\n"
        "    loaded = {name for name in sys.modules if name.partition('.')[0] in ('flowemf', 'flowemf_schemas')}\n"
        "    assert loaded == set()\n"
        "    assert 'jsonschema' not in sys.modules\n"
    )
    (project / "application.py").unlink()
    finished = run_pytest(project)
    assert "1 passed" in finished.stdout, finished.stdout + finished.stderr


def test_a_strangers_comparison_stays_as_it_is(project: Path) -> None:
    """The plugin has a say in its own numbers only, and touches no other object."""
    (project / "test_stranger.py").write_text(
        "from unittest.mock import Mock\n"
        "class Touchy:\n"
        "    def __getattr__(self, name):\n"
        "        raise RuntimeError('touched')\n"
        "def test_it():\n"
        "    assert Touchy() == Mock()\n"
    )
    finished = run_pytest(project, "-q")
    assert "touched" not in finished.stdout
    assert "1 failed" in finished.stdout
