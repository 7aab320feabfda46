"""Cuts a stream of bytes into lines, and a line of JSON objects into objects.

Pieces of bytes go in, wherever they were cut; whole lines with their positions come out, the same for every cut.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

from flowemf_processor.core.blocks import BYTE_ORDER_MARK, CARRIAGE_RETURN, OBJECTS_HINT, Block, cut_objects
from flowemf_processor.core.unwrap import could_be_wrapped
from flowemf_processor.model import Line, Mark, Position
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Sequence

# What may stand around a line without being part of it must not push the line itself over the limit.
_KEPT_BYTES = limits.EVENT_BYTES + len(BYTE_ORDER_MARK) + len(CARRIAGE_RETURN)
# A wrapper with a log event of that size in it is larger.
_KEPT_WRAPPER_BYTES = limits.WRAPPER_BYTES + len(BYTE_ORDER_MARK) + len(CARRIAGE_RETURN)
_DIGEST_BYTES = 16
# What may belong to the boundary between two objects waits for the next piece, which tells.
_BEGINNINGS_OF_BOUNDARY = tuple(OBJECTS_HINT[:length] for length in range(1, len(OBJECTS_HINT) + 1))


class _Digest(Protocol):
    """What of a digest is needed here."""

    def update(self, data: bytes | memoryview, /) -> None: ...

    def copy(self) -> _Digest: ...

    def hexdigest(self) -> str: ...


class _NoDigest:
    """In place of a digest that nobody asks for."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Look at nothing."""

    def copy(self) -> _NoDigest:
        return self

    def hexdigest(self) -> str:
        return ""


