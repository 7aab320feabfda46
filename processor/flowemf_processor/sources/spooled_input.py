"""Standard input for several readers, one after another.

What is piped in goes in once; each reader gets it from its beginning, and what was read once comes out of an unlinked
temporary file.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.sources.compression import PIECE_BYTES
from flowemf_processor.sources.files import StandardInput

if TYPE_CHECKING:
    from collections.abc import Generator


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
