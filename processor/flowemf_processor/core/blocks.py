"""Many lines at once, as they lie in a source.

A stretch of bytes goes in; each of its lines comes out as a `Line` when somebody asks for it.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from flowemf_processor.model import Line, Position

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        self._offset_bytes = offset_bytes
        self._offsets: list[int] | None = None

    def line(self, place: int) -> Line:
        """Give a line with its position.

        Args:
            place: its index among `lines`.
        """
        if self._offsets is None:  # only few blocks hold lines that have to be looked at one by one
            self._offsets = list(accumulate((len(line) + 1 for line in self.lines), initial=self._offset_bytes))
        offset_bytes = self._offsets[place]
        data = self.lines[place].removesuffix(CARRIAGE_RETURN)
        if offset_bytes == 0:
            data = data.removeprefix(BYTE_ORDER_MARK)
        return Line(Position(self._source, self._first_line + place, offset_bytes), data, len(data), terminated=True)
