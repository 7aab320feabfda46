"""A log group of CloudWatch Logs, whatever its class, and how far it has been read.

A URL goes in; a source comes out that gives each event as a line of JSON, in the shape of `aws logs
filter-log-events`. A later run goes on where this one has got to: events may arrive late, so it reads the last five
minutes again and leaves out what it knows.
"""

from __future__ import annotations

import base64
import json
import struct
from collections import deque
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from boto3.session import Session

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.model import Mark
from flowemf_processor.sources.aws import READING, translated
from flowemf_processor.sources.log_events import conditions_of, filtered_events, queried_events
from flowemf_processor.sources.log_url import LogUrl, parse_log_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowemf_processor.sources.log_events import LogEvent

LATE_MS = 5 * 60_000
"""How far back a later run looks for events that had not arrived yet."""

KNOWN_EVENTS = 10_000
"""So many events are remembered at most; where more lie in five minutes, a later run looks back less far."""

_ROW = struct.Struct(">q8s")  # of what a later run has to know: a time, and the digest of an event
_STANDARD, _INFREQUENT = "STANDARD", "INFREQUENT_ACCESS"
_READERS: dict[str, Callable[[Any, LogUrl, int], Iterator[Sequence[LogEvent]]]] = {
    _STANDARD: filtered_events,
    _INFREQUENT: queried_events,
}


class LogGroupSource:
    """A log group.

    Args:
        client: boto3's client for CloudWatch Logs.
        wanted: what to read.
        arn: which group of which account and Region it is.
        log_class: its class.
    """

    rewindable = False
    size_bytes = None

    def __init__(self, client: Any, wanted: LogUrl, arn: str, log_class: str) -> None:
        self.name = wanted.url
        self.identities: Sequence[str] = (f"logs:{arn}?{wanted.stream_prefix}?{wanted.pattern}",)
        self._client = client
        self._wanted = wanted
        self._log_class = log_class
        self._position = LogPosition(wanted.since_ms)
        self._reached = LogPosition(wanted.since_ms)
        self._read: deque[tuple[str, int]] = deque()  # what was given and `mark` was not told of yet
        self._lines = 0

    def resume(self, mark: Mark) -> None:
        """Go on from a mark, even if it lies before `since`: there must be no gap."""
        self._position = LogPosition(self._wanted.since_ms, base64.b64decode(mark.digest))
        self._reached = LogPosition(self._wanted.since_ms, base64.b64decode(mark.digest))

    def pieces(self) -> Iterator[bytes]:
        """Give the events, each as one line, a page at a time.

        Raises:
            TryAgainLaterError: the service does not answer, or the query fails.
        """
        try:
            with translated(self.name):
                for page in _READERS[self._log_class](self._client, self._wanted, self._position.start_ms):
                    piece = b"".join(self._line(event) for event in page if self._is_new(event))
                    if piece:
                        yield piece
        except ConfigurationError as error:  # it was there a moment ago
            raise TryAgainLaterError(str(error)) from error

    def mark(self, identity: str, lines: int) -> Mark:
        """Say how far the group has been read.

        Args:
            identity: the name under which it is known again.
            lines: how many of the lines that were given have been used.

        Returns:
            The mark; its offset is the time from which on the next run reads, in milliseconds since the epoch, and its
            digest says which events around it were read.
        """
        while self._lines < lines and self._read:
            self._reached.take(*self._read.popleft())
            self._lines += 1
        return Mark(identity, self._reached.again_ms, lines, base64.b64encode(self._reached.state()).decode())

    def _is_new(self, event: LogEvent) -> bool:
        is_new = self._position.take(event["eventId"], event["timestamp"])
        if is_new:
            self._read.append((event["eventId"], event["timestamp"]))
        return is_new

    def _line(self, event: LogEvent) -> bytes:
        stated = {**event, "logGroupName": self._wanted.group, "logGroupClass": self._log_class}
        return json.dumps(stated, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass") + b"\n"


def open_log_group(url: str, *, now_ms: int) -> LogGroupSource:
    """Turn a URL into a source.

    Args:
        url: see `log_url`.
        now_ms: the time, in milliseconds since the epoch.

    Returns:
        The source.

    Raises:
        ConfigurationError: there is no such group, it may not be read, or AWS is not configured.
        TryAgainLaterError: the service cannot be reached.
    """
    wanted = parse_log_url(url, now_ms=now_ms)
    with translated(url):
        client = Session().client("logs", region_name=wanted.region, config=READING)
        group = _described(client, wanted)
    log_class = group.get("logGroupClass", _STANDARD)
    if log_class not in _READERS:
        raise ConfigurationError(f"{url}: a log group of the class {log_class} cannot be read")
    if log_class == _INFREQUENT:
        conditions_of(wanted)  # so that what cannot be asked for is said before anything is read
    return LogGroupSource(client, wanted, group["arn"], log_class)


def _described(client: Any, wanted: LogUrl) -> dict[str, Any]:
    pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=wanted.group)
    for page in pages:
        for group in page["logGroups"]:
            if group["logGroupName"] == wanted.group:
                return dict(group)
    raise ConfigurationError(f"{wanted.url}: there is no such log group in {client.meta.region_name}; check both")


class LogPosition:
    """How far a log group has been read: a time, and which of the events around it were read already.

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
