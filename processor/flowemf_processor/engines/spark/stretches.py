"""Reads a stretch of a source: the lines that begin in a range of its bytes.

A range goes in; the lines come out whole, those of all ranges of a source being each of its lines once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.ports import DivisibleSource

if TYPE_CHECKING:
    from flowemf_processor.engines.spark.works import Stretch

_BEYOND_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a stretch.

    Attributes:
        start_bytes: where the first one begins.
        data: the lines with their line feeds.
        tail: what stands behind the last line feed of the source.
    """

    start_bytes: int
    data: bytes
    tail: bytes


def lines_of(stretch: Stretch) -> Lines:
    r"""Read the lines that begin in a range.

    A line belongs to the range in which its first byte lies, as Hadoop has it: whoever reads a range begins behind the
    first line feed at or after the byte before it, and ends with the first one at or after its own last byte.

    Args:
        stretch: the range.

    Returns:
        The lines. No bytes where a line that began before goes on beyond the range.

    Raises:
        TryAgainLaterError: the source cannot be read.
    """
    source, size_bytes = stretch.listed.source, stretch.listed.plain_bytes
    if not isinstance(source, DivisibleSource) or size_bytes is None:
        raise TypeError(f"{stretch.listed.name} cannot be divided")
    before = min(stretch.start_bytes, 1)
    data = bytearray().join(source.stretch(stretch.start_bytes - before, stretch.end_bytes))
    skipped = data.find(b"\n") + 1 if before else 0
    if before and not skipped:
        return Lines(stretch.end_bytes, b"", b"")
    start_bytes = stretch.start_bytes - before + skipped
    end_bytes = stretch.end_bytes
    while end_bytes < size_bytes and len(data) > skipped and not data.endswith(b"\n"):
        more = b"".join(source.stretch(end_bytes, min(end_bytes + _BEYOND_BYTES, size_bytes)))
        end_bytes += len(more)
        feed = more.find(b"\n") + 1
        data += more[:feed] if feed else more
    end = data.rfind(b"\n") + 1
    return Lines(start_bytes, bytes(data[skipped:end]), bytes(data[max(end, skipped) :]))
