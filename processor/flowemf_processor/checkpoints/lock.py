"""Lets one process at a time use a checkpoint.

The path of a checkpoint and a destination go in; a lock comes out that goes with the process, however that ends. Runs
to several destinations in one process share it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError

if TYPE_CHECKING:
    from typing import TextIO

FileId = tuple[int, int]
"""Device and inode."""


@dataclass(slots=True)
class _Held:
    """A lock of this process: the open file that has it, and who shares it."""

    file: TextIO
    destinations: set[str] = field(default_factory=set)


_held: dict[FileId, _Held] = {}
_turns = threading.Lock()


class Lock:
    """The right to use a checkpoint for one destination.

    Args:
        path: the checkpoint; the lock file lies beside it.
        destination: whose.

    Raises:
        ConfigurationError: there can be no lock file.
        TryAgainLaterError: another run has the right.
    """

    def __init__(self, path: Path, destination: str) -> None:
        file = _opened(path)
        status = os.fstat(file.fileno())
        self._file_id = (status.st_dev, status.st_ino)
        self._destination = destination
        with _turns:
            held = _held.get(self._file_id)
            if held is None:
                _lock(file, path)
                held = _held[self._file_id] = _Held(file)
            else:
                file.close()  # which leaves the lock alone: it belongs to the other opening of the file
                if destination in held.destinations:
                    raise _in_use(path)
            held.destinations.add(destination)

    def close(self) -> None:
        """Give the right back."""
        with _turns:
            held = _held[self._file_id]
            held.destinations.discard(self._destination)
            if not held.destinations:
                held.file.close()
                del _held[self._file_id]


def _opened(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return Path(f"{path}.lock").open("w", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written ({error.strerror}); name another --checkpoint") from error


def _lock(file: TextIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise ConfigurationError(
                f"{path}: cannot be locked ({error.strerror}); name another --checkpoint"
            ) from None
        raise _in_use(path) from None


def _in_use(path: Path) -> TryAgainLaterError:
    return TryAgainLaterError(f"{path}: another run is using this checkpoint; wait until it has ended")
