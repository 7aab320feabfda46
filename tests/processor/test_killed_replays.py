"""Real processes that are killed while they deliver: nothing is missing, and what may count twice is reported.

A process imports everything once and forks a replay for each command, so that a hundred runs take seconds.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudwatch_server import Answer, CloudWatchServer
from metric_lines import document
from replaying import imports, text_of

from flowemf_processor.pipeline.delivery import SENT_AGAIN

FORKS = """
import json, os, sys
from pathlib import Path
import boto3
from flowemf_processor.checkpoints import Checkpoints
from flowemf_processor.pipeline import epochs
from flowemf_processor.sinks.metrics import connect
from replaying import send

def run(endpoint_url, directory, epoch_datapoints):
    epochs.EPOCH_DATAPOINTS = epoch_datapoints
    sink = connect(endpoint_url=endpoint_url)
    with Checkpoints(Path(directory, "checkpoint.sqlite3"), sink.destination) as checkpoints:
        ledger = send(sink, checkpoints, Path(directory, "logs"))
    Path(directory, "ledger.json").write_text(json.dumps(ledger))

while command := sys.stdin.readline():
    child = os.fork()
    if not child:
        try:
            run(*json.loads(command))
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    print(child, flush=True)
    sys.stdin.readline()  # until then its number belongs to nobody else, and killing it hits nobody else
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
FILES, LINES, NAMESPACES = 3, 24, 6
VALUES = set(range(FILES * LINES))


class Replays:
    """Starts replays and kills them."""

    def __init__(self, forks: subprocess.Popen[str], server: CloudWatchServer, directory: Path) -> None:
        self._forks = forks
        self.server = server
        self.directory = directory
        self.pid_is_known = threading.Event()
        self.pid = 0
        (directory / "logs").mkdir()
        for number in range(FILES):
            start = number * LINES
            documents = (document({"Latency": v}, namespace=f"N{v % NAMESPACES}") for v in range(start, start + LINES))
            (directory / "logs" / f"{number}.log").write_bytes(text_of(documents))

    def start(self) -> None:
        """Start a replay whose epochs are single files."""
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self.pid_is_known.clear()
        self._forks.stdin.write(json.dumps([self.server.endpoint_url, str(self.directory), LINES]) + "\n")
        self._forks.stdin.flush()
        self.pid = int(self._forks.stdout.readline())
        self.pid_is_known.set()

    def kill(self) -> None:
        """End the process at once, as the kernel does when memory runs out."""
        assert self.pid_is_known.wait(10)
        os.kill(self.pid, signal.SIGKILL)

    def exit_code(self) -> int:
        """Wait for the end."""
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._forks.stdin.write("end\n")
        self._forks.stdin.flush()
        return int(self._forks.stdout.readline())

    def finish(self) -> dict[str, Any]:
        """Run to the end and give the account."""
        self.server.answers = []
        self.start()
        assert self.exit_code() == 0
        [destination] = json.loads((self.directory / "ledger.json").read_text())["destinations"]
        account: dict[str, Any] = destination
        return account

    def received(self) -> list[float]:
        """List the values that arrived, as often as the service counts them."""
        return sorted(value for (_, _, value), count in self.server.values().items() for _ in range(int(count)))


@pytest.fixture(scope="module")
def forks() -> Iterator[subprocess.Popen[str]]:
    """Start the process that forks."""
    with subprocess.Popen([*imports(), FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        yield started
        started.communicate(timeout=30)


@pytest.fixture
def replays(forks: subprocess.Popen[str], tmp_path: Path) -> Iterator[Replays]:
    """Give logs, an empty checkpoint and a CloudWatch."""
    with CloudWatchServer() as server:
        yield Replays(forks, server, tmp_path)


def test_undisturbed_everything_arrives_once(replays: Replays) -> None:
    """In a request for each namespace and epoch."""
    assert replays.finish()["datapoints"]["accepted"] == len(VALUES)
    assert replays.received() == sorted(VALUES)
    assert len(replays.server.requests) == FILES * NAMESPACES


@pytest.mark.timeout(120)
@pytest.mark.parametrize("after_answer", [False, True], ids=["before the answer", "after the answer"])
@pytest.mark.parametrize("request_number", [1, 2, 6, 7, 11, 18])
def test_a_process_killed_around_a_request_loses_nothing(
    replays: Replays, request_number: int, after_answer: bool
) -> None:
    """The next run sends exactly the batch again that may have been taken, and says so."""
    killing = Answer(after=replays.kill) if after_answer else Answer(before=replays.kill)
    replays.server.answers = [Answer()] * (request_number - 1) + [killing]
    replays.start()
    code = replays.exit_code()
    assert code == -signal.SIGKILL or after_answer  # after the last answer it may have come to its end
    known = len(replays.server.requests)
    account = replays.finish()
    received, again = replays.received(), account["reasons"].get(SENT_AGAIN, 0)
    assert set(received) == VALUES
    # What was sent twice was reported; the process may have died before it could settle what was answered.
    assert len(received) - len(VALUES) == again
    if not after_answer:
        assert again == LINES // NAMESPACES
        assert replays.server.requests[known] == replays.server.requests[known - 1]


@pytest.mark.timeout(120)
def test_processes_killed_at_any_moments_lose_nothing(replays: Replays) -> None:
    """Many in a row over one checkpoint; each may have left one batch of which nobody knows."""
    moments = random.Random(11)
    kills = 0
    for _ in range(25):
        replays.server.answers = [Answer(after_seconds=moments.choice([0, 0, 0.01])) for _ in range(6)]
        replays.start()
        time.sleep(moments.uniform(0, 0.25))
        replays.kill()
        kills += replays.exit_code() == -signal.SIGKILL
    account = replays.finish()
    received = replays.received()
    assert set(received) == VALUES
    assert len(received) - len(VALUES) <= kills * (LINES // NAMESPACES)
    assert sum(account["datapoints"][state] for state in ("refused", "pending", "ambiguous")) == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("answers", "sent_again"),
    [
        ([Answer(400, "Throttling")], False),
        ([Answer(), Answer(503, "ServiceUnavailable"), Answer(), Answer(0)], True),
    ],
    ids=["throttled", "failing"],
)
def test_runs_that_stop_and_runs_that_are_killed_add_up(
    replays: Replays, answers: list[Answer], sent_again: bool
) -> None:
    """Failures of the service and of the machine in turn; in the end all is there, and no request was lost."""
    for _ in range(3):
        replays.server.answers = list(answers)
        replays.start()
        assert replays.exit_code() == 0
    killing: Callable[[], None] = replays.kill
    replays.server.answers = [Answer(), Answer(before=killing)]
    replays.start()
    assert replays.exit_code() == -signal.SIGKILL
    account = replays.finish()
    assert set(replays.received()) == VALUES
    assert account["reasons"] == {SENT_AGAIN: LINES // NAMESPACES}
    assert (len(replays.server.requests) > FILES * NAMESPACES + 1) or not sent_again
