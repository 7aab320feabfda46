"""Many lines at once, as they lie in a source.

A stretch of bytes goes in; each of its lines comes out as a `Line` when somebody asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.core import concatenated
from flowemf_processor.model import Line, Position

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
CARRIAGE_RETURN = b"\r"


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
        if concatenated.HINT in data:
            return list(self._shared(place, offset_bytes, concatenated.objects_of(data)))
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
