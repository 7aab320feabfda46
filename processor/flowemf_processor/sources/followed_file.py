"""One life of a file that is being written, and the copies of it that are none of its lives.

A path goes in; pieces come out as they are written, and an empty one whenever there is no more for now, until the file
is cut off, taken away or complete. Copytruncate copies a file and then cuts it off: what the original gave must not be
read again from the copy, and what was cut off before it was read is found there alone.
"""

from __future__ import annotations

import contextlib
import os
import time
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.sources.compression import PIECE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FileId = tuple[int, int]
"""Device and inode."""

BEGINNING = "beginning:"
"""How identities begin that name a file by its first line."""

BEGINNING_BYTES = 1024
"""A file is told from others by its first line, or by so many bytes of it; it is not read before they are there."""

GRACE_SECONDS = 5.0
"""So long a file that was taken away is still read: its writer may not have noticed yet."""

# What stands before the place that was read is read again: other bytes there mean that the file was cut off.
_OVERLAP_BYTES = 1024
_COMPARED_BYTES = 4096  # of a copy and its original
_REMEMBERED_SECONDS = 10.0  # so long a copy may come after its original was cut off


class FollowedFile:
    """A file that grows.

    Args:
        path: where it is now.
        descriptor: the open file, which is closed by `close`.
        beginning: what `beginning_of` gave.
    """

    rewindable = True
    size_bytes = None

    def __init__(self, path: Path, descriptor: int, beginning: bytes) -> None:
        self.path = path
        self.name = str(path)
        self.offset_bytes = 0
        """How much of it was read."""
        self.is_gone = False
        """Whether no path leads to it any more."""
        self.has_ended = False
        """Whether no more will be given of this life."""
        self.beginning = kinship(path, beginning)
        self.descriptor = descriptor
        self.was_cut_off = False
        """Whether it ended because other bytes stood where it had been read, or none at all."""
        self._first = beginning
        self._before = b""
        self._is_waiting = False
        self._last_news = time.monotonic()
        self._changed_ns = 0
        status = os.fstat(descriptor)
        self.file_id: FileId = (status.st_dev, status.st_ino)

    @property
    def identities(self) -> Sequence[str]:
        """Device and inode, the absolute path, and its beginning, by which a copy of it is known.

        Copytruncate makes such copies, and each of these counts only with the digest of all that was read.
        """
        device, inode = self.file_id
        absolute = os.path.realpath(os.fsencode(self.path)).decode(errors="backslashreplace")
        return f"inode:{device}:{inode}", f"path:{absolute}", self.beginning

    @property
    def is_ready(self) -> bool:
        """Whether asking for the next piece gives more than an empty one, or ends."""
        if not self._is_waiting or self.has_ended:
            return True
        status = os.fstat(self.descriptor)
        if status.st_size != self.offset_bytes or status.st_mtime_ns != self._changed_ns:
            return True
        return self.is_gone and time.monotonic() - self._last_news > GRACE_SECONDS

    @property
    def behind_bytes(self) -> int:
        """How much of it has been written and not been read."""
        return max(0, os.fstat(self.descriptor).st_size - self.offset_bytes)

    @property
    def holds_what_was_read(self) -> bool:
        """Whether the bytes before the place that was read are there still; if not, it was cut off since."""
        start = self.offset_bytes - len(self._before)
        return os.pread(self.descriptor, len(self._before), start) == self._before

    def pieces(self) -> Iterator[bytes]:
        """Give its bytes from the beginning; an empty piece means that there are no more for now.

        Raises:
            TryAgainLaterError: it cannot be read.
        """
        self.offset_bytes, self._before = 0, b""
        while True:
            piece = self._next()
            if piece is None:
                self.has_ended = True
                return
            self._is_waiting = not piece
            yield piece

    def _next(self) -> bytes | None:
        start = self.offset_bytes - len(self._before)
        try:
            self._changed_ns = os.fstat(self.descriptor).st_mtime_ns
            found = os.pread(self.descriptor, len(self._before) + PIECE_BYTES, start)
        except OSError as error:
            raise TryAgainLaterError(error.strerror or str(error)) from error
        # At the start it is its first line that must be there: it may have been cut off since that was looked at, and
        # what is written there now has another name.
        if not found.startswith(self._before) or (start == 0 and _first_line(found) != self._first):
            self.was_cut_off = True
            return None
        piece = found[len(self._before) :]
        if piece:
            self._before = found[-_OVERLAP_BYTES:]
            self.offset_bytes += len(piece)
            self._last_news = time.monotonic()
        elif self.is_gone and time.monotonic() - self._last_news > GRACE_SECONDS:
            return None
        return piece

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.descriptor)


