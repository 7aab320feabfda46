"""Log groups become sources: standard ones from moto over HTTP, and both classes from a small server of our own.

moto knows neither log classes nor stream prefixes, and gives a query's results without looking at the query; the
server in `logs_server.py` does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from account_server import AccountServer, Fault
from hypothesis import given
from hypothesis import strategies as st
from logs_server import Group, LogsServer
from metric_lines import document
from replaying import CLOCK, balanced
from s3_servers import moto

from flowemf_processor import pipeline
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.model import Event, Mark
from flowemf_processor.pipeline.reading import SourceReader
from flowemf_processor.sinks.local import LocalStore
from flowemf_processor.sources import log_groups
from flowemf_processor.sources.log_events import queried_events
from flowemf_processor.sources.log_groups import KNOWN_EVENTS, LATE_MS, LogPosition
from flowemf_processor.sources.log_url import parse_log_url
from flowemf_processor.sources.opening import open_sources
from flowemf_schemas import limits

NAME = "/app/chat#1"
BOTH = ("STANDARD", "INFREQUENT_ACCESS")
both_classes = pytest.mark.parametrize("log_class", BOTH)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LogsServer]:
    """Give a server; the environment says where it is."""
    with LogsServer() as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", running.endpoint_url)
        yield running


def url(**members: str) -> str:
    """Give the URL of the group."""
    asked = "&".join(f"{name.replace('_', '-')}={quote(text)}" for name, text in members.items())
    return f"logs://{quote(NAME)}?{asked}"


def metric_line(value: float) -> str:
    """Write a metric line."""
    return json.dumps(document({"Latency": value}))


def messages(**members: str) -> list[str]:
    """Read the group; give what it said."""
    [source] = open_sources([url(since="2w", **members)])
    return [json.loads(line)["message"] for piece in source.pieces() for line in piece.splitlines()]


def replay(local: LocalStore, **members: str) -> dict[str, Any]:
    """Replay the group into a store."""
    ledger = Ledger()
    pipeline.replay_to_store(open_sources([url(**members)]), local, ledger=ledger, clock=CLOCK)
    return balanced(ledger)


def now_ms() -> int:
    """Give the time."""
    return int(time.time() * 1000)


# --- Standard groups of moto ------------------------------------------------------------------------------------------


def test_a_standard_group_of_moto_is_read_whole_and_then_only_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two streams, pages of their own, then late and new events; by HTTP."""
    with moto() as endpoint_url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", endpoint_url)
        logs = boto3.client("logs", region_name="us-east-1")
        logs.create_log_group(logGroupName=NAME)
        now = now_ms()

        def write(stream: str, *times_ms: int) -> None:
            events = [{"timestamp": each, "message": metric_line(each % 1000)} for each in times_ms]
            logs.put_log_events(logGroupName=NAME, logStreamName=stream, logEvents=events)

        for stream in ("a", "b"):
            logs.create_log_stream(logGroupName=NAME, logStreamName=stream)
            write(stream, *range(now - 60_000, now - 50_000, 100))
        with LocalStore(tmp_path / "state.duckdb") as local:
            assert replay(local, since="1h")["records"]["metric"] == 200
            assert replay(local, since="1h")["records"]["metric"] == 0
            write("a", now - 55_555, now - 40_000)
            assert replay(local, since="1h")["records"]["metric"] == 2
        with pytest.raises(ConfigurationError, match="there is no such log group in us-east-1"):
            open_sources(["logs:///app/cha"])


# --- Both classes -----------------------------------------------------------------------------------------------------


@both_classes
def test_every_event_of_a_group_is_read_once_in_the_order_of_time(server: LogsServer, log_class: str) -> None:
    """Pages and slices leave nothing out and give nothing twice, whatever the density of events."""
    server.groups[NAME] = group = Group(log_class)
    server.page, server.results = 70, 50
    now = now_ms()
    times = [now - 13 * 86_400_000, *range(now - 7_200_000, now - 3_600_000, 9_000), *range(now - 500, now - 300)]
    for number, written_ms in enumerate(times):
        group.add(written_ms, f"{number} \N{SNOWMAN} \ud83d", stream=f"s{number % 3}")
    assert [int(message.split()[0]) for message in messages()] == list(range(len(times)))


