"""Tells which compression a source has, and undoes it while the source is read.

Pieces of bytes as they are stored go in; pieces of the text that they stand for come out, in memory bounded by a
piece. What is not compressed passes through as it is. Offsets and marks everywhere count what comes out of here.
"""

from __future__ import annotations

import bz2
import contextlib
import lzma
import re
import sys
import zlib
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from flowemf_processor.errors import SourceFaultError
from flowemf_processor.sources.ahead import made_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

# Small, since what stands in a piece is held as lines: one of nothing but line endings takes 250 times its size.
PIECE_BYTES = 1 << 16

MAX_EXPANSION = 200
"""So many times its compressed size a source may become; logs of EMF lines reach 10 to 40 times."""

FREE_BYTES = 64 << 20
"""Up to this size expansion is not looked at: a short log of equal lines may well shrink a thousand times."""

MAGIC_BYTES = 10
"""So many bytes at most tell which compression it is."""

_LZMA_MEMORY_BYTES = 256 << 20  # xz -9 needs 65 MiB; a forged header may ask for 4 GiB


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


# --- Which compression bytes begin with, and what undoes it -----------------------------------------------------------


class Decompressor(Protocol):
    """Undoes the compression of one member, as the standard library's decompressors do."""

    @property
    def eof(self) -> bool:
        """Whether the end of the member was reached."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out without more going in."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What was put in beyond the end of the member."""
        ...

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        """Take bytes and give at most so many."""
        ...


@dataclass(frozen=True, slots=True)
class Codec:
    """One kind of compression.

    Attributes:
        name: what people call it.
        magic: what a member begins with.
        open: makes a decompressor for one member.
        is_slow: whether undoing it costs as much as reading the lines does.
    """

    name: str
    magic: re.Pattern[bytes]
    open: Callable[[], Decompressor]
    is_slow: bool = False


class _PlainGzip:
    """The standard library's gzip in the shape of its other decompressors; isal is faster."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def _gzip() -> Decompressor:
    try:
        from isal import igzip_lib
    except ImportError:  # there are no wheels for every processor
        return _PlainGzip()
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def _zstandard() -> Decompressor:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    decompressor: Decompressor = zstd.ZstdDecompressor()
    return decompressor


def _xz() -> Decompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY_BYTES)


# Measured for a line of 270 bytes: isal 0.27 us, Zstandard 0.13, bzip2 6.
_CODECS = (
    Codec("gzip", re.compile(rb"\x1f\x8b\x08"), _gzip),  # RFC 1952, 2.3.1
    # RFC 8878, 3.1.1 and 3.1.2: a frame, or one to skip, with which parallel compressors begin
    Codec("Zstandard", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), _zstandard),
    # The level, then the magic number of a block or of the end: text may begin with BZh, too.
    Codec(
        "bzip2",
        re.compile(rb"BZh[1-9](?:\x31\x41\x59\x26\x53\x59|\x17\x72\x45\x38\x50\x90)"),
        bz2.BZ2Decompressor,
        is_slow=True,
    ),
    Codec("xz", re.compile(rb"\xfd7zXZ\x00"), _xz, is_slow=True),
)


def codec_of(first: bytes) -> Codec | None:
    """Tell how a source is compressed, by its content and not by its name.

    Args:
        first: its first bytes, `MAGIC_BYTES` of them where it has as many.

    Returns:
        The kind of compression; None for anything else.

    >>> codec_of(bytes.fromhex("1f8b0800")).name
    'gzip'
    >>> codec_of(b"BZh is not bzip2") is None
    True
    """
    return next((codec for codec in _CODECS if codec.magic.match(first)), None)
