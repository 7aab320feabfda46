"""Recognises log events that were read before, by their event ids.

Ids go in; whether they are new comes out. Of the last `limits.EVENT_IDS_REMEMBERED` eight bytes each are remembered,
over all sources and, where there is a checkpoint, over all runs.
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from typing import TYPE_CHECKING

from flowemf_processor.model import Mark
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT_IDS = "event-ids:"
"""Under this identity the ids are kept among the marks of the sources: they belong to all of them."""

EVENT_ID_BYTES = 8
"""How large the digest of an event id is, of which the state of the mark consists."""

# A mark is made after every piece of a source: whole chunks are only put one after the other.
_CHUNK_BYTES = 1000 * EVENT_ID_BYTES
_WINDOW_BYTES = limits.EVENT_IDS_REMEMBERED * EVENT_ID_BYTES
_KEPT_CHUNKS = _WINDOW_BYTES // _CHUNK_BYTES


class SeenEvents:
    """Remembers which log events have been read.

    >>> seen = SeenEvents()
    >>> seen.is_new("1", b"{}"), seen.is_new("1", b"{}")
    (True, False)
    """

    def __init__(self) -> None:
        self._digests: set[bytes] = set()
        self._chunks: deque[bytes] = deque()
        self._newest = bytearray()
        self._changed = False
        self.first = bytearray()
        """Digests of the first events that were new: those that what was read elsewhere could make duplicates of."""

    def is_new(self, event_id: str, data: bytes) -> bool:
        """Tell whether an event has not been seen, and remember it.

        Args:
            event_id: what the service knows it by.
            data: what it holds: should two events bear one id, neither is lost.

        Returns:
            Whether it has to be read.
        """
        digest = blake2b(event_id.encode(errors="replace"), digest_size=EVENT_ID_BYTES)
        digest.update(b"\x00" + data)
        key = digest.digest()
        if key in self._digests:
            return False
        self._digests.add(key)
        self._newest += key
        self._changed = True
        if len(self.first) < _WINDOW_BYTES:
            self.first += key
        if len(self._newest) == _CHUNK_BYTES:
            self._close_chunk()
        return True

    def mark(self) -> Mark | None:
        """Give what is remembered as a mark, if it has changed since the last one."""
        if not self._changed:
            return None
        self._changed = False
        return Mark(EVENT_IDS, 0, 0, "", b"".join((*self._chunks, self._newest)))

    def restore(self, mark: Mark | None) -> None:
        """Remember what an earlier run remembered."""
        state = mark.state if mark else b""
        closed_bytes = len(state) // _CHUNK_BYTES * _CHUNK_BYTES
        self._chunks = deque(state[start : start + _CHUNK_BYTES] for start in range(0, closed_bytes, _CHUNK_BYTES))
        self._newest = bytearray(state[closed_bytes:])
        self._digests = set(_digests_of(state))

    def _close_chunk(self) -> None:
        self._chunks.append(bytes(self._newest))
        self._newest.clear()
        if len(self._chunks) > _KEPT_CHUNKS:
            self._digests.difference_update(_digests_of(self._chunks.popleft()))


def _digests_of(chunk: bytes) -> Iterator[bytes]:
    return (chunk[start : start + EVENT_ID_BYTES] for start in range(0, len(chunk), EVENT_ID_BYTES))
