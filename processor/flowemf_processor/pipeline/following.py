"""Reads sources that grow, in turn, and lets somebody work between the steps of reading.

A feed of sources goes in; steps come out as they become ready, and from time to time one that closes an epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from flowemf_processor.pipeline.reading import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowemf_processor.model import Mark
    from flowemf_processor.ports import Feed, FollowedSource, MarkStore, Source


StepsOf = Callable[["Source", "MarkStore | None"], Iterator[Step]]
"""Reads one source, from where the marks say."""


def followed(feed: Feed, steps_of: StepsOf, marks: MarkStore | None) -> Iterator[Step]:
    """Read what a feed gives, until it is over or everything has ended.

    Args:
        feed: what is followed.
        steps_of: reads one source.
        marks: how far earlier runs got; None where nothing is remembered.

    Yields:
        Steps of all sources in turn. When it is over, what has no end yet is left to the next run.
    """
    latest = _LatestMarks(marks)
    running: list[tuple[FollowedSource, Iterator[Step]]] = []
    has_news = False
    while not feed.is_over:
        running += [(source, steps_of(source, latest)) for source in feed.arrivals()]
        ready = [each for each in running if each[0].is_ready]
        for source, steps in ready:
            step = next(steps, None)
            if step is None:
                running.remove((source, steps))
                feed.leave(source)
            else:
                latest.keep(step.marks)
                has_news = True
                yield step
        if feed.epoch_is_due() and has_news:
            has_news = False
            yield Step((), closes_epoch=True)
        if not running and not feed.may_come:
            return
        if not ready:
            feed.rest(math.inf)


class _LatestMarks:
    """The marks of earlier runs, and those that this one has not stored yet.

    A file that is copied and cut off may appear under its new name before the epoch is closed in which it was read.
    """

    def __init__(self, stored: MarkStore | None) -> None:
        self._stored = stored
        self._latest: dict[str, Mark] = {}

    def mark(self, source: str) -> Mark | None:
        """Give the mark of the source with this identity."""
        return self._latest.get(source) or (self._stored.mark(source) if self._stored else None)

    def keep(self, marks: Sequence[Mark]) -> None:
        """Remember how far this run got."""
        self._latest.update((mark.source, mark) for mark in marks)


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
