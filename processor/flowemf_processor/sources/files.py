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
from flowemf_processor.sources.codecs import MAGIC_BYTES, codec_of
from flowemf_processor.sources.compression import MAX_EXPANSION, PIECE_BYTES, decompressed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from io import RawIOBase

    from flowemf_processor.ports import Source

STANDARD_INPUT = "-"


class FileSource:
    """A file, compressed or not.

    Args:
        path: where it is.
        max_expansion: how many times its size it may have when decompressed.
    """

    rewindable = True

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
        status = self._status()
        if status is None or not stat.S_ISREG(status.st_mode) or self.is_compressed:
            return None
        return status.st_size

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


class StandardInput:
    """Standard input, which can be known again only by a name that the user gives it."""

    name = STANDARD_INPUT
    rewindable = False
    size_bytes = None

    def __init__(self, source_id: str | None = None, *, max_expansion: int = MAX_EXPANSION) -> None:
        self._max_expansion = max_expansion
        self.identities: Sequence[str] = (f"stdin:{source_id}",) if source_id else ()

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
