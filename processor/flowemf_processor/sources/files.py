"""Files, and directories without any.

A path goes in; a source comes out, known again by its place on the disk and by its absolute path.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.sources.compression import MAGIC_BYTES, MAX_EXPANSION, PIECE_BYTES, codec_of, decompressed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from io import RawIOBase
    from pathlib import Path


class FileSource:
    """A file, compressed or not.

    Args:
        path: where it is.
        max_expansion: how many times its size it may have when decompressed.
    """

    rewindable = True
    is_immutable = False

    def __init__(self, path: Path, *, max_expansion: int = MAX_EXPANSION) -> None:
        self._path = path
        self._max_expansion = max_expansion
        self._opened: os.stat_result | None = None
        self.name = str(path)

    @property
    def identities(self) -> Sequence[str]:
        """The file's device and inode, which survive a renaming, and its absolute path, which survives a copy.

        They are those of the file that `pieces` opened last, even if another one has taken its name since.
        """
        # A file name may be any bytes; what cannot be text is spelled out, since stores keep text.
        absolute = os.path.realpath(os.fsencode(self._path)).decode(errors="backslashreplace")
        status = self._opened or self._status()
        by_place = () if status is None else (f"inode:{status.st_dev}:{status.st_ino}",)
        return (*by_place, f"path:{absolute}")

    @property
    def size_bytes(self) -> int | None:
        """How large the file is now; None where it is no ordinary file, or compressed."""
        return None if self.is_compressed else self.stored_bytes

    @property
    def stored_bytes(self) -> int | None:
        """How large the file is now, compressed or not; None where it is no ordinary file."""
        status = self._status()
        return None if status is None or not stat.S_ISREG(status.st_mode) else status.st_size

    @property
    def is_compressed(self) -> bool:
        """Whether an ordinary file holds compressed data; others cannot be asked without being read."""
        status = self._status()
        if status is None or not stat.S_ISREG(status.st_mode):
            return False
        try:
            with self._path.open("rb", buffering=0) as file:
                return codec_of(file.read(MAGIC_BYTES)) is not None
        except OSError:
            return False

    def pieces(self) -> Iterator[bytes]:
        """Open the file and give its bytes, decompressed, from the beginning.

        Raises:
            TryAgainLaterError: it cannot be opened or read, or its compressed data are damaged.
        """
        try:
            file = self._path.open("rb", buffering=0)
        except OSError as error:
            raise TryAgainLaterError(error.strerror or str(error)) from error
        self._opened = os.fstat(file.fileno())
        return decompressed(_read(file), max_expansion=self._max_expansion)

    def is_divisible(self) -> bool:
        """Tell whether it holds no compressed data."""
        return not self.is_compressed

    def stretch(self, start_bytes: int, end_bytes: int) -> Iterator[bytes]:
        """Give what is stored from one place up to another.

        Raises:
            TryAgainLaterError: it cannot be opened or read, or has become shorter.
        """
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(start_bytes)
                while start_bytes < end_bytes:
                    piece = file.read(min(PIECE_BYTES, end_bytes - start_bytes))
                    if not piece:
                        raise TryAgainLaterError(f"it ends after {start_bytes:,} of {end_bytes:,} bytes")
                    start_bytes += len(piece)
                    yield piece
        except OSError as error:
            raise TryAgainLaterError(error.strerror or str(error)) from error

    def _status(self) -> os.stat_result | None:
        try:
            return self._path.stat()
        except OSError:
            return None


def _read(file: RawIOBase) -> Generator[bytes, None, None]:
    with file:
        try:
            while piece := file.read(PIECE_BYTES):
                yield piece
        except OSError as error:
            raise TryAgainLaterError(error.strerror or str(error)) from error


class NothingThere:
    """A directory without a file. It is told like an empty file: whoever names it expects a log there."""

    rewindable = True
    identities: Sequence[str] = ()
    size_bytes = 0

    def __init__(self, name: str) -> None:
        self.name = name

    def pieces(self) -> Iterator[bytes]:
        """Give nothing."""
        return iter(())
