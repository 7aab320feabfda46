"""Reads sources that grow, in turn.

A feed of sources goes in; steps come out as they become ready, and from time to time one that closes an epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flowemf_processor.pipeline.reading import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

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
