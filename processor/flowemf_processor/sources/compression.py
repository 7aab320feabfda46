"""Undoes compression while a source is read.

Pieces of bytes as they are stored go in; pieces of the text that they stand for come out, in memory bounded by a
piece. What is not compressed passes through as it is. Offsets and marks everywhere count what comes out of here.
"""

from __future__ import annotations

import contextlib
from itertools import chain
from typing import TYPE_CHECKING

from flowemf_processor.errors import SourceFaultError
from flowemf_processor.sources.ahead import made_ahead
from flowemf_processor.sources.codecs import MAGIC_BYTES, codec_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from flowemf_processor.sources.codecs import Codec

# Small, since what stands in a piece is held as lines: one of nothing but line endings takes 250 times its size.
PIECE_BYTES = 1 << 16

MAX_EXPANSION = 200
"""So many times its compressed size a source may become; logs of EMF lines reach 10 to 40 times."""

FREE_BYTES = 64 << 20
"""Up to this size expansion is not looked at: a short log of equal lines may well shrink a thousand times."""


def decompressed(pieces: Generator[bytes, None, None], *, max_expansion: int = MAX_EXPANSION) -> Iterator[bytes]:
    """Undo the compression of a source, if there is one: gzip, Zstandard, bzip2 or xz, in any number of members.

    Args:
        pieces: its bytes as they are stored.
        max_expansion: how many times their size what comes out may have, once it is larger than `FREE_BYTES`.

    Returns:
        Its bytes, at most `PIECE_BYTES` at once where they were compressed. Taking them raises SourceFaultError where
        a member is damaged, ends too early or grows too large, or something else follows the last one; everything
        before that was given.
    """
    stored = _Stored(pieces)
    codec = codec_of(stored.peek(MAGIC_BYTES))
    if codec is None:
        return stored.rest()
    text = _members(codec, stored, max_expansion)
    # A thread for the fast ones was measured, too: handing over costs what they cost.
    return made_ahead(text) if codec.is_slow else text


def _members(codec: Codec | None, stored: _Stored, max_expansion: int) -> Iterator[bytes]:
    given_bytes = 0
    with contextlib.closing(stored):
        while codec is not None:
            for piece in _member(codec, stored):
                given_bytes += len(piece)
                if given_bytes > max(FREE_BYTES, stored.taken_bytes * max_expansion):
                    raise _too_large(codec, given_bytes, stored.taken_bytes)
                yield piece
            codec = codec_of(stored.peek(MAGIC_BYTES))
        # Zeros are padding, of tapes and of blocks: https://www.gnu.org/software/gzip/manual/gzip.html#Tapes
        if any(any(piece) for piece in stored.rest()):
            raise SourceFaultError("source-trailing-data", f"after {stored.taken_bytes:,} bytes", at_end=True)


def _member(codec: Codec, stored: _Stored) -> Iterator[bytes]:
    decompressor = codec.open()
    while not decompressor.eof:
        piece = stored.next() if decompressor.needs_input else b""
        if not piece and decompressor.needs_input:
            raise SourceFaultError("source-truncated", f"{codec.name}, {stored.taken_bytes:,} bytes")
        try:
            text = decompressor.decompress(piece, PIECE_BYTES)
        except Exception as error:  # each library has errors of its own, with nothing but Exception in common
            place = f"{codec.name}, within its first {stored.taken_bytes:,} bytes"
            raise SourceFaultError("source-damaged", f"{place} ({error})") from error
        if text:
            yield text
    stored.put_back(decompressor.unused_data)


def _too_large(codec: Codec, given_bytes: int, taken_bytes: int) -> SourceFaultError:
    times = given_bytes // max(taken_bytes, 1)
    sizes = f"{taken_bytes:,} bytes of {codec.name} data became {given_bytes:,}, {times:,} times as much"
    return SourceFaultError("source-expands-too-far", sizes)


class _Stored:
    """The bytes of a source, which can be looked at before they are taken."""

    def __init__(self, pieces: Generator[bytes, None, None]) -> None:
        self._pieces = pieces
        self._ahead = b""
        self.taken_bytes = 0

    def peek(self, size_bytes: int) -> bytes:
        """Give the next bytes without taking them; fewer only at the end."""
        while len(self._ahead) < size_bytes:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._ahead += piece
        return self._ahead[:size_bytes]

    def next(self) -> bytes:
        """Take the next piece; nothing at the end."""
        piece, self._ahead = self._ahead or next(self._pieces, b""), b""
        self.taken_bytes += len(piece)
        return piece

    def put_back(self, piece: bytes) -> None:
        """Put back what was taken too much."""
        self._ahead = piece + self._ahead
        self.taken_bytes -= len(piece)

    def rest(self) -> Iterator[bytes]:
        """Give everything that was not taken."""
        return chain((self._ahead,) if self._ahead else (), self._pieces)

    def close(self) -> None:
        """Let go of the source."""
        self._pieces.close()
