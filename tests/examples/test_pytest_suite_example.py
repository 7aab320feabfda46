"""The suite of examples/pytest_suite in an environment of its own, with `flowemf[testing]` and nothing else."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from clean_environments import Environment, new_environment
from example_programs import EXAMPLES, table

pytestmark = pytest.mark.xdist_group("pytest-suite-example")


@pytest.fixture(scope="module")
def testing_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Install what the suite says that it needs."""
    environment = new_environment(tmp_path_factory.mktemp("testing"))
    environment.install(f"{wheel}[testing]")
    return environment


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Copy the suite, as whoever starts from it does."""
    copied = tmp_path / "examples" / "pytest_suite"
    shutil.copytree(EXAMPLES / "pytest_suite", copied, ignore=shutil.ignore_patterns("__pycache__"))
    return copied


def outcome(environment: Environment, suite: Path) -> dict[str, int]:
    """Run the suite with the command of the table; give how many passed and failed."""
    program, *arguments = table()["pytest_suite"].split()
    finished = environment.run(program, *arguments, "-q", "-p", "no:cacheprovider", cwd=suite.parents[1])
    found = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error)", finished.stdout)}
    assert found, finished.stdout + finished.stderr
    return found


def test_the_suite_passes_in_a_clean_environment(testing_environment: Environment, suite: Path) -> None:
    """The fixture comes with the package; no conftest.py is needed."""
    tests = (suite / "test_chat_service.py").read_text("utf-8").count("\ndef test_")
    assert outcome(testing_environment, suite) == {"passed": tests}


@pytest.mark.parametrize(
    ("line", "mistake", "failing"),
    [
        ("        generation.record_response(response)\n", "", 1),
        ('@flowemf.flow("chat")', '@flowemf.flow("talk")', 3),
        ("flowemf.bind(tenant=tenant)", "flowemf.bind(tenant=tenant, question=question)", 1),
    ],
    ids=["tokens forgotten", "a flow renamed", "a question that leaves"],
)
def test_the_suite_finds_mistakes_in_the_metrics(
    testing_environment: Environment, suite: Path, line: str, mistake: str, failing: int
) -> None:
    """Its assertions hold because the metrics are right, and for no other reason."""
    service = suite / "chat_service.py"
    source = service.read_text("utf-8")
    assert line in source
    service.write_text(source.replace(line, mistake), "utf-8")
    assert outcome(testing_environment, suite)["failed"] == failing
