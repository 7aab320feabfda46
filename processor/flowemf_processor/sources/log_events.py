"""Events of a log group of the standard class, by FilterLogEvents.

What to read goes in; its events come out in the order of their times, a page at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.sources.log_url import LogUrl

LogEvent = dict[str, Any]
"""An event as FilterLogEvents gives it: logStreamName, timestamp, message, ingestionTime, eventId."""


def filtered_events(client: Any, wanted: LogUrl, start_ms: int) -> Iterator[Sequence[LogEvent]]:
    """Read events.

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
