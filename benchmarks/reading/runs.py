"""Runs each way of reading a log in a process of its own.

A way and a log go in; the seconds or bytes that the whole process took come out, with its children's.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from measuring.machine import measured_environment
from measuring.processes import Ended, whole_process
from measuring.rounds import Sample
from reading.worker import FILTERED, OURS, SCRIPT

_WORKER = Path(__file__).with_name("worker.py")
GZIP = "gzip"
COMPRESSIONS = (GZIP,)


@dataclass(frozen=True, slots=True)
class Way:
    """One way of reading.

    Attributes:
        label: how tables name it.
        command: what is run, after the interpreter; the path of the log follows.
        compression: of the log, if any.
    """

    label: str
    command: tuple[str, ...]
    compression: str | None = None


_FLOWEMF = ("-m", "flowemf_processor")
WAYS = {
    "script": Way("json.loads, dictionaries, no validation", (str(_WORKER), SCRIPT)),
    "filtered": Way("the same, only lines that say _aws", (str(_WORKER), FILTERED)),
    "flowemf": Way("flowemf, every check", (str(_WORKER), OURS)),
    "flowemf-2": Way("flowemf, every check, --jobs 2", (str(_WORKER), OURS, "--jobs", "2")),
    "flowemf-gzip": Way("flowemf, every check, from gzip", (str(_WORKER), OURS), GZIP),
    "check": Way("flowemf check", (*_FLOWEMF, "check")),
    "check-2": Way("flowemf check --jobs 2", (*_FLOWEMF, "check", "--jobs", "2")),
    "metrics": Way("flowemf replay --to metrics --dry-run", (*_FLOWEMF, "replay", "--to", "metrics", "--dry-run")),
}
FLAT_MEMORY = WAYS["flowemf"]


def sample(way: Way, log: Path) -> Sample:
    """Read the log once and tell what the process and its children took."""
    return _run(way, log).sample


def peak_bytes(way: Way, log: Path) -> int:
    """Read the log once and tell the most memory that a process took."""
    return _run(way, log).peak_bytes


def totals(log: Path) -> str:
    """Compare the totals of both, and give their digest.

    Raises:
        ValueError: they differ, so that there is nothing to compare.
    """
    found = {name: _totals(WAYS[name], log) for name in ("script", "flowemf", "flowemf-2")}
    if len(set(found.values())) > 1:
        raise ValueError(f"the totals differ: {found}")
    return found["script"]


def compressed(log: Path, kind: str) -> Path:
    """Compress a log beside it, as logrotate and the usual forwarders do."""
    path = log.with_name(f"{log.name}.{kind}")
    path.write_bytes(gzip.compress(log.read_bytes(), 6))
    return path


def repeated(log: Path, gigabytes: float) -> Path:
    """Make a log of at least this size out of copies of another."""
    path = log.with_name(f"{gigabytes}.log")
    content = log.read_bytes()
    with path.open("wb") as file:
        while file.tell() < gigabytes * 1e9:
            file.write(content)
    return path


def _run(way: Way, log: Path) -> Ended:
    command = [sys.executable, *way.command, str(log)]
    return whole_process(
        command, measured_environment(unbuffered=False), good_exits=(0, 1)
    )  # 1: a check found something


def _totals(way: Way, log: Path) -> str:
    finished = subprocess.run(
        [sys.executable, *way.command, "--totals", str(log)], capture_output=True, text=True, check=True
    )
    return finished.stdout.strip()
