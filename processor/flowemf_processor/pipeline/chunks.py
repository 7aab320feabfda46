"""Reads a stretch of a source by itself, so that several can be read at the same time by several processes.

A chunk of whole lines goes in; what it holds comes out as if it had been read in its place, or nothing where that
cannot be known without what lies before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from flowemf_processor.core.batches import BatchRoad
from flowemf_processor.core.blocks import Block
from flowemf_processor.core.parse import parse
from flowemf_processor.core.rewriting import rejection_of
from flowemf_processor.core.unwrap import Unwrapper
from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.model import Event
from flowemf_processor.pipeline.blocks import FIRST_BYTES, MOST_BYTES, read_block
from flowemf_schemas import limits

if TYPE_CHECKING:
    from flowemf_processor.core.batches import Taker
    from flowemf_processor.core.conditions import Conditions
    from flowemf_processor.model import Line, Position, Record, Rejection
    from flowemf_processor.ports import DivisibleSource


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines that follow each other.

    Attributes:
        source: what the user calls it.
        offset_bytes: where it begins.
        data: the lines with their line feeds; or anything that can be searched and cut like bytes; or where they are.
        received_ms: the time that events without a timestamp get.
    """

    source: str
    offset_bytes: int
    data: bytes | Stretch
    received_ms: int

    @property
    def size_bytes(self) -> int:
        """How large it is."""
        return self.data.size_bytes if isinstance(self.data, Stretch) else len(self.data)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of a source that whoever reads them fetches by himself.

    Attributes:
        source: where they lie.
        start_bytes: where they begin.
        end_bytes: where they end.
    """

    source: DivisibleSource
    start_bytes: int
    end_bytes: int

    @property
    def size_bytes(self) -> int:
        """How many they are."""
        return self.end_bytes - self.start_bytes

    def pieces(self) -> Iterator[bytes]:
        """Fetch them, a piece at a time.

        Raises:
            TryAgainLaterError: they cannot be had.
        """
        return self.source.stretch(self.start_bytes, self.end_bytes)


@dataclass(slots=True)
class ChunkRead:
    """What was in a chunk.

    Attributes:
        yielded: what the yield of the reader has made of its events.
        lines: how many lines it has; all places in it are counted from its first line, which is 1.
        records: those of which something is to be said, in their order; events among them have given their
            measurements to the yield already.
        rejections: what these records lost.
        metric_records: how many metric records there are beside those in `records`.
        other_records: how many of ordinary log.
        values: how many numbers all metric records held.
    """

    yielded: Any
    records: list[Record]
    rejections: list[Rejection]
    lines: int = 0
    metric_records: int = 0
    other_records: int = 0
    values: int = 0

    def behind(self, lines: int) -> ChunkRead:
        """Give the same with its places counted from the beginning of the source.

        Args:
            lines: how many lines stand before the chunk.
        """
        records = [replace(each, position=_position(each.position, lines)) for each in self.records]
        return replace(self, records=records, rejections=[moved(each, lines) for each in self.rejections])


class Yield(Protocol):
    """Makes something of the events of one chunk after the other."""

    @property
    def taker(self) -> Taker:
        """Takes the rows of lines that were read together."""
        ...

    def add(self, event: Event) -> None:
        """Take an event that was read by itself."""
        ...

    def close(self) -> Any:
        """Give what the chunk has yielded, and begin anew."""
        ...


class ElsewhereReader(Protocol):
    """Reads chunks somewhere else, several at once, and gives what was in them in their order."""

    @property
    def most_waiting(self) -> int:
        """How many chunks should be on their way, so that nobody is idle."""
        ...

    def submit(self, chunk: Chunk) -> Any:
        """Begin to read a chunk; gives a ticket."""
        ...

    def result(self, ticket: Any) -> ChunkRead | None:
        """Wait for what was in a chunk; None where it has to be read in its place."""
        ...


class _DependentError(Exception):
    """The chunk cannot be read without what lies before it."""


class ChunkReader:
    """Reads chunks, whatever source they are of; what it learns of directives it keeps.

    Args:
        conditions: what is demanded of a line beyond what CloudWatch does.
        yields: makes something of the events.
        keeps_rejections: whether somebody wants what records lost.
    """

    def __init__(self, conditions: Conditions, yields: Yield, *, keeps_rejections: bool) -> None:
        self._conditions = conditions
        self._yields = yields
        self._keeps_rejections = keeps_rejections
        self._road = BatchRoad(yields.taker, conditions)
        self._unwrapper = Unwrapper("")
        self._block_bytes = FIRST_BYTES
        self._received_ms = 0
        self._rejections: list[Rejection] = []

    def read(self, chunk: Chunk) -> ChunkRead | None:
        """Read a chunk.

        Args:
            chunk: no line may be waiting for it.

        Returns:
            What is in it; None where a line in it is wrapped, goes on over several lines, or is too large, or where
            the chunk is elsewhere and cannot be fetched.
        """
        self._unwrapper = Unwrapper(chunk.source)
        self._received_ms = chunk.received_ms
        self._rejections = []
        found = ChunkRead(None, [], self._rejections)
        try:
            for block in self._blocks(chunk):
                self._read_block(block, found)
        except (_DependentError, TryAgainLaterError):
            self._yields.close()
            return None
        found.yielded = self._yields.close()
        return found

    def is_waiting(self) -> bool:
        """Tell that nothing goes on over several lines: then the chunk would have been given up."""
        return False

    def records(self, line: Line) -> list[Record]:
        """Read a line that must not be wrapped."""
        if self._unwrapper.unwrap(line) != [line] or self._unwrapper.is_concerned(b""):
            raise _DependentError
        record = self.parsed(line)
        if isinstance(record, Event) and not record.findings:
            self._road.learn(line.data)
        return [record]

    def parsed(self, line: Line) -> Record:
        """Read a line."""
        record = parse(line, received_ms=self._received_ms, conditions=self._conditions)
        lost = rejection_of(line, record, received_ms=self._received_ms) if self._keeps_rejections else None
        if lost is not None:
            self._rejections.append(lost)
        return record

    def _blocks(self, chunk: Chunk) -> Iterator[Block]:
        first_line, offset_bytes = 1, chunk.offset_bytes
        data = chunk.data
        for lines, size_bytes in self._fetched(data) if isinstance(data, Stretch) else self._cut(data):
            if size_bytes > limits.EVENT_BYTES and max(map(len, lines)) > limits.EVENT_BYTES:
                raise _DependentError
            yield Block(chunk.source, first_line, offset_bytes, lines, ())
            first_line, offset_bytes = first_line + len(lines), offset_bytes + size_bytes
            self._block_bytes = min(self._block_bytes * 2, MOST_BYTES)

    def _cut(self, data: bytes) -> Iterator[tuple[list[bytes], int]]:
        """Cut the lines of a block after the other, and say how large they are with their line feeds."""
        start = 0
        while start < len(data):
            end = data.find(b"\n", min(start + self._block_bytes, len(data) - 1))
            yield data[start:end].split(b"\n"), end + 1 - start
            start = end + 1

    def _fetched(self, stretch: Stretch) -> Iterator[tuple[list[bytes], int]]:
        """Do the same while the bytes come: small pieces stay in the processor's caches, which a chunk does not."""
        lines: list[bytes] = []
        rest, size_bytes = b"", 0
        for piece in stretch.pieces():
            ended = piece.split(b"\n")
            ended[0] = rest + ended[0]
            rest = ended.pop()
            if len(rest) > limits.EVENT_BYTES:
                raise _DependentError
            lines += ended
            size_bytes += len(piece)
            if lines and size_bytes >= self._block_bytes:
                yield lines, size_bytes - len(rest)
                lines, size_bytes = [], len(rest)
        if lines:
            yield lines, size_bytes - len(rest)

    def _read_block(self, block: Block, found: ChunkRead) -> None:
        read = read_block(block, self._road, self)
        found.lines += len(block.lines)
        found.metric_records += read.metric_records
        found.other_records += read.other_records
        found.values += read.values
        for record in read.records:
            if not isinstance(record, Event):
                found.records.append(record)
                continue
            self._yields.add(record)
            found.values += record.value_count
            if record.findings:
                found.records.append(replace(record, measurements=()))
            else:
                found.metric_records += 1


