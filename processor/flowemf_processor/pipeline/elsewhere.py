"""Lets chunks of one source be read somewhere else, a few at a time.

Pieces of a source go in; what was in its chunks comes out in their order, and the bytes that are left to be read here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.pipeline.chunks import Chunk, ChunkRead, whole_lines
from flowemf_processor.ports import FollowedSource, PositionedSource

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from flowemf_processor.core.conditions import Conditions
    from flowemf_processor.pipeline.chunks import ElsewhereReader, Yield
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.ports import Source


class StartReader(Protocol):
    """Makes another place to read ready."""

    def __call__(
        self, conditions: Conditions, yields: Yield, *, keeps_rejections: bool
    ) -> AbstractContextManager[ElsewhereReader]:
        """Make it ready, until the end of a block.

        Args:
            conditions: what is demanded of a line beyond what CloudWatch does.
            yields: makes something of the events of a chunk.
            keeps_rejections: whether somebody wants what records lost.
        """
        ...


CHUNK_BYTES = 1 << 24
"""Large enough that few series and periods lie in two chunks, small enough that some of them take little memory."""

_PIECE_BYTES = 1 << 16


def is_large(source: Source) -> bool:
    """Tell whether a source is worth other processes; one that grows is read as it grows."""
    if isinstance(source, (FollowedSource, PositionedSource)):
        return False
    return source.size_bytes is None or source.size_bytes >= 2 * CHUNK_BYTES


@dataclass(frozen=True, slots=True)
class Task:
    """A chunk that is being read.

    Attributes:
        chunk: the chunk.
        lines: how many lines it has.
        ticket: what its result is asked for with.
    """

    chunk: Chunk
    lines: int
    ticket: Any


class Elsewhere:
    """Another place to read.

    Args:
        reader: the place.
        admits: tells whether what a chunk has yielded can be used as it is.
    """

    def __init__(self, reader: ElsewhereReader, admits: Callable[[Any], bool] = lambda _: True) -> None:
        self._reader = reader
        self._admits = admits

    def tasks(self, pieces: Iterator[bytes], start: Chunk) -> Tasks:
        """Cut the rest of a source into chunks.

        Args:
            pieces: the rest, from the beginning of a line.
            start: an empty chunk, with the place of the first one.
        """
        return Tasks(self._reader, pieces, start)

    def read(self, task: Task) -> ChunkRead | None:
        """Wait for a chunk; None where it has to be read here."""
        read = self._reader.result(task.ticket)
        return read if read is not None and self._admits(read.yielded) else None


@contextmanager
def elsewhere(
    yields: Yield, guards: Guards, admits: Callable[[Any], bool] = lambda _: True
) -> Iterator[Elsewhere | None]:
    """Make another place ready where one is wanted.

    Args:
        yields: what becomes of the events of a chunk.
        guards: what is demanded of each line, whether somebody keeps what is rejected, and where the place is.
        admits: tells whether what a chunk has yielded can be used as it is.
    """
    if guards.engine is None:
        yield None
        return
    with guards.engine(guards.conditions, yields, keeps_rejections=guards.rejects is not None) as reader:
        yield Elsewhere(reader, admits)


class Tasks:
    """The chunks of one source, some of them on their way.

    Args:
        reader: reads them.
        pieces: the source.
        start: an empty chunk, with the place of the first one.
    """

    def __init__(self, reader: ElsewhereReader, pieces: Iterator[bytes], start: Chunk) -> None:
        self._reader = reader
        self._stretches = whole_lines(pieces, CHUNK_BYTES)
        self._start = start
        self._waiting: deque[Task] = deque()
        self._left: list[bytes] = []
        self._error: TryAgainLaterError | None = None

    def next(self) -> Task | None:
        """Give the next chunk, and send off those behind it; None where there is none."""
        while len(self._waiting) < self._reader.most_waiting and not self._left and self._error is None:
            self._send_off(self._next_stretch())
        return self._waiting.popleft() if self._waiting else None

    def unread(self, task: Task | None = None) -> Iterator[bytes]:
        """Give the bytes that nobody has read, from a chunk on that could not be read elsewhere.

        Raises:
            TryAgainLaterError: what the pieces have raised, once all before it was given out.
        """
        tasks = [task, *self._waiting] if task else list(self._waiting)
        self._waiting.clear()
        for stretch in chain((each.chunk.data for each in tasks), self._left):
            yield from (stretch[start : start + _PIECE_BYTES] for start in range(0, len(stretch), _PIECE_BYTES))
        if self._error is not None:
            raise self._error
        yield from self._stretches

    def _next_stretch(self) -> bytes:
        try:
            return next(self._stretches, b"")
        except TryAgainLaterError as error:
            self._error = error
            return b""

    def _send_off(self, stretch: bytes) -> None:
        if len(stretch) < CHUNK_BYTES // 2 or not stretch.endswith(b"\n"):  # the end, which is not worth it
            self._left.append(stretch)
            return
        start = self._start
        lines = stretch.count(b"\n")
        chunk = Chunk(start.source, start.first_line, start.offset_bytes, stretch, start.received_ms)
        self._waiting.append(Task(chunk, lines, self._reader.submit(chunk)))
        self._start = Chunk(
            start.source, start.first_line + lines, start.offset_bytes + len(stretch), b"", start.received_ms
        )
