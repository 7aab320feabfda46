"""A run is told to end while requests are on their way: what it leaves is where the next one goes on."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cloudwatch_server import Answer, CloudWatchServer
from commands import Runs
from delivered import RAW, Document, documents, judge, write_log

LINES = 48
FOLLOW = ("--follow", "--flush-interval", "0.1")

# A terminal of its own for the command, which the kernel hangs up when its other end is closed.
ON_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "flowemf_processor", *sys.argv[1:]])
"""


class Requests:
    """Answers slowly, and tells when a request has come."""

    def __init__(self) -> None:
        self._come = threading.Semaphore(0)

    def __call__(self, _: dict[str, Any]) -> Answer:
        self._come.release()
        return Answer(after_seconds=0.15)

    def wait_for(self, count: int) -> None:
        """Wait until so many more have come."""
        for _ in range(count):
            assert self._come.acquire(timeout=30)


@pytest.fixture
def requests(cloudwatch: CloudWatchServer) -> Requests:
    """Let the CloudWatch answer slowly."""
    waiting = cloudwatch.answer_to = Requests()
    return waiting


@pytest.fixture
def log(tmp_path: Path) -> tuple[Path, list[Document]]:
    """Give a log and its documents."""
    dice = Random(7)
    several = documents(dice, LINES)
    return write_log(tmp_path / "app", several, RAW, dice), several


@pytest.mark.parametrize("mode", [(), FOLLOW], ids=["replay", "follow"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_lets_the_answers_come_and_the_next_run_goes_on(
    runs: Runs,
    cloudwatch: CloudWatchServer,
    requests: Requests,
    log: tuple[Path, list[Document]],
    mode: tuple[str, ...],
    number: signal.Signals,
) -> None:
    """Nothing is ambiguous then; what was not sent yet stays owed, with a ledger that says so."""
    path, several = log
    arguments = [path, "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url, "--checkpoint", "c"]
    arguments += ["--in-flight", "2"]
    runs.start(*arguments, *mode)
    requests.wait_for(3)
    runs.send(number)
    code = runs.end()
    assert code == (0 if mode else 128 + number)
    [told] = runs.ledgers
    assert told["destinations"][0]["datapoints"]["ambiguous"] == 0
    assert 2 <= len(cloudwatch.requests) < (7 if mode else 6)
    ledger = runs.until_done(*arguments)
    verdict = judge(cloudwatch.kept, several, ledger)
    assert (verdict.surplus, verdict.missing) == (0, 0)
    assert ledger["destinations"][0]["all_runs"]["sent_again"] == 0


@pytest.mark.parametrize("mode", [(), FOLLOW], ids=["replay", "follow"])
def test_a_terminal_that_is_closed_ends_the_run_in_order(
    runs: Runs,
    cloudwatch: CloudWatchServer,
    requests: Requests,
    log: tuple[Path, list[Document]],
    mode: tuple[str, ...],
) -> None:
    """As when an SSH connection breaks: a hang-up comes, and every write to the terminal fails."""
    path, several = log
    arguments = ["replay", path, "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url, "--checkpoint", "c"]
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", ON_TERMINAL, *map(str, [*arguments, "--in-flight", "2", *mode])]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    with subprocess.Popen(command, cwd=runs.directory, **streams) as process:
        try:
            os.close(theirs)
            requests.wait_for(3)
            os.close(ours)
            process.wait(timeout=30)
        finally:
            process.kill()
    ledger = runs.until_done(*arguments[1:])
    verdict = judge(cloudwatch.kept, several, ledger)
    assert (verdict.surplus, verdict.missing) == (0, 0)
    assert ledger["destinations"][0]["all_runs"]["sent_again"] == 0


def test_a_second_signal_ends_the_run_at_once(
    runs: Runs, cloudwatch: CloudWatchServer, log: tuple[Path, list[Document]]
) -> None:
    """While an answer does not come; what may have been taken is sent again by the next run, which says so."""
    path, several = log
    come = threading.Event()

    def hang(_: dict[str, Any]) -> Answer:
        come.set()
        return Answer(after_seconds=6)

    cloudwatch.answer_to = hang
    arguments = [path, "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url, "--checkpoint", "c"]
    runs.start(*arguments)
    assert come.wait(30)
    started = time.monotonic()
    runs.send(signal.SIGTERM)
    time.sleep(0.3)
    runs.send(signal.SIGTERM)
    runs.end()
    assert time.monotonic() - started < 4
    cloudwatch.answer_to = lambda _: Answer()
    ledger = runs.until_done(*arguments)
    verdict = judge(cloudwatch.kept, several, ledger)
    assert verdict.missing == 0
    assert ledger["destinations"][0]["all_runs"]["sent_again"] >= verdict.surplus > 0
