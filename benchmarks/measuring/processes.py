"""Runs a whole process and tells what it took, its children included.

A command and its environment go in; its times and the most memory come out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from measuring.rounds import Sample


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process took from its start to its end; `peak_bytes` is the most memory that one process had."""

    sample: Sample
    peak_bytes: int


def whole_process(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    directory: str | None = None,
    good_exits: Collection[int] = (0,),
) -> Ended:
    """Run a command to its end; what it prints is thrown away.

    Args:
        command: the program and its arguments.
        environment: all of its environment variables.
        directory: where it runs, if not here.
        good_exits: the exit codes that are no failure.

    Raises:
        RuntimeError: it ended with another one.
    """
    variables = dict(environment)
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=directory, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall_seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in good_exits:
        raise RuntimeError(f"ended with {process.returncode}; run it by hand to see why: {' '.join(command)}")
    peak_bytes = usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024
    return Ended(Sample(wall_seconds, usage.ru_utime + usage.ru_stime), peak_bytes)
