"""Runs of the command that can be killed in thousands: each is a process of its own, forked when all is imported.

Arguments go in; the process, its exit code and the ledger it printed come out.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

from flowemf_schemas.ledger_rules import examine_ledger

# The child is the command itself, with its own arguments, environment and output; only what makes a test wait is
# shorter. `addresses` stands in for the line of /etc/hosts that ends a failure of DNS.
_FORKS = """
import json, os, socket, sys
import boto3, tenacity
from flowemf_processor import checkpoints, console
from flowemf_processor.cli import main as _cli
from flowemf_processor.pipeline import elsewhere, epochs
from flowemf_processor.sinks import attempts, aws, metrics
boto3.client("cloudwatch", region_name="us-east-1")  # its model is read once

def run(command):
    os.chdir(command["directory"])
    output = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    errors = os.open("errors", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0), os.dup2(output, 1), os.dup2(errors, 2)
    epochs.EPOCH_DATAPOINTS = command["epoch_datapoints"]
    elsewhere.CHUNK_BYTES = command["chunk_bytes"]
    aws.READ_TIMEOUT_SECONDS = command["read_timeout_seconds"]
    attempts._SHORTEST_SECONDS, attempts._LONGEST_SECONDS = 0.01, 0.1
    look_up = socket.getaddrinfo
    known = command["addresses"]
    socket.getaddrinfo = lambda host, *rest, **more: look_up(known.get(host, host), *rest, **more)
    sys.argv = ["flowemf", *command["arguments"]]
    return console.main()

while command := sys.stdin.readline():
    child = os.fork()
    if not child:
        code = 70
        try:
            code = run(json.loads(command))
        finally:
            os._exit(code)
    print(child, flush=True)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    print("ended", flush=True)
    sys.stdin.readline()  # until then its number belongs to nobody else, and killing it hits nobody else
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Runs:
    """Starts runs of `flowemf replay` in a directory, one at a time, and ends them.

    Attributes:
        directory: where they run: the checkpoint, the output and the messages of all of them lie there.
        epoch_datapoints: after so many datapoints what was read is sent.
        chunk_bytes: so much of a log is read by one process at a time, with --jobs.
        read_timeout_seconds: how long a run waits for an answer.
        addresses: name -> address, for names that no DNS knows.
        ledgers: what the runs printed that came to an end.
        is_running: whether one has been started that was not waited for.
    """

    def __init__(self, forks: subprocess.Popen[str], directory: Path) -> None:
        self._forks = forks
        self._turns = threading.Lock()
        self.directory = directory
        self.epoch_datapoints = 1_000_000
        self.chunk_bytes = 1 << 24
        self.read_timeout_seconds = 30.0
        self.addresses: dict[str, str] = {}
        self.ledgers: list[dict[str, Any]] = []
        self.pid = 0
        self.is_running = False

    def start(self, *arguments: str | Path) -> None:
        """Start a run."""
        self._tell(
            json.dumps(
                {
                    "directory": str(self.directory),
                    "arguments": ["replay", "--json", *map(str, arguments)],
                    "epoch_datapoints": self.epoch_datapoints,
                    "chunk_bytes": self.chunk_bytes,
                    "read_timeout_seconds": self.read_timeout_seconds,
                    "addresses": self.addresses,
                }
            )
        )
        self.pid = int(self._answer())
        self.is_running = True

    def send(self, number: signal.Signals) -> None:
        """Send the run a signal, if it has not ended; from any thread."""
        with self._turns:
            if self.is_running:
                os.kill(self.pid, number)

    def end(self) -> int:
        """Wait for the end of the run, and give its exit code, below 0 for a signal; its ledger must balance."""
        assert self._answer() == "ended"
        with self._turns:
            self.is_running = False
        self._tell("go on")
        code = int(self._answer())
        output = (self.directory / "output").read_text() if code >= 0 else ""
        if output or code in (0, 3, 4):
            ledger = json.loads(output)
            assert examine_ledger(ledger) == [], ledger
            self.ledgers.append(ledger)
        assert code in (0, 2, 3, 4, 129, 130, 143) or code < 0, (self.directory / "errors").read_text()
        return code

    def __call__(self, *arguments: str | Path) -> int:
        """Run to the end."""
        self.start(*arguments)
        return self.end()

    def until_done(self, *arguments: str | Path, most: int = 60) -> dict[str, Any]:
        """Run again and again until nothing is left to be done; give the last ledger."""
        for _ in range(most):
            if self(*arguments) in (0, 4):
                return self.ledgers[-1]
            time.sleep(0.01)
        raise AssertionError((self.directory / "errors").read_text()[-3000:])

    def _tell(self, text: str) -> None:
        assert self._forks.stdin is not None
        self._forks.stdin.write(text + "\n")
        self._forks.stdin.flush()

    def _answer(self) -> str:
        assert self._forks.stdout is not None
        return self._forks.stdout.readline().strip()


class Kills:
    """Kills runs, each at a moment or at a request that a server has in its hands.

    Args:
        runs: starts them.
        dice: decides when.
        longest_seconds: so long after its start, at the most, a run is killed that is killed at a moment.
    """

    def __init__(self, runs: Runs, dice: Random, longest_seconds: float) -> None:
        self._runs = runs
        self._dice = dice
        self._longest_seconds = longest_seconds
        self._requests_left: int | None = None

    def __call__(self, *arguments: str | Path) -> int:
        """Start a run and kill it; give its exit code, since it may have been faster."""
        by_request = self._dice.random() < 0.5
        self._requests_left = self._dice.randrange(8) if by_request else None
        self._runs.start(*arguments)
        moment = threading.Timer(self._dice.uniform(0.02, self._longest_seconds), self.kill)
        if not by_request:
            moment.start()
        code = self._runs.end()
        moment.cancel()
        self._requests_left = None
        return code

    def is_due(self) -> bool:
        """Count a request; tell the server whether it is the one at which to `kill` the run."""
        if self._requests_left is None:
            return False
        self._requests_left = self._requests_left - 1 if self._requests_left else None
        return self._requests_left is None

    def kill(self) -> None:
        """Kill the run; from any thread."""
        self._runs.send(signal.SIGKILL)


def start_forks() -> subprocess.Popen[str]:
    """Start the process that forks."""
    # Where there is no network, asking a server that does not answer would take its time.
    environment = {**os.environ, "RES_OPTIONS": "timeout:1 attempts:1"}
    return subprocess.Popen(
        [sys.executable, "-c", _FORKS], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
