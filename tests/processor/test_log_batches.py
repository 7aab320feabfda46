"""Plans PutLogEvents requests at every limit, and reads which of their events were refused."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import NOW_MS

from flowemf_processor.core.log_batches import (
    LogEvent,
    LogStream,
    is_log_request,
    plan,
    refusal,
    refused_events,
)
from flowemf_processor.core.metric_batches import divided
from flowemf_processor.model import Batch
from flowemf_schemas.request_rules import examine_log_request

STREAM = LogStream("/chat/app", "flowemf")
DAY_MS = 24 * 3600 * 1000
BATCH_BYTES, OVERHEAD_BYTES = 1_048_576, 26


def event(timestamp_ms: int = NOW_MS, message: bytes = b"{}", datapoints: int = 1) -> LogEvent:
    return LogEvent(timestamp_ms, message, datapoints)


def sizes(events: list[LogEvent]) -> list[int]:
    """Give how many events each request has; every request must be inside every limit."""
    batches = list(plan(STREAM, events))
    assert not [problem for batch in batches for problem in examine_log_request(batch.request)]
    return [len(batch.parts) for batch in batches]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([event()] * 10_000, [10_000], id="as many events as a request holds"),
        pytest.param([event()] * 10_001, [10_000, 1], id="one more"),
        pytest.param([event(message=b"x" * (BATCH_BYTES // 2 - 26))] * 2, [2], id="as many bytes"),
        pytest.param([event(message=b"x" * (BATCH_BYTES // 2 - 25))] * 2, [1, 1], id="more bytes"),
        pytest.param(
            [event(message=b"x" * (BATCH_BYTES // 2 - 26)), event(message=b"x" * (BATCH_BYTES // 2 - 25))],
            [1, 1],
            id="one byte more",
        ),
        pytest.param([event(message=b"x" * (BATCH_BYTES // 2 - 26))] * 4, [2, 2], id="as many bytes, twice"),
        pytest.param(
            [*[event(message=b"x" * (BATCH_BYTES // 2 - 26))] * 3, event(message=b"x" * (BATCH_BYTES // 2 - 25))],
            [2, 1, 1],
            id="as many bytes, then one byte more",
        ),
        pytest.param([event(message="é".encode() * (BATCH_BYTES // 4))] * 2, [1, 1], id="bytes, not characters"),
        pytest.param([event(message=b"x" * (BATCH_BYTES - 26))], [1], id="one that fills a request"),
        pytest.param([event(NOW_MS), event(NOW_MS + DAY_MS)], [2], id="24 hours"),
        pytest.param([event(NOW_MS), event(NOW_MS + DAY_MS + 1)], [1, 1], id="a millisecond more"),
    ],
)
def test_a_request_stays_inside_each_limit(events: list[LogEvent], expected: list[int]) -> None:
    """Exactly at a limit there is one request; just over it there are two."""
    assert sizes(events) == expected


def test_lines_go_in_the_order_of_time_and_unchanged() -> None:
    """The service demands it; lines of one millisecond keep their order."""
    late, first, second = event(NOW_MS + 5, b'{"a": "\\u00e9"}', 3), event(NOW_MS, b"1", 1), event(NOW_MS, b"2", 2)
    [batch] = plan(STREAM, [late, first, second])
    assert batch.parts == (1, 2, 3)
    assert batch.request == {
        "logGroupName": "/chat/app",
        "logStreamName": "flowemf",
        "logEvents": [
            {"timestamp": NOW_MS, "message": "1"},
            {"timestamp": NOW_MS, "message": "2"},
            {"timestamp": NOW_MS + 5, "message": '{"a": "\\u00e9"}'},
        ],
    }
    assert is_log_request(batch)
    assert not is_log_request(Batch(b'{"Namespace":"N","MetricData":[]}', ()))


@given(
    st.lists(
        st.builds(
            event,
            st.integers(NOW_MS - 3 * DAY_MS, NOW_MS),
            st.sampled_from([b"{}", b"x" * 300_000, "é\U0001f600".encode() * 50_000, b'{"quote":"\\""}']),
            st.integers(1, 5),
        ),
        max_size=20,
    )
)
@settings(max_examples=60)
def test_any_lines_arrive_whole_and_once(events: list[LogEvent]) -> None:
    """The multiset of times and messages survives, with its datapoints; every request is inside every limit."""
    sizes(events)
    arrived: Counter[tuple[int, bytes]] = Counter()
    for batch in plan(STREAM, events):
        for each in batch.request["logEvents"]:
            arrived[each["timestamp"], each["message"].encode()] += 1
    assert arrived == Counter((each.timestamp_ms, each.message) for each in events)
    assert sum(batch.datapoints for batch in plan(STREAM, events)) == sum(each.datapoints for each in events)


@pytest.mark.parametrize(
    ("of_event", "reason"),
    [
        (event(NOW_MS - 14 * DAY_MS), None),
        (event(NOW_MS - 14 * DAY_MS - 1), "too-old"),
        (event(NOW_MS + 2 * 3600 * 1000), None),
        (event(NOW_MS + 2 * 3600 * 1000 + 1), "too-new"),
        (event(message=b"x" * (BATCH_BYTES - OVERHEAD_BYTES)), None),
        (event(message=b"x" * (BATCH_BYTES - OVERHEAD_BYTES + 1)), "log-event-too-large"),
    ],
)
def test_what_the_service_would_refuse_is_not_sent(of_event: LogEvent, reason: str | None) -> None:
    """Two weeks back, two hours ahead, and a request's size; exactly there it is taken."""
    assert refusal(of_event, now_ms=NOW_MS) == reason


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (None, "....."),
        ({}, "....."),
        ({"tooNewLogEventStartIndex": 3}, "...nn"),
        ({"tooOldLogEventEndIndex": 2}, "oo..."),
        ({"expiredLogEventEndIndex": 2}, "ee..."),
        ({"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 3, "tooNewLogEventStartIndex": 4}, "oee.n"),
        ({"tooOldLogEventEndIndex": 5}, "ooooo"),
        ({"tooNewLogEventStartIndex": 0}, "nnnnn"),
        ({"expiredLogEventEndIndex": 99}, "eeeee"),
    ],
)
def test_the_indexes_of_refused_events_are_read_exactly(info: dict[str, int] | None, expected: str) -> None:
    """The ends are exclusive, the start is inclusive, and the two ends may overlap."""
    [batch] = plan(STREAM, [event(NOW_MS + index) for index in range(5)])
    letters = {"too-old": "o", "expired": "e", "too-new": "n"}
    refused = refused_events(batch, info)
    assert "".join(letters[refused[index]] if index in refused else "." for index in range(5)) == expected


def test_a_refused_request_of_lines_is_divided_like_one_of_datums() -> None:
    """The pieces hold the same events, byte by byte, with their datapoints."""
    [batch] = plan(STREAM, [event(NOW_MS + index, b"%d" % index, index + 1) for index in range(5)])
    good, bad = divided(batch, [3])
    assert [each["message"] for each in good.request["logEvents"]] == ["0", "1", "2", "4"]
    assert (bad.request["logEvents"], bad.parts) == ([json.loads(batch.body)["logEvents"][3]], (4,))
