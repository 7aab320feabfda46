"""Tells how much of the machine other programs took meanwhile, so that a busy machine is not taken for a slow program.

Nothing goes in but the time between two looks; processor cores come out, as far as the system tells.
"""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

_STAT = Path("/proc/stat")
# user nice system idle iowait irq softirq steal: https://man7.org/linux/man-pages/man5/proc_stat.5.html
_BUSY_FIELDS = (0, 1, 2, 5, 6, 7)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the machine.

    Attributes:
        wall_seconds: when.
        busy_seconds: processor time that all programs together have taken; None where the system doesn't tell.
        own_seconds: processor time of this process and of the children that it has waited for.
        load: the load average of the last minute; None where the system has none.
    """

    wall_seconds: float
    busy_seconds: float | None
    own_seconds: float
    load: float | None


def look() -> Look:
    """Look at the machine."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own_seconds = sum(each.ru_utime + each.ru_stime for each in used)
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return Look(time.monotonic(), _busy_seconds(), own_seconds, load)


def cores_of_others(before: Look, after: Look) -> float | None:
    """Tell how many cores others kept busy between two looks, on average; None where the system doesn't tell."""
    if before.busy_seconds is None or after.busy_seconds is None:
        return None
    of_others = after.busy_seconds - before.busy_seconds - (after.own_seconds - before.own_seconds)
    return max(0.0, of_others / (after.wall_seconds - before.wall_seconds))


def _busy_seconds() -> float | None:
    if not _STAT.exists():
        return None
    numbers = _STAT.read_text(encoding="ascii").splitlines()[0].split()[1:]
    return sum(int(numbers[field]) for field in _BUSY_FIELDS) / os.sysconf("SC_CLK_TCK")
