"""The records of one invocation, as a source of lines.

Records go in; each comes out as one line of the shape in which it arrived, for as long as there is time.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowemf_processor.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FORM = "subscription"
"""The format of such lines, as `--format` calls it."""


class RecordsSource:
    """A source that nobody finds again: what waits for its rest at the end, waits for nothing.

    Args:
        name: what the ledger calls it.
        records: each an object of the shape `FORM`.
        may_read: tells whether there is time to read one more. The first one is read in any case, or it would come
            again for ever.
    """

    identities: Sequence[str] = ()
    rewindable = True
    size_bytes: int | None = None
    is_gone = True
    is_ready = True

    def __init__(self, name: str, records: Sequence[Any], may_read: Callable[[], bool]) -> None:
        self.name = name
        self._records = records
        self._may_read = may_read
        self.given = 0
        """How many records have been read."""

    def pieces(self) -> Iterator[bytes]:
        """Give the records, each as one line."""
        for record in self._records:
            if self.given and not self._may_read():
                return
            self.given += 1
            yield json.dumps(record).encode() + b"\n"

    @property
    def unread(self) -> range:
        """The numbers of the records for which there was no time, from 1."""
        return range(self.given + 1, len(self._records) + 1)


def records_of(event: Any, member: str, service: str) -> list[dict[str, Any]]:
    """Take the records out of an event.

    Args:
        event: what Lambda passed.
        member: where they are.
        service: who sends such events, for the message.

    Returns:
        The records; there may be none.

    Raises:
        ConfigurationError: the event is none of that service.
    """
    records = event.get(member) if isinstance(event, dict) else None
    if not isinstance(records, list):
        members = ", ".join(map(str, event)) if isinstance(event, dict) else type(event).__name__
        raise ConfigurationError(
            f"this is no event of {service}: it has no list {member!r}, but {members[:200] or 'nothing'}; connect the "
            "function to its service, or choose the handler of the service that calls it"
        )
    return records
