"""Lets somebody work between the steps of reading.

A feed and work go in; a feed comes out that does some of the work whenever the reader asks whether it is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowemf_processor.ports import Feed, FollowedSource


class Work(Protocol):
    """What is done beside reading."""

    @property
    def has_failed(self) -> bool:
        """Whether reading on is of no use."""
        ...

    def attend(self) -> float:
        """Do what can be done without waiting.

        Returns:
            After how many seconds there may be more to do, even if nobody calls.
        """
        ...


class AttendedFeed:
    """A feed beside which work is done.

    Args:
        feed: what is followed.
        work: what is done.
    """

    def __init__(self, feed: Feed, work: Work) -> None:
        self._feed = feed
        self._work = work
        self._patience_seconds = 0.0

    @property
    def is_over(self) -> bool:
        """Whether to stop reading; whoever asks lets some work be done."""
        self._patience_seconds = self._work.attend()
        return self._work.has_failed or self._feed.is_over

    @property
    def may_come(self) -> bool:
        """Whether further sources may come."""
        return self._feed.may_come

    @property
    def behind_bytes(self) -> int:
        """How much has been written and not been read."""
        return self._feed.behind_bytes

    def arrivals(self) -> Sequence[FollowedSource]:
        """Give the sources that have come since it was asked last."""
        return self._feed.arrivals()

    def leave(self, source: FollowedSource) -> None:
        """Take back a source that has been read to its end."""
        self._feed.leave(source)

    def epoch_is_due(self) -> bool:
        """Tell whether it is time to deliver what was gathered."""
        return self._feed.epoch_is_due()

    def rest(self, most_seconds: float) -> None:
        """Wait until there may be more to read, or work to do."""
        self._feed.rest(min(most_seconds, self._patience_seconds))

    def still_there(self, identities: Iterable[str]) -> set[str]:
        """Tell which of these beginnings of files still lie in their directories."""
        return self._feed.still_there(identities)

    def wake(self) -> None:
        """End a rest early."""
        self._feed.wake()