@both_classes
def test_streams_and_messages_are_chosen_by_the_service(server: LogsServer, log_class: str) -> None:
    """What the URL says goes into the request, special characters unharmed."""
    server.groups[NAME] = group = Group(log_class)
    now = now_ms()
    for stream in ("a/[$LATEST]1", "a/b", "c"):
        for text in ("ERROR x", "INFO y"):
            group.add(now - 1000, f"{stream} {text}", stream=stream)
    assert messages(stream_prefix="a/[$") == ["a/[$LATEST]1 ERROR x", "a/[$LATEST]1 INFO y"]
    assert messages(filter="ERROR", stream_prefix="a") == ["a/[$LATEST]1 ERROR x", "a/b ERROR x"]
    assert messages(filter='"INFO y"', stream_prefix="c") == ["c INFO y"]


@both_classes
def test_a_second_run_reads_what_is_new_late_or_equal_to_what_was_read(
    server: LogsServer, tmp_path: Path, log_class: str
) -> None:
    """Even an event that equals another one in everything; and `since` does not tear a gap."""
    server.groups[NAME] = group = Group(log_class)
    now = now_ms()
    for written_ms in (now - 200_000, now - 100_000, now - 100_000):
        group.add(written_ms, metric_line(1))
    with LocalStore(tmp_path / "state.duckdb") as local:
        assert replay(local, since="1h")["records"]["metric"] == 3
        account = replay(local, since="1h")
        assert (account["records"]["total"], account["reasons"]) == (0, {})
        group.add(now - 150_000, metric_line(2), stream="late")
        group.add(now - 100_000, metric_line(1))
        group.add(now - 90_000, metric_line(1))
        assert replay(local, since="1s")["records"]["metric"] == 3
        assert replay(local, since="1h")["records"]["metric"] == 0
        other_question = replay(local, since="1h", stream_prefix="app")["records"]
        assert (other_question["metric"], other_question["duplicate"]) == (0, 5)


@both_classes
def test_events_know_where_they_come_from(server: LogsServer, log_class: str) -> None:
    """CloudWatch may have extracted the metrics of a standard group; of the other class it never does."""
    server.groups[NAME] = group = Group(log_class)
    group.add(now_ms() - 1000, metric_line(1), stream="s")
    sources = open_sources([url(since="1h")])
    [event] = [
        record
        for step in SourceReader(sources[0], ledger=Ledger(), clock=CLOCK).steps()
        for record in step.records
        if isinstance(record, Event)
    ]
    assert event.origin.from_log_group is (log_class == "STANDARD")
    assert (event.origin.log_group, event.origin.log_stream) == (NAME, "s")


@both_classes
def test_a_service_that_is_throttled_is_asked_again(server: LogsServer, log_class: str) -> None:
    """The SDK waits; what does not pass is tried again by the next run."""
    server.groups[NAME] = group = Group(log_class)
    group.add(now_ms() - 1000, "x")
    for operation in ("DescribeLogGroups", "FilterLogEvents", "StartQuery", "GetQueryResults"):
        server.failures[operation] = ["ThrottlingException"]
    assert messages() == ["x"]
    operation = "FilterLogEvents" if log_class == "STANDARD" else "StartQuery"
    server.failures[operation] = ["AccessDeniedException"]
    with pytest.raises(TryAgainLaterError, match="AccessDeniedException"):
        messages()
    server.failures["DescribeLogGroups"] = ["AccessDeniedException"]
    with pytest.raises(ConfigurationError, match="AccessDeniedException"):
        messages()


# --- Queries ----------------------------------------------------------------------------------------------------------


