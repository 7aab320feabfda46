"""A file as a target: appended to, and opened again when it was rotated away.

Batches of whole lines go in and stand at the end of the file that has the name at that time.
"""

from __future__ import annotations

import os
from stat import S_ISREG
from time import monotonic

from flowemf._output.target import FILE_BYTES, DescriptorTarget, count_failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf._tally import Tally

_LOOK_EVERY_SECONDS = 1.0
# Without O_NONBLOCK, opening a named pipe that nobody reads would wait for a reader; regular files take no notice.
_HOW = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


class FileTarget(DescriptorTarget):
    """A file that is appended to.

    Whoever rotates logs renames the file (and perhaps makes a new one), or copies and truncates it. Appending always
    writes at the end, so truncation needs nothing; whether the name still means the same file is looked up once a
    second.
    """

    __slots__ = ("_descriptor", "_identity", "_look_at_seconds", "joined_bytes")

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._open()

    def put(self, lines: Sequence[bytes], tally: Tally) -> None:
        """Append the lines."""
        try:
            if monotonic() >= self._look_at_seconds:
                self._look()
        except OSError as problem:
            count_failed(len(lines), tally, self._name, problem)
        else:
            self._put(self._descriptor, lines, tally)

    def put_one(self, line: bytes, tally: Tally) -> None:
        """Append one line."""
        if monotonic() >= self._look_at_seconds:
            self.put((line,), tally)
        else:
            self._put_one(self._descriptor, line, tally)

    def _open(self) -> None:
        self._descriptor = os.open(self._name, _HOW, 0o644)
        status = os.fstat(self._descriptor)
        self._identity = (status.st_dev, status.st_ino)
        self._look_at_seconds = monotonic() + _LOOK_EVERY_SECONDS
        regular = S_ISREG(status.st_mode)
        self.joined_bytes = FILE_BYTES if regular else DescriptorTarget.joined_bytes
        self._torn = regular and status.st_size > 0 and _ends_torn(self._name)

    def _look(self) -> None:
        """Open the file again where its name means another file by now, or none."""
        if not self._has_descriptor():
            self._open()
        elif not self._has_name():
            before = self._descriptor
            self._open()  # where this fails, the old descriptor is kept, and asked about again
            os.close(before)
        self._look_at_seconds = monotonic() + _LOOK_EVERY_SECONDS

    def _has_descriptor(self) -> bool:
        """Tell whether the descriptor is still ours: a daemon closes them all, and the numbers are used again."""
        try:
            return _identity(os.fstat(self._descriptor)) == self._identity
        except OSError:
            return False

    def _has_name(self) -> bool:
        try:
            return _identity(os.stat(self._name)) == self._identity  # noqa: PTH116 - pathlib is heavy
        except OSError:
            return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _ends_torn(path: str) -> bool:
    """Tell whether somebody left half a line at the end of the file."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib is heavy
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return False  # not readable for us: what cannot be known is taken to be whole
