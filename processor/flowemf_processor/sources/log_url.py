"""Reads the URL of a log group: `logs://GROUP?since=1h&until=...&stream-prefix=...&filter=...&region=...`.

Text goes in; what to read of which log group comes out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import parse_qsl, unquote

from flowemf_processor.errors import ConfigurationError

SCHEME = "logs://"
_DEFAULT_SINCE = "1h"
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_DURATION = re.compile(rf"(\d+)([{''.join(_UNIT_MS)}])")
_MEMBERS = ("since", "until", "stream-prefix", "filter", "region")


@dataclass(frozen=True, slots=True)
class LogUrl:
    """What to read.

    Attributes:
        url: as the user wrote it.
        group: the name of the log group.
        since_ms: the time of the earliest event, in milliseconds since the epoch.
        until_ms: the time of the latest one.
        stream_prefix: what the names of the log streams begin with; empty for all.
        pattern: a filter pattern; empty for all events.
        region: the AWS Region; None for the one that AWS is configured with.
    """

    url: str
    group: str
    since_ms: int
    until_ms: int
    stream_prefix: str
    pattern: str
    region: str | None


def parse_log_url(url: str, *, now_ms: int) -> LogUrl:
    """Read a URL.

    Args:
        url: `logs://` and the name of the group, then any of since, until, stream-prefix, filter and region. Times
            are ISO 8601 (UTC where they say nothing else) or how long ago: 90s, 30m, 1h, 7d, 2w.
        now_ms: the time, in milliseconds since the epoch.

    Returns:
        What to read; from an hour ago until now where the URL does not say.

    Raises:
        ConfigurationError: it names no group, something unknown, or a time that is none.

    >>> parse_log_url("logs:///aws/lambda/chat?since=2h", now_ms=10_000_000).since_ms
    2800000
    """
    group, _, query = url.removeprefix(SCHEME).partition("?")
    if not group:
        raise ConfigurationError(f"{url}: names no log group; write logs://GROUP, such as logs:///aws/lambda/chat")
    given = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(set(given) - set(_MEMBERS))
    if unknown:
        raise ConfigurationError(f"{url}: {unknown[0]} is unknown; it may say {', '.join(_MEMBERS)}")
    since_ms = time_ms(url, given.get("since", _DEFAULT_SINCE), now_ms)
    until_ms = time_ms(url, given["until"], now_ms) if "until" in given else now_ms
    if since_ms > until_ms:
        raise ConfigurationError(f"{url}: since lies after until; exchange them")
    return LogUrl(
        url,
        unquote(group),
        since_ms,
        until_ms,
        given.get("stream-prefix", ""),
        given.get("filter", ""),
        given.get("region") or None,
    )


def time_ms(where: str, text: str, now_ms: int) -> int:
    """Read a time.

    Args:
        where: where it stands, for the message.
        text: how long ago (90s, 30m, 1h, 7d, 2w), or ISO 8601, which is UTC where it says nothing else.
        now_ms: the time, in milliseconds since the epoch.

    Returns:
        Milliseconds since the epoch.

    Raises:
        ConfigurationError: it is neither.
    """
    duration = _DURATION.fullmatch(text)
    if duration:
        return max(0, now_ms - int(duration[1]) * _UNIT_MS[duration[2]])
    try:
        # Python 3.10 knows no Z; and a plus sign in a URL is a space.
        moment = datetime.fromisoformat(re.sub(" (?=[0-9:]{5}$)", "+", text).replace("Z", "+00:00"))
    except ValueError:
        raise ConfigurationError(
            f"{where}: {text!r} is no time; write how long ago (90s, 30m, 1h, 7d) or 2026-01-31T12:00:00Z"
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() * 1000)