def moved(rejection: Rejection, lines: int, size_bytes: int = 0) -> Rejection:
    """Say where in its source a record lies that was counted from the beginning of some stretch.

    Args:
        rejection: what it lost.
        lines: how many lines stand before the stretch.
        size_bytes: how many bytes stand before the place from which the record's own are counted.
    """
    place = _position(rejection.line.position, lines, size_bytes)
    return replace(rejection, line=replace(rejection.line, position=place))


def _position(position: Position, lines: int, size_bytes: int = 0) -> Position:
    return replace(position, line=position.line + lines, offset_bytes=position.offset_bytes + size_bytes)


def whole_lines(pieces: Iterator[bytes], size_bytes: int) -> Iterator[bytes]:
    """Join pieces to stretches of whole lines.

    Args:
        pieces: may raise; what was gathered before is given out first.
        size_bytes: how large a stretch should be, at least.

    Yields:
        Stretches that end with a line feed, but perhaps for the last one.
    """
    gathered: list[bytes] = []
    gathered_bytes = 0
    try:
        for piece in pieces:
            gathered.append(piece)
            gathered_bytes += len(piece)
            end = piece.rfind(b"\n") + 1 if gathered_bytes >= size_bytes else 0
            if end:
                yield b"".join((*gathered[:-1], piece[:end]))
                gathered, gathered_bytes = [piece[end:]], len(piece) - end
    except Exception:
        yield from _rest(gathered)
        raise
    yield from _rest(gathered)


def _rest(gathered: list[bytes]) -> Iterator[bytes]:
    """Divide what is left at its last line feed."""
    text = b"".join(gathered)
    end = text.rfind(b"\n") + 1
    yield from (part for part in (text[:end], text[end:]) if part)
