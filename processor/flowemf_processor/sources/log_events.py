"""Events of a log group, by FilterLogEvents or, where its class is Infrequent Access, by queries.

What to read goes in; its events come out in the order of their times, in the shape in which FilterLogEvents gives them.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from datetime import datetime, timezone
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowemf_processor.sources.log_url import LogUrl

LogEvent = dict[str, Any]
"""An event as FilterLogEvents gives it: logStreamName, timestamp, message, ingestionTime, eventId."""

FIRST_SLICE_MS = 3_600_000
"""What is asked for first; slices grow and shrink with what they turn out to hold."""

_LONGEST_PAUSE_SECONDS = 2.0
_PATIENCE_SECONDS = 900.0
_WORKING = {"Scheduled", "Running", "Unknown"}
_TERM = re.compile(r'"([^"\\/]+)"|([\w.-]+)')


def filtered_events(client: Any, wanted: LogUrl, start_ms: int) -> Iterator[Sequence[LogEvent]]:
    """Read events of a group of the standard class.

    Args:
        client: boto3's client for CloudWatch Logs, which waits by itself where it is throttled.
        wanted: what to read.
        start_ms: where to begin, in milliseconds since the epoch.

    Yields:
        Pages. Those of several streams are interleaved, by their times
        (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html).
    """
    request: dict[str, Any] = {"logGroupName": wanted.group, "startTime": start_ms, "endTime": wanted.until_ms}
    if wanted.stream_prefix:
        request["logStreamNamePrefix"] = wanted.stream_prefix
    if wanted.pattern:
        request["filterPattern"] = wanted.pattern
    for page in client.get_paginator("filter_log_events").paginate(**request):
        yield page["events"]


def queried_events(
    client: Any, wanted: LogUrl, start_ms: int, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Sequence[LogEvent]]:
    """Read events of a group that FilterLogEvents does not read.

    A query gives 10,000 results at most, so time is cut into slices that hold fewer; what it scans is paid for, so what
    it gave is used (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html).

    Args:
        client: boto3's client for CloudWatch Logs.
        wanted: what to read.
        start_ms: where to begin, in milliseconds since the epoch.
        sleep: waits for a query.

    Yields:
        The events of one slice of time after the other. The service states no id for them, so they get one that
        depends on what they are, the same in every run.

    Raises:
        TryAgainLaterError: a query fails or takes longer than a quarter of an hour, or a single millisecond holds more
            events than a query gives.
    """
    conditions = conditions_of(wanted)
    slice_ms, end_ms = FIRST_SLICE_MS, wanted.until_ms + 1
    while start_ms < end_ms:
        stop_ms = min(start_ms + slice_ms, end_ms)
        query = _query(conditions, start_ms, stop_ms)
        answer = _answer(client, wanted.group, query, start_ms, stop_ms, sleep)
        events = _events(answer.get("results", ()))
        if len(events) >= limits.QUERY_RESULTS or answer.get("statistics", {}).get("recordsMatched", 0) > len(events):
            events, stop_ms = _complete(events, start_ms)
            slice_ms = stop_ms - start_ms
        elif len(events) < limits.QUERY_RESULTS // 4:
            slice_ms *= 2
        yield events
        start_ms = stop_ms


def _complete(events: list[LogEvent], start_ms: int) -> tuple[list[LogEvent], int]:
    """Of a slice that held more than was given: the events before the last millisecond, and where to go on."""
    last_ms = events[-1]["timestamp"] if events else start_ms
    if last_ms <= start_ms:
        raise TryAgainLaterError(f"more events than a query gives ({limits.QUERY_RESULTS:,}) at {start_ms} ms")
    return [event for event in events if event["timestamp"] < last_ms], last_ms


def conditions_of(wanted: LogUrl) -> str:
    """Express a filter and a stream prefix in the query language.

    Raises:
        ConfigurationError: the filter cannot be expressed.
    """
    conditions = ""
    if wanted.stream_prefix:
        # What a regular expression would take for more than itself is given by its code.
        prefix = "".join(each if each.isalnum() else f"\\x{{{ord(each):x}}}" for each in wanted.stream_prefix)
        conditions += f" | filter @logStream like /^{prefix}/"
    if wanted.pattern:
        term = _TERM.fullmatch(wanted.pattern)
        if term is None:
            raise ConfigurationError(
                f"{wanted.url}: an Infrequent Access group is read by queries, which take one word or one text in "
                f"double quotes as filter; {wanted.pattern!r} is more, so leave it out"
            )
        conditions += f' | filter @message like "{term[1] or term[2]}"'
    return conditions


def _query(conditions: str, start_ms: int, stop_ms: int) -> str:
    if start_ms % 1000 or stop_ms % 1000:  # the request itself knows seconds
        conditions = f" | filter tomillis(@timestamp) >= {start_ms} and tomillis(@timestamp) < {stop_ms}{conditions}"
    columns = "fields tomillis(@timestamp) as written, tomillis(@ingestionTime) as taken, @logStream, @message"
    return f"{columns}{conditions} | sort @timestamp asc | limit {limits.QUERY_RESULTS}"


def _answer(
    client: Any, group: str, query: str, start_ms: int, stop_ms: int, sleep: Callable[[float], None]
) -> dict[str, Any]:
    asked: dict[str, Any] = client.start_query(
        logGroupName=group, startTime=start_ms // 1000, endTime=(stop_ms - 1) // 1000, queryString=query
    )
    pause_seconds, waited_seconds = 0.1, 0.0
    while True:
        answer: dict[str, Any] = client.get_query_results(queryId=asked["queryId"])
        if answer["status"] == "Complete":
            return answer
        if answer["status"] not in _WORKING:
            raise TryAgainLaterError(f"a query ended with {answer['status']}")
        if waited_seconds > _PATIENCE_SECONDS:
            client.stop_query(queryId=asked["queryId"])
            raise TryAgainLaterError(f"a query took longer than {_PATIENCE_SECONDS:.0f} seconds")
        sleep(pause_seconds)
        waited_seconds += pause_seconds
        pause_seconds = min(pause_seconds * 1.5, _LONGEST_PAUSE_SECONDS)


def _events(rows: Sequence[Sequence[dict[str, str]]]) -> list[LogEvent]:
    equal: Counter[bytes] = Counter()
    events = []
    for row in rows:
        columns = {column["field"]: column.get("value", "") for column in row}
        event = {
            "logStreamName": columns.get("@logStream", ""),
            "timestamp": _milliseconds(columns["written"]),
            "ingestionTime": _milliseconds(columns.get("taken") or columns["written"]),
            "message": columns.get("@message", ""),
        }
        content = blake2b(repr(sorted(event.items())).encode(errors="surrogatepass"), digest_size=16)
        equal[content.digest()] += 1
        events.append({**event, "eventId": f"{content.hexdigest()}-{equal[content.digest()]}"})
    return events


def _milliseconds(text: str) -> int:
    """Read a number, or the time as @timestamp is printed: 2026-11-23 18:00:00.123, in UTC."""
    try:
        return int(float(text))
    except ValueError:
        return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp() * 1000)
