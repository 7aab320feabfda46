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
    from io import RawIOBase

    from flowemf_processor.ports import Source

STANDARD_INPUT = "-"
# Small, since what stands in a piece is held as lines: one of nothing but line endings takes 250 times its size.
_PIECE_BYTES = 1 << 16


class FileSource:
    """A file."""

    rewindable = True

    def __init__(self, path: Path) -> None:
        self._path = path
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
        """How large the file is now; None where it is no ordinary file."""
        status = self._status()
        return status.st_size if status is not None and stat.S_ISREG(status.st_mode) else None

    def pieces(self) -> Iterator[bytes]:
        """Open the file and give its bytes from the beginning.

        Raises:
            TryAgainLaterError: it cannot be opened or read.
        """
        try:
            file = self._path.open("rb", buffering=0)
        except OSError as error:
            raise TryAgainLaterError(error.strerror or str(error)) from error
        self._opened = os.fstat(file.fileno())
        return _read(file)

    def _status(self) -> os.stat_result | None:
        try:
            return self._path.stat()
        except OSError:
            return None


def _read(file: RawIOBase) -> Iterator[bytes]:
    with file:
        try:
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
        if sys.stdin is None:  # the shell's <&-
            raise TryAgainLaterError("it is closed")
        descriptor = sys.stdin.fileno()
        try:
            while piece := os.read(descriptor, _PIECE_BYTES):
                yield piece
        except OSError as error:
            raise TryAgainLaterError(error.strerror or str(error)) from error


class EmptyDirectory:
    """A directory without a file, which is told like an empty file: whoever names it expects a log there."""

    rewindable = True
    identities: Sequence[str] = ()
    size_bytes = 0

    def __init__(self, name: str) -> None:
        self.name = name

    def pieces(self) -> Iterator[bytes]:
        """Give nothing."""
        return iter(())


def open_sources(paths: Sequence[str], *, source_id: str | None = None) -> list[Source]:
    """Turn paths into sources.

    Args:
        paths: files, directories and `-`. Of a directory all files below it are read, in the order of their names,
            without hidden ones; symbolic links to directories are not followed.
        source_id: a name for standard input, under which a checkpoint knows it again.

    Returns:
        One source for each file, each file once. What a directory lists and cannot be read is a source too: reading
        it says why; and so is a directory without a file.

    Raises:
        ConfigurationError: there is no such file, or it may not be read, or standard input is named twice.
    """
    sources: list[Source] = []
    seen: set[tuple[int, int]] = set()
    for path in paths:
        if path == STANDARD_INPUT:
            if any(isinstance(source, StandardInput) for source in sources):
                raise ConfigurationError("standard input (-) can be read only once; name it once")
            sources.append(StandardInput(source_id))
            continue
        files = _files(Path(path))
        if not files:
            sources.append(EmptyDirectory(path))
        for file in files:
            file_id = _file_id(file)
            if file_id is None or file_id not in seen:
                sources.append(FileSource(file))
            if file_id is not None:
                seen.add(file_id)
    return sources


def _file_id(path: Path) -> tuple[int, int] | None:
    """Tell files apart by what they are, since one may have several names."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _files(path: Path) -> list[Path]:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file or directory; check the path") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be reached ({error.strerror}); check the path") from None
    if not os.access(path, os.R_OK):
        raise ConfigurationError(f"{path}: it may not be read; check its permissions")
    return sorted(_files_below(path)) if stat.S_ISDIR(mode) else [path]


def _files_below(directory: Path) -> Iterator[Path]:
    """List the files, and the directories that cannot be listed."""
    unlisted: list[Path] = []
    walk = os.walk(directory, onerror=lambda error: unlisted.append(Path(error.filename)))
    for parent, directories, files in walk:
        directories[:] = [name for name in directories if not name.startswith(".")]
        yield from (Path(parent, name) for name in files if not name.startswith(".") and _is_log(Path(parent, name)))
    yield from unlisted


def _is_log(path: Path) -> bool:
    """Leave out pipes, sockets and devices, which may never end; what has vanished meanwhile is not passed over."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True
