"""Logs how a run that follows is doing: once a minute, and when something changes.

Vitals and changes go in; lines on stderr come out, for people or as JSON.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Protocol

from flowemf_processor.cli.output.streams import counted, say, sized
from flowemf_processor.model import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf_processor.pipeline.vitals import Vitals

STATUS_SECONDS = 60.0
"""So often the status is logged."""


class Log(Protocol):
    """Writes lines."""

    def status(self, vitals: Vitals) -> None:
        """Say how things are."""
        ...

    def change(self, event: str, sentence: str) -> None:
        """Say what has changed."""
        ...


class PlainLog:
    """Lines for people."""

    def status(self, vitals: Vitals) -> None:
        """Say how things are, in a line."""
        say(f"{_clock_time(time.time())} {vitals.account.name}: {', '.join(_said(vitals))}")

    def change(self, event: str, sentence: str) -> None:  # noqa: ARG002 - the protocol's signature
        """Say what has changed."""
        say(f"{_clock_time(time.time())} {sentence}")


class JsonLog:
    """Lines for programs: JSON, written by structlog."""

    def __init__(self) -> None:
        import structlog

        self._logger = structlog.wrap_logger(
            _Lines(),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(),
            ],
        )

    def status(self, vitals: Vitals) -> None:
        """Write the figures."""
        self._logger.info("status", **figures(vitals, time.time()))

    def change(self, event: str, sentence: str) -> None:
        """Write what has changed."""
        self._logger.warning(event, message=sentence)


class _Lines:
    """Where structlog writes."""

    def msg(self, line: str) -> None:
        say(line)

    info = warning = msg


def figures(vitals: Vitals, now_s: float) -> dict[str, Any]:
    """Give the vitals as numbers.

    Args:
        vitals: of one destination.
        now_s: the time, in seconds since the epoch.

    Returns:
        What can be logged and shown; None where something has not happened yet.
    """
    datapoints = vitals.account.datapoints
    return {
        "destination": vitals.account.name,
        "lag_seconds": round(vitals.lag_seconds(now_s), 3),
        "behind_bytes": vitals.behind_bytes,
        "spool_requests": vitals.spool_batches,
        "spool_bytes": vitals.spool_bytes,
        "is_reading": vitals.is_reading,
        "is_away": vitals.away_since_s is not None,
        "last_acceptance_s": vitals.accepted_s,
        "newest_event_s": vitals.newest_event_s,
        "records": vitals.ledger.records,
        "metric_records": vitals.ledger.metric_records,
        "rejected_records": vitals.ledger.rejected_records,
        "accepted": datapoints[State.ACCEPTED],
        "refused": datapoints[State.REFUSED],
        "ambiguous": datapoints[State.AMBIGUOUS],
        "failed_attempts": vitals.failed_attempts,
    }


def _said(vitals: Vitals) -> list[str]:
    said = figures(vitals, time.time())
    words = [f"{counted(said['accepted'], 'datapoint')} accepted", f"lag {said['lag_seconds']:.0f} s"]
    words += [f"{said['refused']:,} refused"] if said["refused"] else []
    words += [f"{sized(vitals.behind_bytes)} behind"] if vitals.behind_bytes else []
    if vitals.spool_batches:
        words.append(f"{counted(vitals.spool_batches, 'request')} waiting ({sized(vitals.spool_bytes)})")
    if vitals.away_since_s is not None:
        words.append(f"away since {_clock_time(vitals.away_since_s)} ({vitals.away_for})")
    words += [] if vitals.is_reading else ["not reading, since the spool is full"]
    last = "nothing accepted yet" if vitals.accepted_s is None else f"last accepted {_clock_time(vitals.accepted_s)}"
    return [*words, last]


def _clock_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Diarist:
    """Attends to one delivery and logs what becomes of it.

    Args:
        log: writes the lines.
        on_admission: is told of the vitals, once.
    """

    def __init__(self, log: Log, on_admission: Callable[[Vitals], None]) -> None:
        self._log = log
        self._on_admission = on_admission
        self._vitals: Vitals | None = None
        self._next_seconds = time.monotonic() + STATUS_SECONDS

    def admit(self, vitals: Vitals) -> None:
        """Take charge of a delivery."""
        self._vitals = vitals
        self._on_admission(vitals)

    def look(self) -> None:
        """Log the status, if it is time."""
        if self._vitals is not None and time.monotonic() >= self._next_seconds:
            self._next_seconds = time.monotonic() + STATUS_SECONDS
            self._log.status(self._vitals)

    def tell(self, event: str, sentence: str) -> None:
        """Log a change, and how things are."""
        self._log.change(event, sentence)
