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
from dataclasses import dataclass, replace
from multiprocessing import get_all_start_methods, get_context, parent_process
from typing import TYPE_CHECKING, cast

from flowemf_processor.engines.room import Place, SharedFile, room_for
from flowemf_processor.pipeline.chunks import Chunk, ChunkRead, ChunkReader
from flowemf_processor.pipeline.collecting import rarely_from_now_on
from flowemf_processor.pipeline.elsewhere import CHUNK_BYTES

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext
    from types import TracebackType

    from flowemf_processor.core.conditions import Conditions
    from flowemf_processor.pipeline.chunks import Yield

_Ticket = Future["ChunkRead | None"]

_PLACE_BYTES = CHUNK_BYTES + (1 << 20)  # up to the end of the last line, unless that is a very long one


@dataclass(slots=True)
class _Worker:
    """What a working process keeps between its chunks."""

    reader: ChunkReader
    shared: SharedFile | None


_worker: _Worker | None = None


class LocalEngine:
    """Processes that read chunks; use it as a context manager.

    They are not forked from this one: whoever forks while threads hold locks may wait for one forever. They are forked
    from a process that does nothing else and has imported what they need, once for all of them; where the system has no
    such server, they are started anew.

    Args:
        jobs: how many processes.
        conditions: what is demanded of a line beyond what CloudWatch does.
        yields: makes something of the events; each process has its own.
        keeps_rejections: whether somebody wants what records lost.
    """

    def __init__(self, jobs: int, conditions: Conditions, yields: Yield, *, keeps_rejections: bool) -> None:
        self.most_waiting = jobs + 1  # one chunk more than there are processes waits at the door
        self._room = room_for(self.most_waiting, _PLACE_BYTES)
        self._pool = ProcessPoolExecutor(
            jobs,
            mp_context=_context(),
            initializer=_begin,
            initargs=(conditions, yields, keeps_rejections, self._room.file if self._room else None),
        )

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._room:
            self._room.close()

    def submit(self, chunk: Chunk) -> _Ticket:
        """Begin to read a chunk."""
        room = self._room
        place = room.put(chunk.data) if room else None
        try:
            if room is None or place is None:
                return self._pool.submit(_read, chunk)
            ticket = self._pool.submit(_read_shared, replace(chunk, data=b""), place)
            ticket.add_done_callback(lambda _: room.leave(place))
            return ticket
        except BrokenProcessPool:
            given_up: _Ticket = Future()
            given_up.set_result(None)
            return given_up

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


def _begin(conditions: Conditions, yields: Yield, keeps_rejections: bool, shared: SharedFile | None) -> None:
    """Make a working process ready."""
    global _worker  # noqa: PLW0603 - what a process of the pool keeps between its chunks has no other place
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the one that asked says what to do
    threading.Thread(target=_end_with_parent, daemon=True).start()
    rarely_from_now_on()
    _worker = _Worker(ChunkReader(conditions, yields, keeps_rejections=keeps_rejections), shared)


def _end_with_parent() -> None:
    """End when the process that asked is gone: the pool's own pipes do not tell."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _read(chunk: Chunk) -> ChunkRead | None:
    if _worker is None:
        raise RuntimeError("the process was not made ready")
    return _worker.reader.read(chunk)


def _read_shared(chunk: Chunk, place: Place) -> ChunkRead | None:
    if _worker is None or _worker.shared is None:
        raise RuntimeError("the process was not made ready")
    with _worker.shared.data(place) as data:
        return _worker.reader.read(replace(chunk, data=cast("bytes", data)))
