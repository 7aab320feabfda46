"""Files, directories and standard input.

Paths as the user wrote them go in; sources come out, each known again by its place on the disk and by its absolute
path.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.ports import Source

STANDARD_INPUT = "-"
_PIECE_BYTES = 1 << 20


class FileSource:
    """A file."""

    rewindable = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    @property
    def identities(self) -> Sequence[str]:
        """The file's device and inode, which survive a renaming, and its absolute path, which survives a copy."""
        path = f"path:{self._path.resolve()}"
        try:
            status = self._path.stat()
        except OSError:
            return (path,)
        return (f"inode:{status.st_dev}:{status.st_ino}", path)

    @property
    def size_bytes(self) -> int | None:
        """How large the file is now; None where it is no ordinary file."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def pieces(self) -> Iterator[bytes]:
        """Give the file's bytes from the beginning.

        Raises:
            TryAgainLaterError: it cannot be opened or read.
        """
        try:
            with self._path.open("rb", buffering=0) as file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece
        except OSError as error:
            raise TryAgainLaterError(error.strerror or str(error)) from error


class StandardInput:
    """Standard input, which can be known again only by a name that the user gives it."""

    name = STANDARD_INPUT
    rewindable = False
    size_bytes = None

    def __init__(self, source_id: str | None = None) -> None:
        self.identities: Sequence[str] = (f"stdin:{source_id}",) if source_id else ()

    def pieces(self) -> Iterator[bytes]:
        """Give what is piped in, as it comes."""
        descriptor = sys.stdin.fileno()
        try:
            while piece := os.read(descriptor, _PIECE_BYTES):
                yield piece
        except OSError as error:
            raise TryAgainLaterError(error.strerror or str(error)) from error


def open_sources(paths: Sequence[str], *, source_id: str | None = None) -> list[Source]:
    """Turn paths into sources.

    Args:
        paths: files, directories (all files below them, in the order of their names, without hidden ones) and `-`.
        source_id: a name for standard input, under which a checkpoint knows it again.

    Returns:
        One source for each file, each file once.

    Raises:
        ConfigurationError: there is no such file, or it may not be read, or standard input is named twice.
    """
    sources: list[Source] = []
    seen: set[Path] = set()
    for path in paths:
        if path == STANDARD_INPUT:
            if any(isinstance(source, StandardInput) for source in sources):
                raise ConfigurationError("standard input (-) can be read only once; name it once")
            sources.append(StandardInput(source_id))
            continue
        for file in _files(Path(path)):
            resolved = file.resolve()
            if resolved not in seen:
                seen.add(resolved)
                sources.append(FileSource(file))
    return sources


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in sorted(path.rglob("*")) if file.is_file() and not _is_hidden(file, path))
    elif not path.exists():
        raise ConfigurationError(f"{path}: there is no such file or directory; check the path")
    elif not os.access(path, os.R_OK):
        raise ConfigurationError(f"{path}: it may not be read; check its permissions")
    else:
        yield path


def _is_hidden(file: Path, below: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(below).parts)
