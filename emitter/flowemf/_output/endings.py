"""Sees to it that no line stays behind: at exit, at a signal, before a freeze, in a forked child.

Whatever holds lines for a while registers here; it is asked to hand them on in time, the holders of a lower stage
first, since they hand on to those of a higher one.
"""

from __future__ import annotations

import atexit
import os
import sys
from _weakref import ref
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Holder(Protocol):
        """Something that may hold lines."""

        stage: int

        def drain(self, patience_seconds: float) -> bool:
            """Hand on what is held, taking no lock that an interrupted thread may have; tell whether all has left."""
            ...

        def end(self) -> None:
            """Give up what could not be handed on; hold nothing any more."""
            ...

        def start_afresh(self) -> None:
            """Forget what is held: in a forked child it is the parent's business."""
            ...


# Stages: what merges events hands its lines to a queue, a queue hands them to a sink.
MERGING = 0
QUEUEING = 1
WRITING = 2

PATIENCE_SECONDS = 2.0
_SWITCH_SECONDS = 0.0001
# Run by multiprocessing after whatever else its children have to finish.
_LAST = -1_000_000

_holders: set[ref[Holder]] = set()
_child_of_multiprocessing = False


def register(holder: Holder) -> None:
    """Ask a holder for its lines in time, as long as it lives."""
    _holders.add(ref(holder, _holders.discard))


def flush(timeout_seconds: float = PATIENCE_SECONDS) -> bool:
    """Wait until every line that was written before has left the process.

    Unbuffered synchronous delivery needs it never: its lines have left when the call returns. Other deliveries are
    flushed by themselves at the end of the program; call this where a program is stopped without being told, as a
    Lambda function is after each invocation.

    >>> flush(timeout_seconds=0.5)
    True

    Args:
        timeout_seconds: how long to wait at most, in seconds.

    Returns:
        Whether all of them have left, or were counted as lost. Where not, they are still on their way.
    """
    end_seconds = monotonic() + timeout_seconds
    done = True
    for holder in _in_order():
        done = holder.drain(max(0.0, end_seconds - monotonic())) and done
    return done


def note_process() -> None:
    """Note that this process writes, before its first line waits anywhere.

    A child of multiprocessing leaves by `os._exit` and calls no exit functions but those of multiprocessing's own.
    """
    global _child_of_multiprocessing  # noqa: PLW0603 - a fact about the process
    own = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if not _child_of_multiprocessing and own is not None and process is not None and process.parent_process():
        _child_of_multiprocessing = True
        own.Finalize(None, end_all, exitpriority=_LAST)


def flush_last() -> None:
    """Hand on everything, as far as that can be done in time, since the program is about to end.

    Where other threads compute, one that writes gets the interpreter back only after 5 ms each time, and writes 4 KB
    then: too slowly for a long queue. For these last moments the interpreter is made to change threads more often.
    """
    before_seconds = sys.getswitchinterval()
    sys.setswitchinterval(min(before_seconds, _SWITCH_SECONDS))
    try:
        flush(PATIENCE_SECONDS)
    finally:
        sys.setswitchinterval(before_seconds)


def end_all() -> None:
    """Hand on everything, as far as that can be done in time, and give up the rest."""
    flush_last()
    for holder in _in_order():
        holder.end()


def _in_order() -> list[Holder]:
    alive = [holder for holder in (reference() for reference in list(_holders)) if holder is not None]
    return sorted(alive, key=lambda holder: holder.stage)


def _start_child() -> None:
    global _child_of_multiprocessing  # noqa: PLW0603
    _child_of_multiprocessing = False
    for holder in _in_order():
        holder.start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_child)
atexit.register(end_all)
