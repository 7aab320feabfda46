"""The file in which rejected records are kept.

Rejections go in; JSON lines of the schema `rejects` come out at the end of a file, whole or counted as not kept.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from itertools import accumulate
from typing import TYPE_CHECKING

from flowemf_processor.core.rewriting import rejection_as_json
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from flowemf_processor.core.ledger import RejectsAccount
    from flowemf_processor.model import Rejection

_NO_DISK = (errno.EINVAL, errno.ENOTSUP, errno.EROFS)  # a pipe or a terminal
_FIRST_MEMBER = f'{{"{names.REJECTS}":'.encode()


class RejectsFile:
    """A file of rejected records; use it as a context manager.

    Lines are added at its end, since with a checkpoint the next run does not meet the rejected lines of this one again.

    Args:
        path: the file; it is created where there is none.
        account: where what was kept is counted.

    Raises:
        ConfigurationError: it cannot be written, or holds something else than rejected records.
    """

    def __init__(self, path: Path, account: RejectsAccount) -> None:
        self._path = path
        self._account = account
        self._unsettled = False
        self._descriptor = self._open()

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(TryAgainLaterError):  # what was kept is in the file; a crash of the machine is rare
            self.settle()
        os.close(self._descriptor)

    def keep(self, rejections: Sequence[Rejection]) -> None:
        """Add rejections to the file, each as one line.

        Raises:
            TryAgainLaterError: not all of them could be written; those that could not are counted.
        """
        lines = [line_of(each) for each in rejections]
        left = memoryview(b"".join(lines))
        try:
            while left:
                self._unsettled = True
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            raise self._failure(error) from error
        finally:
            kept = _whole_lines(lines, len(left))
            self._account.kept += kept
            self._account.not_kept += len(lines) - kept

    def settle(self) -> None:
        """Make sure that what was kept outlives a crash of the machine.

        Raises:
            TryAgainLaterError: it may not.
        """
        if self._unsettled:
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                if error.errno not in _NO_DISK:
                    raise self._failure(error) from error
            self._unsettled = False

    def _open(self) -> int:
        try:
            # Not for the owner alone: what may read the log may read what was rejected of it, as the umask says.
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_size:
                self._continue(descriptor)
        except OSError as error:
            raise ConfigurationError(
                f"--rejects {self._path}: cannot be written ({error.strerror}); name another file"
            ) from None
        return descriptor

    def _continue(self, descriptor: int) -> None:
        """Go on behind the lines of earlier runs, of which the last may be torn; never behind anything else."""
        with self._path.open("rb") as file:
            beginning = file.read(len(_FIRST_MEMBER))
            file.seek(-1, os.SEEK_END)
            if beginning != _FIRST_MEMBER:
                os.close(descriptor)
                raise ConfigurationError(
                    f"--rejects {self._path}: holds something else than rejected lines, and nothing is overwritten; "
                    "name another file"
                )
            if file.read(1) != b"\n":
                os.write(descriptor, b"\n")

    def _failure(self, error: OSError) -> TryAgainLaterError:
        return TryAgainLaterError(
            f"--rejects {self._path}: cannot be written ({error.strerror}), so reading stopped: what is rejected would "
            "be lost; make room and run the same command again"
        )


def line_of(rejection: Rejection) -> bytes:
    """Write a rejection as one line of a file."""
    # Not in ASCII alone: somebody is going to read and mend it.
    text = json.dumps(rejection_as_json(rejection), ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace") + b"\n"


def _whole_lines(lines: Sequence[bytes], left_bytes: int) -> int:
    """Count the lines of which every byte was written."""
    written = sum(map(len, lines)) - left_bytes
    return sum(end <= written for end in accumulate(map(len, lines)))
