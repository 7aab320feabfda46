"""How a delivery that goes on for months is doing, and who looks after it.

What happens to it goes in; the figures that are logged and scraped come out, and its attendant hears of them.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.core.ledger import DestinationAccount, Ledger
    from flowemf_processor.model import Event
    from flowemf_processor.ports import Clock, Feed


MAX_SPOOL_BYTES = 1_000_000_000
"""So much waits for a destination by default before reading stops."""

# Of PutMetricData in seconds, of PutLogEvents in milliseconds; inside a text its quotation marks would be escaped.
_SECONDS = re.compile(rb'"Timestamp":(\d{1,15})')
_MILLISECONDS = re.compile(rb'"timestamp":(\d{1,18})')
_LOOK_SECONDS = 0.2


@dataclass(slots=True)
class Vitals:
    """The figures of one destination, as of the last look.

    Attributes:
        ledger: what was read in this run.
        account: what became of its datapoints.
        started_s: when the run began, in seconds since the epoch.
        behind_bytes: how much has been written to the sources and not been read.
        spool_batches: how many requests wait to be delivered.
        spool_bytes: how large these are.
        spool_limit_bytes: beyond this nothing more is read; None where nothing is spooled.
        is_reading: whether the sources are read; not while the spool is full.
        away_since_s: since when the destination takes nothing, in seconds since the epoch; None while it does.
        away_for: the reason code of that.
        failed_attempts: how many requests did not get through, each of which was or will be tried again.
        accepted_s: when the destination accepted something last; None before the first time.
        newest_event_s: when the newest event happened that was accepted; None before there is one.
        gathered_records: how many metric records were read that are not yet planned into requests, or stored.
    """

    ledger: Ledger
    account: DestinationAccount
    started_s: float
    behind_bytes: int = 0
    spool_batches: int = 0
    spool_bytes: int = 0
    spool_limit_bytes: int | None = None
    is_reading: bool = True
    away_since_s: float | None = None
    away_for: str = ""
    failed_attempts: int = 0
    accepted_s: float | None = None
    newest_event_s: float | None = None
    gathered_records: int = 0

    @property
    def is_behind(self) -> bool:
        """Whether anything that was written has not been delivered."""
        return bool(self.behind_bytes or self.spool_batches or self.gathered_records)

    def lag_seconds(self, now_s: float) -> float:
        """Tell how old the newest event is that was delivered, where later ones wait; else 0.

        Args:
            now_s: the time, in seconds since the epoch.

        Returns:
            Seconds; counted from the beginning of the run before anything was delivered. The time of an event is the
            beginning of its period, which is a minute as a rule.
        """
        if not self.is_behind:
            return 0.0
        known_s = self.started_s if self.newest_event_s is None else self.newest_event_s
        return max(0.0, now_s - known_s)

    def accepted(self, now_s: float, newest_event_s: float | None) -> None:
        """Take note of something that was accepted.

        Args:
            now_s: the time, in seconds since the epoch.
            newest_event_s: when the newest event in it happened; None where that is not known.
        """
        self.accepted_s = now_s
        if newest_event_s is not None:
            self.newest_event_s = max(newest_event_s, self.newest_event_s or 0.0)


class Attendant(Protocol):
    """Whoever looks after a delivery that goes on for months."""

    def admit(self, vitals: Vitals) -> None:
        """Take charge of a delivery; called once, before anything is read."""
        ...

    def look(self) -> None:
        """Have an opportunity to log how things are; called often, from the thread that delivers."""
        ...

    def tell(self, event: str, sentence: str) -> None:
        """Hear of a change.

        Args:
            event: a short name of what happened.
            sentence: what happened and what follows from it.
        """
        ...


class Nobody:
    """Nobody looks."""

    def admit(self, vitals: Vitals) -> None:
        """Take no notice."""

    def look(self) -> None:
        """Take no notice."""

    def tell(self, event: str, sentence: str) -> None:
        """Take no notice."""


@dataclass(frozen=True, slots=True)
class Service:
    """How a run goes on for months.

    Attributes:
        attendant: hears how it is doing.
        max_spool_bytes: how much may wait for the destination before reading stops.
    """

    attendant: Attendant
    max_spool_bytes: int = MAX_SPOOL_BYTES


NO_SERVICE = Service(Nobody())
"""Nobody looks after the run."""


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


def newest_event_s(body: bytes) -> float | None:
    """Find the time of the newest event in a request.

    Args:
        body: a request to PutMetricData or PutLogEvents, as JSON.

    Returns:
        Seconds since the epoch; None where no time is given.

    >>> newest_event_s(b'{"MetricData":[{"Timestamp":60},{"Timestamp":120}]}')
    120.0
    """
    seconds = [float(found) for found in _SECONDS.findall(body)]
    seconds += [float(found) / 1000 for found in _MILLISECONDS.findall(body)]
    return max(seconds, default=None)
