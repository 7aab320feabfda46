"""What a stretch of bytes holds: many lines at once, of which one may be several objects; or no text at all.

Lines go in as they lie in a source; each comes out as a `Line` when somebody asks for it. A line goes in, and its
objects come out; the first bytes of a source, and a finding where it is no text log.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowemf_processor.model import Line, Position
from flowemf_schemas.rules import finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_schemas.rules import Finding

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
CARRIAGE_RETURN = b"\r"
OBJECTS_HINT = b'}{"'
"""What every boundary holds: most data can be told by it to have none."""

# Inside a string the quote would be the string's end, and behind the end of a string stands one of ,:]} or a space; so
# this can be nothing but a new object, wherever it is found.
_BOUNDARY = re.compile(rb'(?<=\})(?=\{"[^,:\]}\s])')
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it first",
    b"\x04\x22\x4d\x18": "lz4 data: decompress it first",
}


class Block:
    """Whole lines that follow each other, none larger than a log event may be.

    Args:
        source: what the user calls it.
        first_line: the number of the first line.
        offset_bytes: where it begins.
        lines: the lines without their line feeds.
        behind: lines that follow them, which had no line feed.
    """

    def __init__(
        self, source: str, first_line: int, offset_bytes: int, lines: Sequence[bytes], behind: Sequence[Line]
    ) -> None:
        self.lines = lines
        self.behind = behind
        self._source = source
        self._first_line = first_line
        self._first_offset = offset_bytes
        self._place, self._offset_bytes = 0, offset_bytes  # of the line that was asked for last

    def lines_at(self, place: int) -> list[Line]:
        """Give a line with its position, or the objects that stand in one.

        Args:
            place: its index among `lines`; to ask in ascending order is faster.
        """
        offset_bytes = self._offset_of(place)
        data = self.lines[place]
        if OBJECTS_HINT in data:
            return list(self._shared(place, offset_bytes, objects_of(data)))
        return [self._line(place, offset_bytes, data, is_shared=False)]

    def _offset_of(self, place: int) -> int:
        before, offset_bytes = (self._place, self._offset_bytes) if place >= self._place else (0, self._first_offset)
        offset_bytes += sum(map(len, self.lines[before:place])) + place - before
        self._place, self._offset_bytes = place, offset_bytes
        return offset_bytes

    def _shared(self, place: int, offset_bytes: int, objects: Sequence[bytes]) -> Iterator[Line]:
        for data in objects:
            yield self._line(place, offset_bytes, data, is_shared=len(objects) > 1)
            offset_bytes += len(data)

    def _line(self, place: int, offset_bytes: int, data: bytes, *, is_shared: bool) -> Line:
        data = data.removesuffix(CARRIAGE_RETURN)
        if offset_bytes == 0:
            data = data.removeprefix(BYTE_ORDER_MARK)
        position = Position(self._source, self._first_line + place, offset_bytes)
        return Line(position, data, len(data), terminated=True, is_shared=is_shared)


def objects_of(line: bytes) -> list[bytes]:
    r"""Cut a line that begins with an object where other objects begin.

    Firehose and others write objects without a line ending between them.

    >>> objects_of(b'{"a": "}{"}{"b": 1}'), objects_of(b'INFO {"a": 1}{"b": 2}')
    ([b'{"a": "}{"}', b'{"b": 1}'], [b'INFO {"a": 1}{"b": 2}'])
    """
    return cut_objects(line) if line.startswith(b"{") else [line]


def cut_objects(part: bytes) -> list[bytes]:
    """Cut any part of a line that began with an object, where other objects begin."""
    return _BOUNDARY.split(part) if OBJECTS_HINT in part else [part]


def binary(first: bytes) -> Finding | None:
    """Find what no text log holds: the beginning of an archive, or NUL bytes; None for a source without any."""
    for magic, kind in _ARCHIVES.items():
        if first.startswith(magic):
            return finding("source-not-text", kind)
    place = first.find(b"\x00")
    return finding("source-not-text", f"byte {place + 1:,} is NUL") if place >= 0 else None
