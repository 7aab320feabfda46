"""Plans PutLogEvents requests, and reads what the service says of their events.

Log events go in; requests come out, as few as possible, in chronological order and each inside every limit of
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from msgspec.json import encode

from flowemf_processor.model import Batch
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SEPARATOR = b","
_END = b"]}"
_BEGINNING = b'{"logGroupName":'

TOO_OLD, TOO_NEW, EXPIRED, TOO_LARGE = "too-old", "too-new", "expired", "log-event-too-large"
REASONS = {
    TOO_OLD: "the data is older than two weeks, which PutLogEvents refuses",
    TOO_NEW: "the data lies more than two hours in the future, which PutLogEvents refuses; check the clocks",
    EXPIRED: "the data is older than the log group keeps any (its retention), so PutLogEvents refuses it",
    TOO_LARGE: f"a log event may have {limits.LOG_BATCH_BYTES - limits.LOG_EVENT_OVERHEAD_BYTES:,} bytes; split it",
}
"""Each reason code and what it means."""


@dataclass(frozen=True, slots=True)
class LogStream:
    """Where log events are written to."""

    group: str
    name: str


@dataclass(frozen=True, slots=True)
class LogEvent:
    """What one metric line becomes in a log group.

    Attributes:
        timestamp_ms: when it happened, in milliseconds since the epoch.
        message: the line.
        datapoints: how many datapoints CloudWatch extracts of it.
    """

    timestamp_ms: int
    message: bytes
    datapoints: int

    @property
    def size_bytes(self) -> int:
        """How much of a request it takes, as the service counts."""
        return len(self.message) + limits.LOG_EVENT_OVERHEAD_BYTES


def refusal(event: LogEvent, *, now_ms: int) -> str | None:
    """Say why a log event cannot be sent.

    Args:
        event: what would be sent.
        now_ms: the time, in milliseconds since the epoch.

    Returns:
        A key of `REASONS`, or None where it can be sent.
    """
    age_ms = now_ms - event.timestamp_ms
    if age_ms > limits.AGE_PAST_MS:
        return TOO_OLD
    if -age_ms > limits.AGE_FUTURE_MS:
        return TOO_NEW
    return TOO_LARGE if event.size_bytes > limits.LOG_BATCH_BYTES else None


def plan(stream: LogStream, events: Iterable[LogEvent]) -> Iterator[Batch]:
    """Turn log events into requests.

    Args:
        stream: where they are written to.
        events: each of which may be sent; in any order, which is kept among those of one millisecond.

    Yields:
        Batches whose request has the members of the API: `logGroupName`, `logStreamName` and `logEvents`.
    """
    start = b'%b%b,"logStreamName":%b,"logEvents":[' % (_BEGINNING, _text(stream.group), _text(stream.name))
    gathered: list[LogEvent] = []
    size_bytes = 0
    for event in sorted(events, key=attrgetter("timestamp_ms")):
        if gathered and (
            len(gathered) == limits.LOG_EVENTS_PER_BATCH
            or size_bytes + event.size_bytes > limits.LOG_BATCH_BYTES
            or event.timestamp_ms - gathered[0].timestamp_ms > limits.LOG_BATCH_SPAN_MS
        ):
            yield _batch(start, gathered)
            gathered, size_bytes = [], 0
        gathered.append(event)
        size_bytes += event.size_bytes
    if gathered:
        yield _batch(start, gathered)


def _batch(start: bytes, events: list[LogEvent]) -> Batch:
    written = (encode({"timestamp": each.timestamp_ms, "message": each.message.decode()}) for each in events)
    return Batch(start + _SEPARATOR.join(written) + _END, tuple(each.datapoints for each in events))


def _text(text: str) -> bytes:
    return json.dumps(text).encode()


def is_log_request(batch: Batch) -> bool:
    """Tell a PutLogEvents request from one of PutMetricData."""
    return batch.body.startswith(_BEGINNING)


def refused_events(batch: Batch, info: Mapping[str, Any] | None) -> dict[int, str]:
    """Read which events of a request were not taken.

    Args:
        batch: the request.
        info: the member `rejectedLogEventsInfo` of the answer: the ends of what is too old or expired are exclusive,
            the start of what is too new is inclusive
            (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_RejectedLogEventsInfo.html).

    Returns:
        A key of `REASONS` for each event that was not taken, by its index.
    """
    info, count = info or {}, len(batch.parts)
    refused = dict.fromkeys(range(min(info.get("expiredLogEventEndIndex", 0), count)), EXPIRED)
    refused |= dict.fromkeys(range(min(info.get("tooOldLogEventEndIndex", 0), count)), TOO_OLD)
    return refused | dict.fromkeys(range(info.get("tooNewLogEventStartIndex", count), count), TOO_NEW)
