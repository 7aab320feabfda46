"""Standard input: read once, read once for several destinations, or followed as it comes.

Nothing goes in but a name under which it is known again, where the user gives one; pieces come out.
"""

from __future__ import annotations

import os
import select
import sys
import tempfile
from typing import TYPE_CHECKING

from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.sources.compression import MAX_EXPANSION, PIECE_BYTES, decompressed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

STANDARD_INPUT = "-"
"""What stands for it where paths are named."""


class StandardInput:
    """Standard input, which can be known again only by a name that the user gives it."""

    name = STANDARD_INPUT
    rewindable = False
    size_bytes = None

    def __init__(self, source_id: str | None = None, *, max_expansion: int = MAX_EXPANSION) -> None:
        self._max_expansion = max_expansion
        self.identities = _identities(source_id)

    def pieces(self) -> Iterator[bytes]:
        """Give what is piped in, decompressed, as it comes."""
        return decompressed(self._stored(), max_expansion=self._max_expansion)

    def _stored(self) -> Generator[bytes, None, None]:
        if sys.stdin is None:  # the shell's <&-
            raise TryAgainLaterError("it is closed")
        descriptor = sys.stdin.fileno()
        try:
            while piece := os.read(descriptor, PIECE_BYTES):
                yield piece
        except OSError as error:
            raise TryAgainLaterError(error.strerror or str(error)) from error


class Spool:
    """Keeps what was piped in; the operating system takes it away with the process, however that ends."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="flowemf-")  # noqa: SIM115 - held for all readers
        self._size_bytes = 0

    def read(self, offset_bytes: int, source: Generator[bytes, None, None]) -> bytes:
        """Give what is at an offset, which the source is asked for where nobody has read so far.

        Raises:
            TryAgainLaterError: there is no room for it.
        """
        if offset_bytes < self._size_bytes:
            return os.pread(self._file.fileno(), PIECE_BYTES, offset_bytes)
        piece = next(source, b"")
        try:
            self._file.write(piece)
            self._file.flush()
        except OSError as error:
            raise TryAgainLaterError(
                f"there is no room for what several destinations are to read ({error.strerror}); set TMPDIR"
            ) from error
        self._size_bytes += len(piece)
        return piece


class SpooledInput(StandardInput):
    """Standard input, of which the beginning may have been read before.

    Args:
        spool: what all readers share.
        source_id: the name that the user gives it.
        max_expansion: how many times its size it may have when decompressed.
    """

    def __init__(self, spool: Spool, source_id: str | None, *, max_expansion: int) -> None:
        super().__init__(source_id, max_expansion=max_expansion)
        self._spool = spool

    def _stored(self) -> Generator[bytes, None, None]:
        offset_bytes, source = 0, super()._stored()
        while piece := self._spool.read(offset_bytes, source):
            offset_bytes += len(piece)
            yield piece


class FollowedInput:
    """Standard input, read as it comes."""

    name = STANDARD_INPUT
    rewindable = False
    size_bytes = None
    is_gone = False  # the rest may be piped in later

    def __init__(self, source_id: str | None = None) -> None:
        self.identities = _identities(source_id)
        self._is_waiting = False

    @property
    def is_ready(self) -> bool:
        """Whether something was piped in, or the pipe was closed."""
        return not self._is_waiting or bool(select.select([sys.stdin], [], [], 0)[0])

    def pieces(self) -> Iterator[bytes]:
        """Give what is piped in; an empty piece means that there is no more for now.

        Raises:
            TryAgainLaterError: it cannot be read.
        """
        descriptor = sys.stdin.fileno()
        while True:
            self._is_waiting = not select.select([descriptor], [], [], 0)[0]
            if self._is_waiting:
                yield b""
                continue
            try:
                piece = os.read(descriptor, PIECE_BYTES)
            except OSError as error:
                raise TryAgainLaterError(error.strerror or str(error)) from error
            if not piece:
                return
            yield piece


def _identities(source_id: str | None) -> Sequence[str]:
    return (f"stdin:{source_id}",) if source_id else ()
