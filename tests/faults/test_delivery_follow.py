"""Logs that are written, rotated and cut off while a command follows them to CloudWatch and is killed at any moment."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cloudwatch_server import Answer, CloudWatchServer
from commands import Runs
from delivered import Document, documents, judge
from following import PATIENCE_SECONDS, WRITER

LINES = 10_000
LINES_BETWEEN_KILLS = 300


def text_of(several: list[Document]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in several)


def follow(runs: Runs, cloudwatch: CloudWatchServer, *options: str) -> list[Any]:
    """Give the arguments of a command that follows the logs of the test."""
    (runs.directory / "logs").mkdir()
    arguments = [runs.directory / "logs" / "app.log*", "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url]
    return [*arguments, "--checkpoint", "c", "--follow", "--flush-interval", "0.1", *options]


def wait_until_there_are(count: int, cloudwatch: CloudWatchServer) -> None:
    """Wait until so many numbers without dimensions have arrived."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        datums = (datum for request in list(cloudwatch.kept) for datum in request["MetricData"])
        found = len({value for datum in datums if "Dimensions" not in datum for value in datum["Values"]})
        if found >= count:
            return
        assert time.monotonic() < deadline, f"{found} of {count}"
        time.sleep(0.1)


@pytest.mark.parametrize("how", ["rename", "copytruncate", "both"])
def test_ten_thousand_lines_are_delivered_once_each_through_every_rotation(
    runs: Runs, cloudwatch: CloudWatchServer, how: str
) -> None:
    """Writes of random sizes, a dozen rotations, none of them announced, four requests at once."""
    several = documents(Random(how), LINES, minutes=1)
    text = runs.directory / "all"
    text.write_bytes(text_of(several))
    arguments = follow(runs, cloudwatch, "--in-flight", "4")
    runs.start(*arguments)
    log = str(runs.directory / "logs" / "app.log")
    command = [sys.executable, "-c", WRITER, log, str(text), "5", how]
    finished = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS, check=True)
    assert int(finished.stdout) >= 10
    wait_until_there_are(LINES, cloudwatch)
    runs.send(signal.SIGTERM)
    assert runs.end() == 0
    verdict = judge(cloudwatch.kept, several, runs.ledgers[-1])
    assert (verdict.surplus, verdict.missing) == (0, 0)


def test_a_command_that_follows_and_is_killed_is_succeeded_by_one_that_goes_on(
    runs: Runs, cloudwatch: CloudWatchServer, figures: Any, seed: int
) -> None:
    """While the log grows and is renamed, and requests fail; only what the ledger owns up to counts twice."""
    dice = Random(seed)

    def answer(_: dict[str, Any]) -> Answer:
        failing = Answer(500, "InternalFailure", keeps=dice.random() < 0.5)
        return dice.choice((Answer(), Answer(after_seconds=0.02), Answer(400, "Throttling"), failing))

    cloudwatch.answer_to = answer
    arguments = follow(runs, cloudwatch, "--in-flight", str(dice.choice((1, 4))))
    log = runs.directory / "logs" / "app.log"
    several: list[Document] = []
    for number in range(6):
        runs.start(*arguments)
        end = time.monotonic() + dice.uniform(0.2, 1.2)
        written = 0
        while time.monotonic() < end and written < LINES_BETWEEN_KILLS:
            part = documents(dice, 10, first=len(several), minutes=1)
            several += part
            written += len(part)
            with log.open("ab") as file:
                file.write(text_of(part))
            time.sleep(0.02)
        if number % 2:
            log.rename(Path(f"{log}.{number}"))
        if number < 5:
            runs.send(signal.SIGKILL)
            runs.end()
    cloudwatch.answer_to = lambda _: Answer()
    wait_until_there_are(len(several), cloudwatch)
    time.sleep(0.3)
    runs.send(signal.SIGTERM)
    assert runs.end() == 0
    verdict = judge(cloudwatch.kept, several, runs.ledgers[-1])
    assert verdict.missing == 0
    figures("kill -9 with --follow", runs, cloudwatch, verdict, moments=5)
