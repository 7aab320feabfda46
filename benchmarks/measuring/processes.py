"""Runs a whole process and tells what it took, its children included.

A command and its environment go in; its times and the most memory come out.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from measuring.rounds import Sample

_PR_SET_CHILD_SUBREAPER = 36  # https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html


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
    _adopt_orphans()
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a group by which those are found that its helpers leave behind
    )
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:  # Ctrl-C does not reach another session
        process.kill()
        raise
    wall_seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu_seconds = usage.ru_utime + usage.ru_stime + _cpu_seconds_of_orphans(process.pid)
    if process.returncode not in good_exits:
        raise RuntimeError(f"ended with {process.returncode}; run it by hand to see why: {' '.join(command)}")
    peak_bytes = usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024
    return Ended(Sample(wall_seconds, cpu_seconds), peak_bytes)


def _adopt_orphans() -> None:
    """Become the parent of processes whose parent has ended: only a parent is told what a process took.

    A server that forks working processes ends by itself, a moment after who has started it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _cpu_seconds_of_orphans(group: int) -> float:
    total = 0.0
    while True:
        try:
            _, _, usage = os.wait4(-group, 0)
        except ChildProcessError:
            return total
        total += usage.ru_utime + usage.ru_stime