def beginning_of(descriptor: int) -> bytes | None:
    """Read the first line of a file, or as much of it as is looked at; None while it is still being written."""
    return _first_line(os.pread(descriptor, BEGINNING_BYTES, 0))


def _first_line(text: bytes) -> bytes | None:
    first = text[:BEGINNING_BYTES]
    line, newline, _ = first.partition(b"\n")
    return line if newline or len(first) == BEGINNING_BYTES else None


def still_there(identities: Iterable[str]) -> set[str]:
    """Find out which beginnings still lie in their directories, be it under other names.

    Args:
        identities: as `kinship` names them.

    Returns:
        Those of which a file has that beginning now.
    """
    wanted: dict[tuple[str, str], set[str]] = {}
    for identity in identities:
        directory, stem, _ = identity.removeprefix(BEGINNING).rsplit(":", 2)
        wanted.setdefault((directory, stem), set()).add(identity)
    return {found for (directory, stem), those in wanted.items() for found in _kin(Path(directory), stem) & those}


def _kin(directory: Path, stem: str) -> set[str]:
    found: set[str] = set()
    with contextlib.suppress(OSError):  # the directory is gone
        for path in directory.iterdir():
            if path.name.startswith(stem) and path.is_file():
                with contextlib.suppress(OSError), path.open("rb") as file:
                    beginning = beginning_of(file.fileno())
                    if beginning is not None:
                        found.add(kinship(path, beginning))
    return found


def kinship(path: Path, beginning: bytes) -> str:
    """Name what a file has in common with its rotated copies: its directory, the stem of its name, its beginning.

    >>> kinship(Path("/a/app.log.1"), b"x") == kinship(Path("/a/app.log"), b"x")
    True
    """
    directory = os.path.realpath(os.fsencode(path.parent)).decode(errors="backslashreplace")
    stem = os.fsencode(path.name.partition(".")[0]).decode(errors="backslashreplace")
    return f"{BEGINNING}{directory}:{stem.partition('-')[0]}:{blake2b(beginning, digest_size=16).hexdigest()}"


class _CutOff(NamedTuple):
    file_id: FileId
    read_bytes: int
    noticed: float


class Copies:
    """What is known of originals and their copies."""

    def __init__(self) -> None:
        self._cut_off: dict[str, _CutOff] = {}

    def remember(self, original: FollowedFile) -> None:
        """Remember a file that was cut off, and how much of it had been read."""
        self._cut_off[original.beginning] = _CutOff(original.file_id, original.offset_bytes, time.monotonic())

    def has_to_wait(self, candidate: FollowedFile, followed: Iterable[FollowedFile]) -> bool:
        """Tell whether a file may be the copy of one that is still read.

        It is when both hold the same, and may be when the other was cut off and is written again: how much of it had
        been read is remembered only after its reader has noticed.
        """
        return any(
            original.beginning == candidate.beginning
            and (not original.holds_what_was_read or _is_alike(original.descriptor, candidate.descriptor))
            for original in followed
        )

    def is_known(self, candidate: FollowedFile) -> bool:
        """Tell whether a file is the copy of one that was read further than the copy goes.

        Between copying and cutting off, the original may have grown.
        """
        original = self._cut_off.get(candidate.beginning)
        return (
            original is not None
            and original.file_id != candidate.file_id
            and os.fstat(candidate.descriptor).st_size < original.read_bytes
            and time.monotonic() - original.noticed < _REMEMBERED_SECONDS
        )


def _is_alike(one: int, other: int) -> bool:
    """Compare the last bytes that two files have in common."""
    common_bytes = min(os.fstat(one).st_size, os.fstat(other).st_size)
    start = max(0, common_bytes - _COMPARED_BYTES)
    return os.pread(one, common_bytes - start, start) == os.pread(other, common_bytes - start, start)
