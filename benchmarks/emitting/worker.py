"""Measures ways of emitting in a process of its own, one request at a time.

The names of ways go in as arguments and requests as lines of JSON; what each batch of events cost comes out.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from pathlib import Path
from threading import Thread
from time import perf_counter, process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from emitting import memory
from emitting.event import EVENTS
from emitting.ways import WAYS, Emitter
from measuring.child import REPLY_DESCRIPTOR


def main() -> None:
    """Make the ways ready, then answer until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ways", nargs="+", choices=WAYS)
    parser.add_argument(REPLY_DESCRIPTOR, type=int, required=True)
    arguments = parser.parse_args()
    with os.fdopen(arguments.reply_descriptor, "w", encoding="utf-8") as replies:
        emitters: dict[str, Emitter] = {}
        for line in sys.stdin:
            try:
                emitters = emitters or {name: WAYS[name].make() for name in arguments.ways}
                reply = answer(emitters, **json.loads(line))
            except ImportError as problem:
                reply = {"unavailable": str(problem)}
            replies.write(json.dumps(reply) + "\n")
            replies.flush()


def answer(
    emitters: dict[str, Emitter], *, way: str, target: str | int, events: int, threads: int = 1, watch: bool = False
) -> dict[str, Any]:
    """Write events to a target and tell what that cost.

    Args:
        emitters: the ways that are ready.
        way: which of them.
        target: the path of a file, or the number of an open descriptor.
        events: how many events in all.
        threads: how many threads share them.
        watch: whether to watch the memory instead of the time.
    """
    redirect(target)
    emitter = emitters[way]
    if watch:
        return memory.watched(emitter, events)
    gc.collect()
    wall, cpu = perf_counter(), process_time()
    if threads == 1:
        emit_batch(emitter, events)
    else:
        share(emitter, events, threads)
    emitter.settle()
    return {"wall_seconds": perf_counter() - wall, "cpu_seconds": process_time() - cpu}


def redirect(target: str | int) -> None:
    """Put a file or an open descriptor in the place of standard output, for whoever writes there."""
    sys.stdout.flush()
    if isinstance(target, int):
        os.dup2(target, 1)
        return
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.close(descriptor)


def emit_batch(emitter: Emitter, events: int) -> None:
    """Write events one after the other."""
    emit = emitter.emit
    whole, rest = divmod(events, len(EVENTS))
    for _ in range(whole):
        for name, duration_ms in EVENTS:
            emit(name, duration_ms)
    for name, duration_ms in EVENTS[:rest]:
        emit(name, duration_ms)


def share(emitter: Emitter, events: int, threads: int) -> None:
    """Write events from several threads at once."""
    started = [Thread(target=emit_batch, args=(emitter, events // threads)) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


if __name__ == "__main__":
    main()