def test_slices_are_cut_until_nothing_is_left_out(server: LogsServer) -> None:
    """The service's own limit: more than 10,000 events in a second, down to milliseconds."""
    server.groups[NAME] = group = Group("INFREQUENT_ACCESS")
    second = (now_ms() - 60_000) // 1000 * 1000
    total = limits.QUERY_RESULTS + 2000
    for number in range(total):
        group.add(second + number * 999 // total, str(number))
    assert sorted(map(int, messages())) == list(range(total))
    asked = server.asked("StartQuery")
    assert all("limit 10000" in request["queryString"] for request in asked)
    assert len(asked) < 15


def test_a_millisecond_that_holds_more_than_a_query_gives_is_not_passed_over(server: LogsServer) -> None:
    """It is said."""
    server.groups[NAME] = group = Group("INFREQUENT_ACCESS")
    server.results = 3
    for _ in range(4):
        group.add(now_ms() - 1000, "x") if not group.events else group.add(group.events[0]["timestamp"], "x")
    with pytest.raises(TryAgainLaterError, match="more events than a query gives"):
        messages()


def test_slices_stay_as_they_are_where_they_hold_neither_much_nor_little(server: LogsServer) -> None:
    """A quarter of what a query gives, or more: twice the time might be too much; each begins at a whole second."""
    server.groups[NAME] = group = Group("INFREQUENT_ACCESS")
    since = now_ms() // 1000 * 1000 - 5 * 3_600_000
    for number in range(limits.QUERY_RESULTS // 4):
        group.add(since + number, str(number))
    wanted = parse_log_url(url(since=datetime.fromtimestamp(since / 1000, timezone.utc).isoformat()), now_ms=now_ms())
    assert sum(len(page) for page in queried_events(client(server), wanted, since)) == limits.QUERY_RESULTS // 4
    asked = server.asked("StartQuery")
    hours = [(request["endTime"] + 1 - request["startTime"]) / 3600 for request in asked]
    assert hours[:3] == [1, 1, 2]
    assert "tomillis(@timestamp) >=" not in asked[0]["queryString"]  # the request itself says it
    assert "tomillis(@timestamp) >=" in asked[-1]["queryString"]


def test_a_query_that_never_ends_is_stopped_and_tried_again_later(server: LogsServer) -> None:
    """After a quarter of an hour, which passes quickly here; what runs on would be paid for."""
    server.groups[NAME] = Group("INFREQUENT_ACCESS")
    server.working = 10**9
    wanted = parse_log_url(url(since="1h"), now_ms=now_ms())
    slept: list[float] = []
    with pytest.raises(TryAgainLaterError, match="longer than 900 seconds"):
        list(queried_events(client(server), wanted, wanted.since_ms, sleep=slept.append))
    assert 900 <= sum(slept) < 905
    assert server.asked("StopQuery") == [{"queryId": "0"}]


def client(server: LogsServer) -> Any:
    """Give a client of the service."""
    return boto3.client("logs", endpoint_url=server.endpoint_url, region_name="us-east-1")


def test_a_service_that_fails_is_no_error_of_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its status, whatever its code says."""
    with AccountServer() as account:
        account.always["DescribeLogGroups"] = Fault(501, "Whatever")
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", account.endpoint_url)
        with pytest.raises(TryAgainLaterError, match="the service answers Whatever"):
            open_sources([url()])


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Timeout"])
def test_a_query_that_fails_is_tried_again_later(server: LogsServer, status: str) -> None:
    """The message says how it ended."""
    server.groups[NAME] = Group("INFREQUENT_ACCESS")
    server.status, server.working = status, 2
    with pytest.raises(TryAgainLaterError, match=status):
        messages()


def test_a_filter_pattern_that_no_query_can_express_is_refused(server: LogsServer) -> None:
    """Before anything is read."""
    server.groups[NAME] = Group("INFREQUENT_ACCESS")
    with pytest.raises(ConfigurationError, match="leave it out"):
        open_sources([url(filter="{ $.level = ERROR }")])


def test_a_class_that_nobody_can_read_is_refused(server: LogsServer) -> None:
    """Such as DELIVERY."""
    server.groups[NAME] = Group("DELIVERY")
    with pytest.raises(ConfigurationError, match="DELIVERY"):
        open_sources([url()])


# --- Positions and URLs -----------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8 * 60_000)), max_size=60), st.integers(0, 60))
def test_wherever_a_run_stops_the_next_one_reads_the_rest(events: list[tuple[int, int]], stop: int) -> None:
    """Events in the order of their times, some of them twice: each is taken once, in one run or in two."""
    ordered = sorted(set(events), key=lambda event: event[1])
    whole = LogPosition(0)
    expected = [whole.take(f"{number}@{written_ms}", written_ms) for number, written_ms in ordered]
    assert all(expected)
    first = LogPosition(0)
    for number, written_ms in ordered[:stop]:
        first.take(f"{number}@{written_ms}", written_ms)
    second = LogPosition(0, first.state())
    rest = [each for each in ordered if second.take(f"{each[0]}@{each[1]}", each[1])]
    assert rest == ordered[stop:]


def test_no_more_is_remembered_than_the_bound() -> None:
    """Then a later run looks back less far, and still takes nothing twice."""
    position = LogPosition(0)
    for number in range(KNOWN_EVENTS + 10):
        position.take(str(number), number // 2)
    later = LogPosition(0, position.state())
    assert later.start_ms == 5
    assert not any(later.take(str(number), number // 2) for number in range(KNOWN_EVENTS + 10))
    position.take("far", LATE_MS * 10)
    assert len(position.state()) == 2 * log_groups._ROW.size


def test_a_mark_says_what_was_used_and_not_what_was_fetched(server: LogsServer) -> None:
    """A page is fetched at once and used line by line."""
    server.groups[NAME] = group = Group()
    now = now_ms()
    for number in range(10):
        group.add(now - 1000 + number, str(number))
    [source] = open_sources([url()])
    assert len(b"".join(source.pieces()).splitlines()) == 10
    mark: Mark = source.mark("x", 4)  # type: ignore[attr-defined]
    [again] = open_sources([url()])
    again.resume(mark)  # type: ignore[attr-defined]
    assert [json.loads(line)["message"] for line in b"".join(again.pieces()).splitlines()] == list("456789")


NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize(
    ("query", "since_ms", "until_ms"),
    [
        ("", NOW_MS - 3_600_000, NOW_MS),
        ("?since=90s", NOW_MS - 90_000, NOW_MS),
        ("?since=2w&until=7d", NOW_MS - 14 * 86_400_000, NOW_MS - 7 * 86_400_000),
        ("?since=2026-01-31T12:00:00Z", 1_769_860_800_000, NOW_MS),
        ("?since=2026-01-31T12:00:00.250", 1_769_860_800_250, NOW_MS),
        ("?since=2026-01-31T12:00:00+02:00", 1_769_853_600_000, NOW_MS),
        ("?since=2026-01-31", 1_769_817_600_000, NOW_MS),
    ],
)
def test_times_are_how_long_ago_or_iso_8601(query: str, since_ms: int, until_ms: int) -> None:
    """UTC where they say nothing else; the last hour where the URL says nothing."""
    wanted = parse_log_url(f"logs://g{query}", now_ms=NOW_MS)
    assert (wanted.since_ms, wanted.until_ms) == (since_ms, until_ms)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("logs://", "names no log group"),
        ("logs://?since=1h", "names no log group"),
        ("logs://g?from=1h", "from is unknown; it may say since, until"),
        ("logs://g?since=yesterday", "'yesterday' is no time"),
        ("logs://g?since=1h&until=2h", "since lies after until"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused(asked: str, message: str) -> None:
    """The message says what it may say."""
    with pytest.raises(ConfigurationError, match=message):
        parse_log_url(asked, now_ms=NOW_MS)
