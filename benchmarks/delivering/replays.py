"""Runs each way of sending the metrics of a log in a process of its own.

A way, a log and the URL of a CloudWatch go in; what the whole process took comes out, or what it sent.
"""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivering.server import running
from measuring.machine import measured_environment
from measuring.processes import whole_process
from measuring.rounds import Sample

_ACCOUNT = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark", "AWS_DEFAULT_REGION": "us-east-1"}
_REPLAY = ("-m", "flowemf_processor", "replay", "--to", "metrics")
_CHECKPOINT = "checkpoint.sqlite3"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of sending.

    Attributes:
        label: how tables name it.
        command: what is run, after the interpreter; in it, LOG and URL stand for the log and the CloudWatch.
    """

    label: str
    command: tuple[str, ...]


_OURS = (*_REPLAY, "LOG", "--endpoint-url", "URL")
WAYS = {
    "script": Way("json.loads, dictionaries, boto3", (str(Path(__file__).with_name("script.py")), "LOG", "URL")),
    "flowemf": Way("flowemf replay, checkpoint on", (*_OURS, "--checkpoint", _CHECKPOINT)),
    "no-checkpoint": Way("flowemf replay, no checkpoint", (*_OURS, "--no-checkpoint")),
}


def sample(way: Way, log: Path, url: str) -> Sample:
    """Send the log once, with no checkpoint yet, and tell what the process and its children took."""
    with tempfile.TemporaryDirectory(prefix="flowemf-benchmark-") as directory:
        return whole_process(_command(way, log, url), _environment(), directory=directory).sample


def totals(way: Way, log: Path) -> str:
    """Send the log once, and give the number of series and minutes and the digest of their counts and sums."""
    with tempfile.TemporaryDirectory(prefix="flowemf-benchmark-") as directory:
        kept = Path(directory, "kept")
        with running(kept) as url:
            assert _start(way, log, url, directory).wait() == 0
        return _digest(kept)


def requests_of(log: Path, url: str, *options: str) -> dict[str, Any]:
    """Send a log and give how many requests and datapoints the ledger counts."""
    with tempfile.TemporaryDirectory(prefix="flowemf-benchmark-") as directory:
        way = Way("", (*_OURS, "--checkpoint", _CHECKPOINT, "--json", *options))
        process = _start(way, log, url, directory, stdout=subprocess.PIPE)
        output, _ = process.communicate()
    assert process.returncode == 0
    [destination] = json.loads(output)["destinations"]
    return {"requests": destination["requests"]["accepted"], "datapoints": destination["datapoints"]["accepted"]}


def _start(
    way: Way, log: Path, url: str, directory: str, *, stdout: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    command = _command(way, log, url)
    return subprocess.Popen(command, cwd=directory, env=_environment(), stdout=stdout, stderr=subprocess.DEVNULL)


def _command(way: Way, log: Path, url: str) -> list[str]:
    places = {"LOG": str(log), "URL": url}
    return [sys.executable, *(places.get(word, word) for word in way.command)]


def _environment() -> dict[str, str]:
    return measured_environment(unbuffered=False) | _ACCOUNT


def _digest(kept: Path) -> str:
    sums: dict[Any, list[tuple[float, float]]] = defaultdict(list)
    with kept.open("rb") as file:
        for line in file:
            request = json.loads(line)
            for datum in request["MetricData"]:
                pairs = tuple(sorted((each["Name"], each["Value"]) for each in datum.get("Dimensions", ())))
                key = (request["Namespace"], datum["MetricName"], pairs, datum["Unit"], int(datum["Timestamp"]))
                sums[key] += zip(datum["Values"], datum["Counts"], strict=True)
    several = sorted(
        (key, math.fsum(count for _, count in each), math.fsum(value * count for value, count in each))
        for key, each in sums.items()
    )
    return f"{len(several):,} series and minutes, {hashlib.sha256(repr(several).encode()).hexdigest()[:16]}"
