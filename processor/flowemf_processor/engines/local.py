"""Reads chunks with several processes of this machine, which find them in memory that they share.

Chunks go in; what was in them comes out, in the order in which it is asked for. A process that dies takes nothing with
it: its chunks are read in their place by whoever asked.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from importlib import import_module
from mmap import ACCESS_READ, ALLOCATIONGRANULARITY, mmap
from multiprocessing import get_all_start_methods, get_context, parent_process, reduction
from typing import TYPE_CHECKING, Any, cast

from flowemf_processor.pipeline.chunks import Chunk, ChunkRead, ChunkReader, Stretch
from flowemf_processor.pipeline.collecting import rarely_from_now_on
from flowemf_processor.pipeline.elsewhere import CHUNK_BYTES

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext
    from types import TracebackType

    from flowemf_processor.core.conditions import Conditions
    from flowemf_processor.pipeline.chunks import Yield

_Ticket = Future["ChunkRead | None"]

_PRELOADED = "flowemf_processor.engines.preloaded"

_PLACE_BYTES = CHUNK_BYTES + (1 << 20)  # up to the end of the last line, unless that is a very long one


@dataclass(slots=True)
class _Worker:
    """What a working process keeps between its chunks."""

    reader: ChunkReader
    shared: SharedFile | None


_worker: _Worker | None = None


class LocalEngine:
    """Processes that read chunks; use it as a context manager.

    They are forked from this one if it has no other thread: whoever forks while threads hold locks may wait for one
    forever. Else they are forked from a process that does nothing else and has imported what they need, once for all of
    them, which takes a fifth of a second more; where the system has no such server, they are started anew.

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
        place = room.put(chunk.data) if room and not isinstance(chunk.data, Stretch) else None
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


def start_method() -> str:
    """Choose how working processes come into being: one of the names that `multiprocessing` has for it."""
    if _is_alone():
        import_module(_PRELOADED)
        if _is_alone():
            return "fork"
    return "forkserver" if "forkserver" in get_all_start_methods() else "spawn"


def _context() -> BaseContext:
    context = get_context(start_method())
    context.set_forkserver_preload([_PRELOADED])
    return context


def _is_alone() -> bool:
    """Tell whether this process has one thread, those counted that Python knows nothing of; only Linux says so."""
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - no paths are wanted
    except OSError:
        return False


def _begin(conditions: Conditions, yields: Yield, keeps_rejections: bool, shared: SharedFile | None) -> None:
    """Make a working process ready."""
    global _worker  # noqa: PLW0603 - what a process of the pool keeps between its chunks has no other place
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the one that asked says what to do
    for name in ("SIGTERM", "SIGHUP"):  # what it does about these is not for those who were forked from it
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    rarely_from_now_on()
    _worker = _Worker(ChunkReader(conditions, yields, keeps_rejections=keeps_rejections), shared)


def _end_with_parent() -> None:
    """End when the process that asked is gone: the pool's own pipes do not tell."""
    parent = parent_process()
    assert parent is not None  # noqa: S101 - who is started by multiprocessing has one
    parent.join()
    os._exit(1)


def _read(chunk: Chunk) -> ChunkRead | None:
    assert _worker is not None  # noqa: S101 - `_begin` has run
    return _worker.reader.read(chunk)


def _read_shared(chunk: Chunk, place: Place) -> ChunkRead | None:
    assert _worker is not None and _worker.shared is not None  # noqa: S101, PT018 - `_begin` has run
    with _worker.shared.data(place) as data:
        return _worker.reader.read(replace(chunk, data=cast("bytes", data)))


# --- Memory that processes share --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chunk lies.

    Attributes:
        offset_bytes: where it begins.
        size_bytes: how large it is.
    """

    offset_bytes: int
    size_bytes: int


class Room:
    """Places for chunks; only what is used of them takes memory. Close it when nobody reads any more.

    Through a pipe they would be copied several times, which took a fifteenth of a run.

    Args:
        places: how many chunks have to lie in it at the same time.
        place_bytes: how large a chunk may be.

    Raises:
        OSError: there is none.
    """

    def __init__(self, places: int, place_bytes: int) -> None:
        self._place_bytes = -(-place_bytes // ALLOCATIONGRANULARITY) * ALLOCATIONGRANULARITY  # where a map may begin
        self._free = deque(range(0, places * self._place_bytes, self._place_bytes))
        self.file = SharedFile(os.memfd_create("flowemf"))

    def put(self, data: bytes) -> Place | None:
        """Copy a chunk into the room; None where there is no place for it."""
        if len(data) > self._place_bytes or not self._free:
            return None
        place = Place(self._free.popleft(), len(data))
        try:
            is_whole = os.pwrite(self.file.descriptor, data, place.offset_bytes) == len(data)
        except OSError:  # no memory is left
            is_whole = False
        if not is_whole:
            self.leave(place)
            return None
        return place

    def leave(self, place: Place) -> None:
        """Make a place free again."""
        self._free.append(place.offset_bytes)

    def close(self) -> None:
        """Give the memory back."""
        os.close(self.file.descriptor)


@dataclass(frozen=True, slots=True)
class SharedFile:
    """The memory as a file without a name, which other processes inherit.

    Attributes:
        descriptor: its number in this process.
    """

    descriptor: int

    def data(self, place: Place) -> mmap:
        """Give a chunk; it can be searched and cut like bytes, and has to be closed."""
        return mmap(self.descriptor, place.size_bytes, access=ACCESS_READ, offset=place.offset_bytes)

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to a process that is being started."""
        return _inherited, (reduction.DupFd(self.descriptor),)


def _inherited(duplicate: Any) -> SharedFile:
    return SharedFile(duplicate.detach())


def room_for(places: int, place_bytes: int) -> Room | None:
    """Make a room where the system has such memory."""
    try:
        return Room(places, place_bytes) if hasattr(os, "memfd_create") else None
    except OSError:
        return None
