"""Which compression bytes begin with, and what undoes it.

The first bytes of a source go in; a decompressor comes out that never gives more than it is asked for.
"""

from __future__ import annotations

import bz2
import lzma
import re
import sys
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

MAGIC_BYTES = 10
"""So many bytes at most tell which compression it is."""

_LZMA_MEMORY_BYTES = 256 << 20  # xz -9 needs 65 MiB; a forged header may ask for 4 GiB


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
