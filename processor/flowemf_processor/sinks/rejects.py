"""Where rejected records are kept: in a file, or as an object in S3.

Rejections go in; JSON lines of the schema `rejects` come out, whole or counted as not kept: at the end of the file, or
as an object of an invocation's own, which `flowemf replay s3://…` reads.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from datetime import datetime, timezone
from hashlib import blake2b
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.rewriting import rejection_as_json
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.model import State
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from flowemf_processor.core.ledger import RejectsAccount
    from flowemf_processor.model import Rejection
    from flowemf_processor.ports import Clock

PERMISSION = "s3:PutObject"
"""What keeping them in S3 needs."""

_NO_DISK = (errno.EINVAL, errno.ENOTSUP, errno.EROFS)  # a pipe or a terminal
_FIRST_MEMBER = f'{{"{names.REJECTS}":'.encode()
_DIGEST_BYTES = 12


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
        lines = [_line_of(each) for each in rejections]
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


class RejectsObject:
    """Gathers the rejections of one invocation, and puts them into a bucket: handlers have no disk that outlives them.

    The object is named for the day and for what it holds: should the same records come again, it is the same object.

    Args:
        client: an S3 client of boto3.
        bucket: where to.
        prefix: what the key begins with.
        account: where what was kept is counted.
        clock: tells the day.
    """

    def __init__(self, client: Any, bucket: str, prefix: str, *, account: RejectsAccount, clock: Clock) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._account = account
        self._clock = clock
        self._lines: list[bytes] = []

    def keep(self, rejections: Sequence[Rejection]) -> None:
        """Gather rejections."""
        self._lines += [_line_of(each) for each in rejections]
        self._account.not_kept += len(rejections)

    def settle(self) -> None:
        """Put what was gathered into the bucket.

        Raises:
            ConfigurationError: the bucket is missing or may not be written.
            TryAgainLaterError: the service or the way to it fails.
        """
        if not self._lines:
            return
        self._put(b"".join(self._lines))
        self._account.kept += len(self._lines)
        self._account.not_kept -= len(self._lines)
        self._lines.clear()

    def _put(self, body: bytes) -> None:
        from botocore import exceptions as sdk  # what keeps them in a file needs no SDK

        from flowemf_processor.sinks.aws import outcome_of

        key = self._prefix + self._name(body)
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/x-ndjson")
        except (sdk.ClientError, sdk.BotoCoreError) as error:
            outcome = outcome_of(error, permission=PERMISSION)
            message = f"s3://{self._bucket}/{key}: rejected records cannot be kept, so nothing was sent; "
            is_for_good = outcome.by_configuration or outcome.state is State.REFUSED
            kind = ConfigurationError if is_for_good else TryAgainLaterError
            raise kind(message + outcome.message) from error

    def _name(self, body: bytes) -> str:
        today = datetime.fromtimestamp(self._clock.now_ms() / 1000, timezone.utc)
        return f"{today:%Y/%m/%d}/{blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()}.jsonl"


def _line_of(rejection: Rejection) -> bytes:
    """Write a rejection as one line of a file."""
    # Not in ASCII alone: somebody is going to read and mend it.
    text = json.dumps(rejection_as_json(rejection), ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace") + b"\n"


def _whole_lines(lines: Sequence[bytes], left_bytes: int) -> int:
    """Count the lines of which every byte was written."""
    written = sum(map(len, lines)) - left_bytes
    return sum(end <= written for end in accumulate(map(len, lines)))
