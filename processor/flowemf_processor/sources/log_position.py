"""How far a log group has been read: a time, and which of the events around it were read already.

Events go in, in the order of their times; what a later run has to know comes out. Events may arrive late, so that run
reads the last five minutes again and leaves out what it knows.
"""

from __future__ import annotations

import struct
from collections import deque
from hashlib import blake2b

LATE_MS = 5 * 60_000
"""How far back a later run looks for events that had not arrived yet."""

KNOWN_EVENTS = 10_000
"""So many events are remembered at most; where more lie in five minutes, a later run looks back less far."""

_ROW = struct.Struct(">q8s")


class LogPosition:
    """What was read of a log group.

    Args:
        since_ms: where to begin, where nothing was read yet.
        state: what `state` of an earlier run gave; empty where there was none.

    >>> position = LogPosition(0)
    >>> [position.take("a", 5), position.take("b", 5), position.take("a", 5)]
    [True, True, False]
    >>> LogPosition(0, position.state()).take("b", 5)
    False
    """

    def __init__(self, since_ms: int, state: bytes = b"") -> None:
        self.again_ms = self._latest_ms = since_ms
        """From where on a later run has to read, in milliseconds since the epoch."""
        self._recent: deque[tuple[int, bytes]] = deque()
        self._known: set[bytes] = set()
        if state:
            self._restore(state)
        self.start_ms = self.again_ms
        """From where on this run has to read."""

    def take(self, event_id: str, written_ms: int) -> bool:
        """Count an event as read.

        Args:
            event_id: tells it from all others.
            written_ms: its time, in milliseconds since the epoch.

        Returns:
            Whether it was new.
        """
        short = blake2b(event_id.encode(), digest_size=8).digest()
        if written_ms < self.start_ms or short in self._known:
            return False
        self._recent.append((written_ms, short))
        self._known.add(short)
        self._latest_ms = max(self._latest_ms, written_ms)
        self.again_ms = max(self.again_ms, self._latest_ms - LATE_MS)
        self._forget()
        return True

    def state(self) -> bytes:
        """Give what a later run has to know."""
        return _ROW.pack(self.again_ms, b"") + b"".join(_ROW.pack(*each) for each in self._recent)

    def _forget(self) -> None:
        while self._recent and (self._recent[0][0] < self.again_ms or len(self._recent) > KNOWN_EVENTS):
            written_ms, short = self._recent.popleft()
            self._known.discard(short)
            self.again_ms = max(self.again_ms, written_ms + 1)

    def _restore(self, state: bytes) -> None:
        (self.again_ms, _), *rows = _ROW.iter_unpack(state)
        self._recent.extend(rows)
        self._known.update(short for _, short in rows)
        self._latest_ms = max((written_ms for written_ms, _ in rows), default=self.again_ms)
