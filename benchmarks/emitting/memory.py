"""Watches whether emitting keeps memory: the event path must allocate nothing that grows.

A way and a number of events go in; the resident size and the interpreter's own count of blocks come out, near the
beginning and at the end. tracemalloc would slow the events down several times and is not needed for that.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from emitting.event import EVENTS
from emitting.ways import Emitter

_STATM = Path("/proc/self/statm")


def watched(emitter: Emitter, events: int) -> dict[str, Any]:
    """Write events and compare the memory after a tenth of them with that at the end."""
    warm_up = max(events // 10, 1)
    started = perf_counter()
    _write(emitter, warm_up)
    before = _now()
    _write(emitter, events - warm_up)
    after = _now()
    return {
        "events": events,
        "seconds": round(perf_counter() - started, 3),
        "resident_kilobytes": after["resident"] // 1024,
        "resident_growth_kilobytes": (after["resident"] - before["resident"]) // 1024,
        "block_growth": after["blocks"] - before["blocks"],
    }


def _write(emitter: Emitter, events: int) -> None:
    emit = emitter.emit
    for number in range(events):
        emit(EVENTS[number & 7][0], number / 8)  # a duration that was never there before
    emitter.settle()


def _now() -> dict[str, int]:
    gc.collect()
    return {"resident": _resident_bytes(), "blocks": sys.getallocatedblocks()}


def _resident_bytes() -> int:
    if _STATM.exists():
        return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # elsewhere the peak, which tells growth as well
    return peak if sys.platform == "darwin" else peak * 1024
