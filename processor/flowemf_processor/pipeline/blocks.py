"""Reads lines in blocks where it can, and one by one where it must.

Pieces of a source go in; pieces large enough to be worth while come out. A block of lines goes in; the records of those
that had to be read one by one come out, and how many the others were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.core.batches import BatchRoad
    from flowemf_processor.core.blocks import Block
    from flowemf_processor.model import Line, Record

# What a block costs by itself, about 3 us for each directive, is nothing against nearly a megabyte of lines. The first
# ones are small, since a directive has to be seen before lines of it can be read together.
FIRST_BYTES = 1 << 16
MOST_BYTES = 1 << 19


def joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join small pieces to larger ones.

    Args:
        pieces: may raise; what was gathered before is given out first.
    """
    wanted_bytes, gathered, gathered_bytes = FIRST_BYTES, [], 0
    try:
        for piece in pieces:
            gathered.append(piece)
            gathered_bytes += len(piece)
            if gathered_bytes >= wanted_bytes:
                yield b"".join(gathered)
                wanted_bytes, gathered, gathered_bytes = min(wanted_bytes * 2, MOST_BYTES), [], 0
    except Exception:
        if gathered:
            yield b"".join(gathered)
        raise
    if gathered:
        yield b"".join(gathered)


class LineReader(Protocol):
    """Reads lines one by one."""

    def is_waiting(self) -> bool:
        """Tell whether something that goes on over several lines has begun."""
        ...

    def records(self, line: Line) -> list[Record]:
        """Unwrap a line and read what was in it."""
        ...

    def parsed(self, line: Line) -> Record:
        """Read a line that is a whole metric document."""
        ...


@dataclass(frozen=True, slots=True)
class BlockRead:
    """What became of the lines of a block.

    Attributes:
        records: of the lines that were read one by one, in their order.
        metric_records: how many of the others are metric lines, of which nothing is to be said.
        other_records: how many are ordinary log.
        values: how many numbers these metric lines held.
    """

    records: list[Record]
    metric_records: int
    other_records: int
    values: int


def read_block(block: Block, road: BatchRoad, reader: LineReader) -> BlockRead:
    """Read the lines of a block.

    Args:
        block: the lines.
        road: reads most of them.
        reader: reads the others.
    """
    division = road.divide(block.lines)
    alone: dict[int, list[Record]] = {}
    unread = iter(division.left)
    beyond: set[int] = set()
    place = -1
    while True:
        if reader.is_waiting() and place + 1 < len(block.lines):  # the next line is its, whatever it looks like
            place += 1
            beyond.add(place)
        else:
            following = next((each for each in unread if each > place), None)
            if following is None:
                break
            place = following
        alone[place] = [record for line in block.lines_at(place) for record in reader.records(line)]
    read = road.take(division, beyond)
    for place in read.left:
        alone[place] = [reader.parsed(line) for line in block.lines_at(place)]
    records = [record for place in sorted(alone) for record in alone[place]]
    for line in block.behind:
        records += reader.records(line)
    return BlockRead(records, read.metric_records, read.other_records, read.values)
