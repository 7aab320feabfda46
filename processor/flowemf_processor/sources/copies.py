"""Tells copies of a log from logs of their own, as copytruncate makes them: copy, then cut the original off.

A file that has just appeared and the files that are followed go in; whether to read it now comes out. What the
original gave must not be read again from the copy, and what was cut off before it was read is found there alone.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowemf_processor.sources.followed_file import FileId, FollowedFile

_COMPARED_BYTES = 4096
_REMEMBERED_SECONDS = 10.0


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
