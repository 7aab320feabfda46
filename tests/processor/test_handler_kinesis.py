"""The handler behind a stream: partial batches, poison records, and time that runs out."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cloudwatch_server import Answer
from handler_services import (
    CONTROL_MESSAGE,
    STREAM_ARN,
    TABLE,
    Services,
    data_message,
    emf,
    function,
    kinesis_event,
    report_of,
    sequence_number,
)
from lambda_runtime_api import Lambda

Start = Callable[..., Lambda]
FAR_TOO_LARGE = gzip.compress(b"0" * 80 * 1_048_576)
"""Eighty kilobytes that become eighty megabytes."""


@pytest.fixture
def start(tmp_path: Path, aws: Services) -> Iterator[Start]:
    """Start functions with these settings, which send."""
    with contextlib.ExitStack() as stack:

        def run(**settings: str) -> Lambda:
            environment = aws.environment(**{"source_extracted": "false", **settings})
            return stack.enter_context(function(tmp_path / str(id(environment)), "kinesis", environment))

        yield run


def test_a_batch_that_is_delivered_has_no_failures(start: Start, aws: Services) -> None:
    """Log events of subscriptions and bare lines, in one request; the line says how long the oldest had waited."""
    payloads = [data_message([emf({"A": 1}), "hello"]), emf({"A": 2}).encode() + b"\n" + emf({"A": 3}).encode()]
    answer = start().invoke(kinesis_event(payloads, age_seconds=90))
    assert (answer.kind, answer.content) == ("response", {"batchItemFailures": []})
    assert (aws.sent(), len(aws.cloudwatch.requests)) == ([1, 2, 3], 1)
    report = report_of(answer)
    assert 90_000 <= report["IteratorAge"] < 120_000
    assert report["ledger"]["sources"][0]["name"] == STREAM_ARN


def test_an_empty_batch_is_none_of_anybody_s_business(start: Start) -> None:
    """As a test event in the console may be."""
    answer = start().invoke({"Records": []})
    assert (answer.kind, answer.content) == ("response", {"batchItemFailures": []})


def test_records_that_cannot_be_read_do_not_keep_their_shard_waiting(start: Start, aws: Services) -> None:
    """Damaged, far too large, of another shape, no base64: each is counted with its reason, and the others are sent."""
    sound = data_message([emf({"A": 1})])
    event = kinesis_event([sound[:-9], FAR_TOO_LARGE, CONTROL_MESSAGE, b"", b"\x00\xff", sound])
    event["Records"] += [{"dynamodb": {"Keys": {}}}, {"kinesis": {"data": "%%%", "sequenceNumber": "9"}}, 7, None]
    answer = start().invoke(event)
    assert (answer.kind, answer.content, aws.sent()) == ("response", {"batchItemFailures": []}, [1])
    report = report_of(answer)
    assert report["ledger"]["reasons"] == {
        "base64-invalid": 1,
        "format-mismatch": 3,
        "payload-damaged": 1,
        "payload-too-large": 1,
    }
    assert report["RecordsRejected"] == 6


def test_what_was_delivered_before_the_failure_does_not_come_again(start: Start, aws: Services) -> None:
    """The second record is in a namespace that is throttled: the shard goes on from there."""
    payloads = [
        data_message([emf({"A": 1}, namespaces=("One",))], first_id=1),
        data_message([emf({"A": 2}, namespaces=("Two",))], first_id=2),
        data_message([emf({"A": 3}, namespaces=("Three",))], first_id=3),
    ]
    aws.cloudwatch.answers[:] = [Answer(), *[Answer(400, "Throttling")] * 9]
    answer = start(retry_seconds="0").invoke(kinesis_event(payloads))
    assert answer.content == {"batchItemFailures": [{"itemIdentifier": sequence_number(2)}]}
    report = report_of(answer)
    assert (report["RecordsReturned"], report["DatapointsAccepted"], report["DatapointsPending"]) == (2, 1, 2)
    assert report["InvocationsFailed"] == 0


def test_a_batch_of_which_nothing_is_done_with_fails_as_a_whole(start: Start, aws: Services) -> None:
    """Then it fails with and without ReportBatchItemFailures, and Lambda counts an error."""
    aws.cloudwatch.answers[:] = [Answer(400, "Throttling")] * 9
    answer = start(retry_seconds="0").invoke(kinesis_event([data_message([emf({"A": 1})])]))
    assert (answer.kind, answer.content["errorType"]) == ("error", "TryAgainLaterError")
    assert report_of(answer)["InvocationsFailed"] == 1


def test_the_same_log_event_in_two_records_is_one(start: Start, aws: Services) -> None:
    """Subscriptions deliver at least once: the event's own id tells, within a batch and, with a ledger, across them."""
    aws.make_table()
    payload = data_message([emf({"A": 1})])
    running = start(ledger_table=TABLE)
    assert report_of(running.invoke(kinesis_event([payload, payload])))["RecordsDuplicate"] == 1
    assert report_of(running.invoke(kinesis_event([payload], first=3)))["RecordsDuplicate"] == 1
    assert aws.sent() == [1]


def test_equal_lines_of_one_record_are_two_events_whenever_it_comes(start: Start, aws: Services) -> None:
    """They have no ids but their record's: each line is numbered, and so is each event of what one line holds."""
    aws.make_table()
    line = emf({"A": 1}).encode()
    array = (
        b'{"events":['
        + b",".join(b'{"timestamp":1,"message":%b}' % json.dumps(line.decode()).encode() for _ in range(2))
        + b"]}"
    )
    event = kinesis_event([line + b"\n" + line, array])
    running = start(ledger_table=TABLE)
    for accepted in (4, 0):
        assert report_of(running.invoke(event))["DatapointsAccepted"] == accepted
    assert aws.sent() == [1, 1, 1, 1]


def test_records_that_there_is_no_time_for_come_again(start: Start, aws: Services) -> None:
    """A batch that takes longer than the function has: what was read is sent, the shard goes on behind it."""
    running = start()
    running.invoke(kinesis_event([data_message([emf({"A": 0})], first_id=100)]))
    padding = "x" * 10_000_000
    large = [data_message([emf({"A": n}), padding], first_id=2 * n) for n in range(1, 41)]
    answer = running.invoke(kinesis_event(large), remaining_ms=3000)
    report = report_of(answer)
    done = report["ledger"]["lines"]
    assert 0 < done < len(large)
    assert answer.content == {"batchItemFailures": [{"itemIdentifier": sequence_number(done + 1)}]}
    assert aws.sent() == [*range(done + 1)]


def test_parts_of_a_line_are_put_together_across_the_records_of_a_batch(start: Start, aws: Services) -> None:
    """Docker splits long lines; what still waits at the end is rejected, since nothing will come behind it."""
    line = emf({"A": 1}).encode()
    time = b"2026-10-06T00:17:09.669794202Z stdout"
    parts = [b"%b P %b" % (time, line[:40]), b"%b F %b" % (time, line[40:]), b"%b P %b" % (time, line[:40])]
    report = report_of(start().invoke(kinesis_event(parts)))
    assert (report["DatapointsAccepted"], report["ledger"]["reasons"]) == (1, {"part-missing": 1})
