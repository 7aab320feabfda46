"""Reads chunks with several processes of this machine.

Chunks go in; what was in them comes out, in the order in which it is asked for. A process that dies takes nothing with
it: its chunks are read in their place by whoever asked.
"""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_all_start_methods, get_context, parent_process
from typing import TYPE_CHECKING

from flowemf_processor.pipeline.chunks import Chunk, ChunkRead, ChunkReader
from flowemf_processor.pipeline.collecting import rarely_from_now_on

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext
    from types import TracebackType

    from flowemf_processor.core.conditions import Conditions
    from flowemf_processor.pipeline.chunks import Yield

_Ticket = Future["ChunkRead | None"]

_reader: ChunkReader | None = None  # of a working process


class LocalEngine:
    """Processes that read chunks; use it as a context manager.

    They are not forked from this one: whoever forks while threads hold locks may wait for one forever. They are forked
    from a process that does nothing else and has imported what they need, which halves what it takes to start two;
    where there is no such server, they are started anew.

    Args:
        jobs: how many processes.
        conditions: what is demanded of a line beyond what CloudWatch does.
        yields: makes something of the events; each process has its own.
        keeps_rejections: whether somebody wants what records lost.
    """

    def __init__(self, jobs: int, conditions: Conditions, yields: Yield, *, keeps_rejections: bool) -> None:
        self.most_waiting = jobs + 1  # one chunk more than there are processes waits at the door
        self._pool = ProcessPoolExecutor(
            jobs,
            mp_context=_context(),
            initializer=_begin,
            initargs=(conditions, yields, keeps_rejections),
        )

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, chunk: Chunk) -> _Ticket:
        """Begin to read a chunk."""
        try:
            return self._pool.submit(_read, chunk)
        except BrokenProcessPool:
            ticket: _Ticket = Future()
            ticket.set_result(None)
            return ticket

    def result(self, ticket: _Ticket) -> ChunkRead | None:
        """Wait for what was in a chunk; None where it has to be read in its place, or the process has died."""
        try:
            return ticket.result()
        except BrokenProcessPool:
            return None


def _context() -> BaseContext:
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(["flowemf_processor.engines.preloaded"])
    return context


def _begin(conditions: Conditions, yields: Yield, keeps_rejections: bool) -> None:
    """Make a working process ready."""
    global _reader  # noqa: PLW0603 - what a process of the pool keeps between its chunks has no other place
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the one that asked says what to do
    threading.Thread(target=_end_with_parent, daemon=True).start()
    rarely_from_now_on()
    _reader = ChunkReader(conditions, yields, keeps_rejections=keeps_rejections)


def _end_with_parent() -> None:
    """End when the process that asked is gone: the pool's own pipes do not tell."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _read(chunk: Chunk) -> ChunkRead | None:
    if _reader is None:
        raise RuntimeError("the process was not made ready")
    return _reader.read(chunk)
