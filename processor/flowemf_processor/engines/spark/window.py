"""What is known of the log events that were read before, over all tasks.

Digests of the ids that tasks met go in, source by source; whether others are among them comes out.
"""

from __future__ import annotations

from flowemf_processor.core.unwrap import EVENT_ID_BYTES, EVENT_IDS
from flowemf_processor.model import Mark
from flowemf_schemas import limits

_WINDOW_BYTES = limits.EVENT_IDS_REMEMBERED * EVENT_ID_BYTES


class Window:
    """The last log events that had ids.

    Args:
        mark: what an earlier run remembered.
    """

    def __init__(self, mark: Mark | None) -> None:
        self.state = mark.state if mark else b""
        """Their digests, oldest first."""
        self._is_changed = False

    def has_none_of(self, digests: bytes) -> bool:
        """Tell whether all of these are new."""
        return not self.state or _each(self.state).isdisjoint(_each(digests))

    def extend(self, digests: bytes) -> None:
        """Remember what was read."""
        if digests:
            self.replace((self.state + digests)[-_WINDOW_BYTES:])

    def replace(self, digests: bytes) -> None:
        """Remember what somebody knows who knew all that is known here."""
        self._is_changed = self._is_changed or digests != self.state
        self.state = digests

    def mark(self) -> Mark | None:
        """Give what is remembered as a mark, if it has changed since the last one."""
        if not self._is_changed:
            return None
        self._is_changed = False
        return Mark(EVENT_IDS, 0, 0, "", self.state)


def _each(digests: bytes) -> set[bytes]:
    return {digests[start : start + EVENT_ID_BYTES] for start in range(0, len(digests), EVENT_ID_BYTES)}
