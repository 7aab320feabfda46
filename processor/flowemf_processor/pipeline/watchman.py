"""Looks after a run that brings what is followed into a store.

What happens goes in; the vitals of the run come out, and its attendant hears of them.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from flowemf_processor.pipeline.vitals import Vitals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.core.ledger import DestinationAccount, Ledger
    from flowemf_processor.model import Event
    from flowemf_processor.pipeline.vitals import Service
    from flowemf_processor.ports import Clock, Feed

_LOOK_SECONDS = 0.2


class Watchman:
    """Keeps the vitals of a store; a store that fails ends the run, so there is no more to do.

    Args:
        feed: what is followed.
        ledger: where what is read is counted.
        account: where what becomes of it is counted.
        clock: tells the time.
        service: who hears of it.
    """

    has_failed = False

    def __init__(self, feed: Feed, ledger: Ledger, account: DestinationAccount, clock: Clock, service: Service) -> None:
        self._feed = feed
        self._ledger = ledger
        self._clock = clock
        self._attendant = service.attendant
        self._stored_records = 0
        self._next_look_seconds = -math.inf
        self.vitals = Vitals(ledger, account, clock.now_ms() / 1000)
        self._attendant.admit(self.vitals)

    def attend(self) -> float:
        """See how things are, now and then; there is never anything to wait for."""
        if time.monotonic() >= self._next_look_seconds:
            self._next_look_seconds = time.monotonic() + _LOOK_SECONDS
            self.vitals.behind_bytes = self._feed.behind_bytes
            self.vitals.gathered_records = self._ledger.metric_records - self._stored_records
            self._attendant.look()
        return math.inf

    def stored(self, events: Sequence[Event]) -> None:
        """Take note of what was stored."""
        self._stored_records = self._ledger.metric_records
        if events:
            newest_ms = max(event.timestamp_ms for event in events)
            self.vitals.accepted(self._clock.now_ms() / 1000, newest_ms / 1000)