class LineDecoder:
    r"""Cuts one source into lines, and knows how far it has got.

    A line larger than a log event may be is kept up to that size and measured to its end: memory stays bounded by one
    line. Where objects follow each other without a line ending, each is given out as a line of its own, with the number
    of the line that they share.

    >>> [line.data for line in LineDecoder("a.log").feed(b"one\ntwo\r\nthr")]
    [b'one', b'two']

    Args:
        source: what the user calls it.
        is_marked: whether `mark` will be asked: to digest all bytes takes a tenth of the time of reading them.
    """

    def __init__(self, source: str, *, is_marked: bool = True) -> None:
        self._source = source
        self._fed: _Digest = blake2b(digest_size=_DIGEST_BYTES) if is_marked else _NoDigest()
        self._given_out: _Digest = self._fed.copy()
        self._tail = bytearray()
        self._tail_bytes = 0
        self._kept_bytes = _KEPT_BYTES
        self._is_judged = False  # whether it was decided how much of a large line is kept
        self._last_byte = b""
        self._undecided = b""  # the last bytes, where they may be the beginning of a boundary
        self._is_rest = False  # whether what comes next belongs to a line whose beginning was given out already
        self.lines = 0
        """How many lines were given out, whole or in part."""
        self.offset_bytes = 0
        """Where the first line that was not given out begins."""
        self.lines_passed_over = 0
        """How many of `lines` an earlier run has read."""

    def feed(self, piece: bytes) -> list[Line]:
        """Take the next bytes of the source.

        Args:
            piece: any number of bytes.

        Returns:
            The lines that end in this piece.
        """
        piece = self._undecided + piece
        self._undecided = next((each for each in reversed(_BEGINNINGS_OF_BOUNDARY) if piece.endswith(each)), b"")
        piece = piece.removesuffix(self._undecided)
        *ended, rest = piece.split(b"\n")
        has_boundaries = OBJECTS_HINT in piece or self._tail_bytes > 0
        lines = []
        for part in ended:
            objects = self._objects(part) if has_boundaries else (part,)
            lines += self._whole_objects(objects)
            self._keep(objects[-1])
            was_rest = self._is_rest
            line = self._cut(ending_bytes=1)
            if line.size_bytes or not was_rest:  # the line ending that a line given out was still lacking is no line
                lines.append(line)
        objects = self._objects(rest) if has_boundaries else (rest,)
        lines += self._whole_objects(objects)
        self._keep(objects[-1])
        self._digest(piece, len(piece) - len(objects[-1]))
        return lines

    def feed_block(self, piece: bytes) -> Block | None:
        """Take the next bytes of the source, and give their lines as they are; nothing is done where that can't be.

        Args:
            piece: any number of bytes.

        Returns:
            The lines that end in this piece; None where one has to be shortened or was begun before: then `feed`.
        """
        lines = piece.split(b"\n")
        rest = lines.pop()
        if not lines or self._is_rest or self._tail_bytes > len(self._tail):
            return None
        lines[0] = b"".join((self._tail, self._undecided, lines[0]))
        size_bytes = len(self._tail) + len(self._undecided) + len(piece) - len(rest)
        if size_bytes > limits.EVENT_BYTES and max(map(len, lines)) > limits.EVENT_BYTES:
            return None
        first_line, offset_bytes = self.lines + 1, self.offset_bytes
        self._fed.update(self._undecided)
        self._fed.update(memoryview(piece)[: len(piece) - len(rest)])
        self._given_out = self._fed.copy()
        self.lines += len(lines)
        self.offset_bytes += size_bytes
        self._undecided = b""
        self._begin_line()
        return Block(self._source, first_line, offset_bytes, lines, self.feed(rest))

    @property
    def is_between_lines(self) -> bool:
        """Whether the next byte begins a line."""
        return not (self._is_rest or self._tail_bytes or self._undecided)

    def skip_lines(self, size_bytes: int, lines: int, data: bytes = b"") -> None:
        """Take whole lines that somebody else has read. Call between lines only.

        Args:
            size_bytes: how large they are, with their line feeds.
            lines: how many they are.
            data: the lines themselves, where `mark` will be asked.
        """
        self._fed.update(data)
        self._given_out = self._fed.copy()
        self.lines += lines
        self.offset_bytes += size_bytes

    def unfinished(self) -> Line | None:
        """Give what stands behind the last line ending, which is None where nothing does."""
        undecided, self._undecided = self._undecided, b""
        self._keep(undecided)
        self._fed.update(undecided)
        return self._line(terminated=False) if self._tail_bytes else None

    def consume_unfinished(self) -> None:
        """Count the line that `unfinished` gave as given out; should more of it come, that is given out by itself."""
        self._cut(ending_bytes=0)
        self._given_out = self._fed.copy()

    def pass_over(self, piece: bytes) -> None:
        """Take bytes that an earlier run has read; no line is cut out of them. Call before `feed`, then `resume`."""
        self._fed.update(piece)
        self.offset_bytes += len(piece)
        self._last_byte = piece[-1:] or self._last_byte

    def resume(self, mark: Mark) -> bool:
        """Go on from a mark, if what was passed over is what the mark stands for.

        Args:
            mark: what an earlier run stored.

        Returns:
            Whether the bytes are the same; if not, begin anew with another decoder.
        """
        self._given_out = self._fed.copy()
        self.lines = self.lines_passed_over = mark.lines
        self._is_rest = self.offset_bytes > 0 and self._last_byte != b"\n"
        self._last_byte = b""
        return self.offset_bytes == mark.offset_bytes and self._fed.hexdigest() == mark.digest

    def mark(self, identity: str) -> Mark:
        """Say how far the source has been read, up to the end of the last line given out.

        Args:
            identity: the name under which the source is known again.

        Returns:
            The mark to be stored.
        """
        return Mark(identity, self.offset_bytes, self.lines, self._given_out.hexdigest())

    def _objects(self, part: bytes) -> Sequence[bytes]:
        """Cut the next part of a line where objects begin, if the line began with one."""
        began_with_object = self._tail.startswith(b"{") if self._tail_bytes else part.startswith(b"{")
        return cut_objects(part) if began_with_object else (part,)

    def _whole_objects(self, objects: Sequence[bytes]) -> list[Line]:
        """Give out all but the last one, which may go on."""
        lines = []
        for each in objects[:-1]:
            self._keep(each)
            lines.append(self._cut(ending_bytes=0, terminated=True))
        return lines

    def _digest(self, piece: bytes, given_out_bytes: int) -> None:
        if given_out_bytes:
            self._fed.update(memoryview(piece)[:given_out_bytes])
            self._given_out = self._fed.copy()
        self._fed.update(memoryview(piece)[given_out_bytes:])

    def _keep(self, part: bytes) -> None:
        room = self._kept_bytes - len(self._tail)
        if len(part) <= room:
            self._tail += part
        else:
            self._keep_large(part, room)
        self._tail_bytes += len(part)
        self._last_byte = part[-1:] or self._last_byte

    def _keep_large(self, part: bytes, room: int) -> None:
        self._tail += part[:room]
        if not self._is_judged:
            self._is_judged = True
            if _may_hold_large_event(bytes(self._tail)):
                self._kept_bytes = _KEPT_WRAPPER_BYTES
                self._tail += part[room : room + _KEPT_WRAPPER_BYTES - len(self._tail)]

    def _cut(self, *, ending_bytes: int, terminated: bool | None = None) -> Line:
        line = self._line(terminated=ending_bytes > 0 if terminated is None else terminated, has_next=bool(terminated))
        self.offset_bytes += self._tail_bytes + ending_bytes
        self.lines = line.position.line
        self._is_rest = not ending_bytes
        self._begin_line()
        return line

    def _begin_line(self) -> None:
        self._tail = bytearray()
        self._tail_bytes = 0
        self._kept_bytes = _KEPT_BYTES
        self._is_judged = False
        self._last_byte = b""

    def _line(self, *, terminated: bool, has_next: bool = False) -> Line:
        number = self.lines if self._is_rest else self.lines + 1
        start, end = 0, self._tail_bytes
        if terminated and self._last_byte == CARRIAGE_RETURN:
            end -= len(CARRIAGE_RETURN)
        if self.offset_bytes == 0 and self._tail.startswith(BYTE_ORDER_MARK):
            start = len(BYTE_ORDER_MARK)
        most_bytes = limits.EVENT_BYTES if self._kept_bytes == _KEPT_BYTES else limits.WRAPPER_BYTES
        data = bytes(self._tail[start : min(end, start + most_bytes)])
        position = Position(self._source, number, self.offset_bytes)
        return Line(position, data, end - start, terminated, is_shared=self._is_rest or has_next)


def _may_hold_large_event(beginning: bytes) -> bool:
    return could_be_wrapped(beginning) or beginning.lstrip(b" \t").startswith(b'"')
