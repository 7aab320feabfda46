"""`flowemf replay --engine spark` as a user runs it: what it refuses, what it says, and a driver that is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cloudwatch_server import Answer, CloudWatchServer
from metric_lines import document
from replaying import text_of
from spark_replays import workers_reading

from flowemf_processor.cli.main import run
from flowemf_processor.pipeline.delivery import SENT_AGAIN
from flowemf_schemas.ledger_rules import examine_ledger

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

REPLAY = ("replay", "app.log", "--engine", "spark")
WITHOUT_PYSPARK = """
import sys
sys.modules["pyspark"] = None
from flowemf_processor.console import main
sys.argv = ["flowemf", *sys.argv[1:]]
sys.exit(main())
"""
NAMESPACES, LINES = 5, 4000


# --- What it refuses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*REPLAY, "--to", "stdout"), "--engine spark knows --to metrics and --to local only; run --to stdout without"),
        ((*REPLAY, "--to", "metrics", "--follow"), "--engine spark reads what is there, and --follow what is still to"),
        ((*REPLAY, "--to", "metrics", "--jobs", "2"), "with --engine spark say --master 'local[N]'"),
        (("replay", "-", "--engine", "spark", "--to", "local"), "--engine spark cannot read standard input"),
        (("replay", "logs:///a", "--engine", "spark", "--to", "local"), "cannot read logs:///a: a log group answers"),
        (("replay", "app.log", "--master", "yarn", "--to", "local"), "--master has no meaning without --engine spark"),
    ],
    ids=lambda each: each[-1] if isinstance(each, tuple) else "",
)
def test_what_a_cluster_cannot_do_is_refused_with_the_remedy(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is read or started."""
    assert run(arguments) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    """With the command that installs it."""
    (tmp_path / "app.log").touch()
    command = [sys.executable, "-c", WITHOUT_PYSPARK, *REPLAY, "--to", "local"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert finished.returncode == 2
    assert finished.stderr.startswith("flowemf: --engine spark needs the package pyspark, which is not installed: ")
    assert "pip install 'flowemf[processor,spark]'" in finished.stderr


def test_missing_java_is_named(with_variables: Callable[..., Flowemf], tmp_path: Path) -> None:
    """With the package that brings it."""
    (tmp_path / "app.log").touch()
    finished = with_variables(PATH=str(tmp_path), JAVA_HOME=None)(*REPLAY, "--to", "local")
    assert finished.returncode == 2
    assert b"--engine spark needs Java 17 or later, and there is none on the PATH" in finished.stderr
    assert b"apt-get install openjdk-17-jre-headless" in finished.stderr


@pytest.mark.requires_system("java")
def test_a_master_that_spark_does_not_know_is_told(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """In Spark's own words, without the rest of what it says."""
    (tmp_path / "app.log").write_text("an ordinary line\n")
    finished = flowemf_command(*REPLAY, "--to", "local", "--master", "nonsense")
    assert finished.returncode == 2
    said = "flowemf: Spark does not start at --master nonsense: Master must either be yarn or start with spark"
    assert finished.stderr.decode().splitlines()[-1].startswith(said)
    assert len(finished.stderr.splitlines()) == 3


# --- What it does -----------------------------------------------------------------------------------------------------


def java_processes_of(parent: int) -> list[int]:
    """List the Java processes that a process has started."""
    numbers = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]
    return [each for each in numbers if (stat_of(each) or "? 0").split()[1] == str(parent) and is_java(each)]


def stat_of(process: int) -> str:
    """Give what the kernel says of a process, from its state and parent on; nothing where it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2]
    return ""


def is_java(process: int) -> bool:
    """Tell whether a process runs Java."""
    with contextlib.suppress(OSError):
        return b"java" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait, but not for ever."""
    deadline = time.monotonic() + 240
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(process: int) -> bool:
    """Tell whether a process has not ended."""
    return stat_of(process).split()[:1] not in ([], ["Z"])


@pytest.mark.requires_system("java")
@pytest.mark.xdist_group("spark")
@pytest.mark.timeout(600)
def test_a_driver_that_is_killed_while_it_delivers_loses_nothing(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """The next run sends what was planned, says what may count twice, and reads nothing again; Java ends with ours."""
    now_ms = int(time.time() * 1000)
    written = (document({"Latency": n}, namespace=f"N{n % NAMESPACES}", timestamp_ms=now_ms) for n in range(LINES))
    (tmp_path / "app.log").write_bytes(text_of(written))
    replay = (*REPLAY, "--to", "metrics", "--master", "local[2]", "--in-flight", "1", "--json")
    javas: list[int] = []
    with CloudWatchServer() as server:
        options = ("--endpoint-url", server.endpoint_url)
        with flowemf_command.start(*replay, *options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:

            def kill() -> None:
                javas.extend(java_processes_of(driver.pid))
                os.kill(driver.pid, signal.SIGKILL)

            server.answers = [Answer(), Answer(), Answer(before=kill)]
            assert driver.wait(timeout=300) == -signal.SIGKILL
        assert len(javas) == 1
        assert len(server.requests) == 3
        finished = flowemf_command(*replay, *options)
        assert finished.returncode == 0, finished.stderr.decode()
        received = server.values()
    account: dict[str, Any] = json.loads(finished.stdout)
    assert examine_ledger(account) == []
    [destination] = account["destinations"]
    again = destination["reasons"][SENT_AGAIN]
    assert again == LINES // NAMESPACES
    assert {value for _, _, value in received} == set(range(LINES))
    assert received.total() == LINES + again
    assert (account["lines"], destination["datapoints"]["resumed"]) == (0, LINES * 3 // NAMESPACES)
    assert account["sources"][0]["already_accepted_bytes"] == (tmp_path / "app.log").stat().st_size
    assert destination["all_runs"] == {"accepted": LINES, "refused": 0, "sent_again": again, "given_up": 0}
    said = finished.stderr.decode().splitlines()
    assert said[0].startswith("read: 0 lines in 1 source")
    assert said[-1] == "flowemf replay: done"
    assert [line for line in said if "WARN" in line or "Spark" in line or "Warning" in line] == []
    wait_until(lambda: not is_running(javas[0]))  # Java does not go on without the process that started it


@pytest.mark.requires_system("java")
@pytest.mark.xdist_group("spark")
@pytest.mark.timeout(600)
def test_ctrl_c_ends_a_replay_in_order(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """While tasks read: an account, one sentence, no word of Spark's, and nothing that goes on."""
    (tmp_path / "app.log").write_bytes(text_of(document({"Latency": n % 7}) for n in range(300_000)))
    command = (*REPLAY, "--to", "local", "--master", "local[2]")
    with flowemf_command.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as driver:
        wait_until(lambda: workers_reading(tmp_path / "app.log") != [])
        [java] = java_processes_of(driver.pid)
        driver.send_signal(signal.SIGINT)
        shown, said = driver.communicate(timeout=120)
    assert (driver.returncode, shown) == (130, "")
    assert said.splitlines()[-1] == "flowemf: interrupted by SIGINT; run the same command again to go on"
    assert len(said.splitlines()) == 3, said
    wait_until(lambda: not is_running(java))
