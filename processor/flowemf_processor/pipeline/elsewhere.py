"""Lets chunks of one source be read somewhere else, a few at a time.

Pieces of a source go in; what was in its chunks comes out in their order, and the bytes that are left to be read here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.pipeline.chunks import Chunk, ChunkRead, Stretch, whole_lines
from flowemf_processor.ports import FileLikeSource, FollowedSource, PositionedSource

if TYPE_CHECKING:
    from collections.abc import Sequence
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

_LEAST_PART = 16  # of a chunk: less is not worth the way
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
        ticket: what its result is asked for with.
    """

    chunk: Chunk
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

    def tasks(self, source: Source, first: bytes, pieces: Iterator[bytes], start: Chunk, *, brings: bool) -> Tasks:
        """Cut the rest of a source into chunks.

        Args:
            source: what is read.
            first: the first piece of the rest, from the beginning of a line.
            pieces: the other ones.
            start: an empty chunk, with the place of the first one.
            brings: whether all bytes are needed here, too.

        Raises:
            TryAgainLaterError: the source cannot be read.
        """
        place = start.offset_bytes
        if brings or not isinstance(source, FileLikeSource) or source.glance(place, place + len(first)) != first:
            return Tasks(self._reader, PiecesCutter(chain((first,), pieces)), start)
        readers = self._reader.most_waiting - 1
        return Tasks(self._reader, StretchesCutter(source, place, pieces, readers), start)

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
        cutter: cuts them off the source.
        start: an empty chunk, with the place of the first one.
    """

    def __init__(self, reader: ElsewhereReader, cutter: Cutter, start: Chunk) -> None:
        self._reader = reader
        self._cutter = cutter
        self._start = start
        self._waiting: deque[Task] = deque()

    def next(self) -> Task | None:
        """Give the next chunk, and send off those behind it; None where there is none."""
        while len(self._waiting) < self._reader.most_waiting:
            data = self._cutter.next()
            if data is None:
                break
            chunk = replace(self._start, data=data)
            self._waiting.append(Task(chunk, self._reader.submit(chunk)))
            self._start = replace(self._start, offset_bytes=chunk.offset_bytes + chunk.size_bytes)
        return self._waiting.popleft() if self._waiting else None

    def unread(self, task: Task | None = None) -> Iterator[bytes]:
        """Give the bytes that nobody has read, from a chunk on that could not be read elsewhere.

        Raises:
            TryAgainLaterError: what the pieces have raised, once all before it was given out.
        """
        tasks = [task, *self._waiting] if task else list(self._waiting)
        self._waiting.clear()
        return self._cutter.unread([each.chunk.data for each in tasks])


# --- Where chunks come from -------------------------------------------------------------------------------------------


class Cutter(Protocol):
    """Cuts a source into chunks."""

    def next(self) -> bytes | Stretch | None:
        """Cut off the next chunk, which ends with a line feed; None where what is left is to be read here."""
        ...

    def unread(self, chunks: Sequence[bytes | Stretch]) -> Iterator[bytes]:
        """Give what is left, and before it chunks that were cut off in vain.

        Args:
            chunks: the last ones that were cut off, in their order.
        """
        ...


class PiecesCutter:
    """Cuts what a source gives a piece at a time: its bytes have to be brought to whoever reads them.

    Args:
        pieces: the source, from the beginning of a line.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._stretches = whole_lines(pieces, CHUNK_BYTES)
        self._left: list[bytes] = []
        self._error: TryAgainLaterError | None = None

    def next(self) -> bytes | None:
        """Cut off the next chunk; None at the end, or where that is not worth it."""
        if self._left or self._error is not None:
            return None
        try:
            data = next(self._stretches, b"")
        except TryAgainLaterError as error:
            self._error = error
            return None
        if len(data) < CHUNK_BYTES // _LEAST_PART or not data.endswith(b"\n"):
            self._left.append(data)
            return None
        return data

    def unread(self, chunks: Sequence[bytes | Stretch]) -> Iterator[bytes]:
        """Give what is left, and before it chunks that were cut off in vain.

        Raises:
            TryAgainLaterError: what the pieces have raised, once all before it was given out.
        """
        for data in chain((each for each in chunks if not isinstance(each, Stretch)), self._left):
            yield from (data[start : start + _PIECE_BYTES] for start in range(0, len(data), _PIECE_BYTES))
        if self._error is not None:
            raise self._error
        yield from self._stretches


class StretchesCutter:
    """Cuts a file: whoever reads a chunk fetches it, and nothing has to be brought.

    Towards the end chunks become smaller, so that the readers come to theirs at about the same time.

    Args:
        source: the file.
        start_bytes: where the first chunk begins, with a line.
        pieces: what is read here, where the source is told to go on.
        readers: how many read at the same time.
    """

    def __init__(self, source: FileLikeSource, start_bytes: int, pieces: Iterator[bytes], readers: int) -> None:
        self._source = source
        self._place = start_bytes
        self._end = source.stored_bytes or 0
        self._pieces = pieces
        self._readers = readers

    def next(self) -> Stretch | None:
        """Cut off the next chunk; None at the end, or where no line ends."""
        left_bytes = self._end - self._place
        wanted_bytes = min(CHUNK_BYTES, max(left_bytes // self._readers, CHUNK_BYTES // _LEAST_PART))
        start, end = self._place, self._line_end(self._place + wanted_bytes) if left_bytes > 0 else None
        if end is None or end <= start:
            self._end = start
            return None
        self._place = end
        return Stretch(self._source, start, end)

    def unread(self, chunks: Sequence[bytes | Stretch]) -> Iterator[bytes]:
        """Give what is left, and before it chunks that were cut off in vain.

        Raises:
            TryAgainLaterError: it cannot be read.
        """
        starts = [each.start_bytes for each in chunks if isinstance(each, Stretch)]
        self._source.go_on_at(min(starts, default=self._place))
        yield from self._pieces

    def _line_end(self, place: int) -> int | None:
        """Find where the line ends that has the byte before a place, or where the last whole line does."""
        if place >= self._end:
            start = max(self._end - _PIECE_BYTES, self._place)
            return start + self._source.glance(start, self._end).rfind(b"\n") + 1
        for start in range(place - 1, min(self._end, place + CHUNK_BYTES), _PIECE_BYTES):
            found = self._source.glance(start, start + _PIECE_BYTES).find(b"\n")
            if found >= 0:
                return start + found + 1
        return None
