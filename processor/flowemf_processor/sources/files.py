"""Files: which ones a path means, and the bytes of each.

A path as the user wrote it goes in: a file, a directory, or a pattern that the shell did not expand. Its files come
out in the order of their names; each is a source, known again by its place on the disk and by its absolute path.
"""

from __future__ import annotations

import glob
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.sources.compression import MAGIC_BYTES, MAX_EXPANSION, PIECE_BYTES, codec_of, decompressed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from io import FileIO

# A chunk at once takes a twentieth longer to read: nothing of it is in the processor's caches any more when it is cut.
_STRETCH_PIECE_BYTES = 1 << 17


def files_at(path: str) -> list[Path]:
    """List the files that a path means.

    Args:
        path: a file; a directory, of which all files below it are meant, without hidden ones and without following
            symbolic links to directories; or a pattern of `*`, `?`, `[...]` and `**`, unless there is a file of that
            very name.

    Returns:
        The files. What a directory lists and cannot be read is among them: reading it says why.

    Raises:
        ConfigurationError: there is no such file, nothing matches, or it may not be read.
    """
    if glob.has_magic(path) and not os.path.lexists(path):
        return _matches(path)
    return _files(Path(path))


def _matches(pattern: str) -> list[Path]:
    """List the files that match a pattern, and those below the directories that do; hidden ones match no wildcard."""
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob would match hidden files
    if not found:
        raise ConfigurationError(f"{pattern}: nothing matches this pattern; check it, and where you are")
    listed = [file for each in found for file in _listed(Path(each))]
    return list(dict.fromkeys(listed))


def _listed(path: Path) -> list[Path]:
    return sorted(_files_below(path)) if path.is_dir() else [path] if _is_log(path) else []


def _files(path: Path) -> list[Path]:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file or directory; check the path") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be reached ({error.strerror}); check the path") from None
    if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
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
        self._file: FileIO | None = None
        self.name = str(path)

    def __getstate__(self) -> dict[str, Any]:
        """Go to another process, which opens the file for itself."""
        return {**self.__dict__, "_file": None}

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
            self._file = file = self._path.open("rb", buffering=0)
        except OSError as error:
            raise TryAgainLaterError(error.strerror or str(error)) from error
        self._opened = os.fstat(file.fileno())
        return decompressed(_read(file), max_expansion=self._max_expansion)

    def glance(self, start_bytes: int, end_bytes: int) -> bytes:
        """Give what `pieces` has opened from one place up to another, wherever it is being read; fewer at its end.

        Raises:
            TryAgainLaterError: it cannot be read.
        """
        with _told_as_unreadable():
            return os.pread(self._descriptor, end_bytes - start_bytes, start_bytes)

    def go_on_at(self, start_bytes: int) -> None:
        """Let the next one of its `pieces` begin at another place; only where it is not compressed.

        Raises:
            TryAgainLaterError: it cannot be read there.
        """
        with _told_as_unreadable():
            os.lseek(self._descriptor, start_bytes, os.SEEK_SET)

    def is_divisible(self) -> bool:
        """Tell whether it holds no compressed data."""
        return not self.is_compressed

    def stretch(self, start_bytes: int, end_bytes: int) -> Iterator[bytes]:
        """Give what is stored from one place up to another, a piece at a time.

        Raises:
            TryAgainLaterError: it cannot be opened or read, has become shorter, or is not what `pieces` opened.
        """
        with _told_as_unreadable(), self._path.open("rb", buffering=0) as file:
            if self._opened and not os.path.samestat(self._opened, os.fstat(file.fileno())):
                raise TryAgainLaterError("another file has taken its name while it was read")
            file.seek(start_bytes)
            while start_bytes < end_bytes:
                piece = file.read(min(_STRETCH_PIECE_BYTES, end_bytes - start_bytes))
                if not piece:
                    raise TryAgainLaterError(f"it ends after {start_bytes:,} of {end_bytes:,} bytes")
                start_bytes += len(piece)
                yield piece

    @property
    def _descriptor(self) -> int:
        assert self._file is not None  # noqa: S101 - `pieces` has opened it
        return self._file.fileno()

    def _status(self) -> os.stat_result | None:
        try:
            return self._path.stat()
        except OSError:
            return None


def _read(file: FileIO) -> Generator[bytes, None, None]:
    with file, _told_as_unreadable():
        while piece := file.read(PIECE_BYTES):
            yield piece


@contextmanager
def _told_as_unreadable() -> Iterator[None]:
    """Say what the system says."""
    try:
        yield
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
