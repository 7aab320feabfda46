"""The handler that transforms what goes through Firehose: lines, annotations, results and the size of the answer."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from handler_services import (
    CONTROL_MESSAGE,
    GROUP,
    data_message,
    emf,
    firehose_event,
    function,
    report_of,
)
from lambda_runtime_api import Lambda
from replaying import store

from flowemf_processor.sinks.local import LocalStore
from flowemf_schemas import limits

LARGEST_ANSWER = 6 * 1024 * 1024
FAR_TOO_LARGE = gzip.compress(b"0" * 80 * 1_048_576)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Lambda]:
    """Run a function that passes everything on; it needs no service."""
    with function(tmp_path / "all", "firehose", {}) as started:
        yield started


def lines_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the lines of a record that was transformed."""
    assert answer["result"] == "Ok"
    return [json.loads(line) for line in base64.b64decode(answer["data"]).splitlines()]


def test_each_log_event_becomes_a_line_that_says_what_it_is(running: Lambda) -> None:
    """The text is unchanged, in the form of filter-log-events, with what was found in it."""
    messages = [emf({"A": 1}, namespaces=("One", "Two")), "hello", emf({"A": 2})[:-9], emf({"A": "x", "B": 3})]
    answer = running.invoke(firehose_event([data_message(messages)]))
    [record] = answer.content["records"]
    assert record["recordId"] == "4957254468347475:0"
    lines = lines_of(record)
    assert [line["message"] for line in lines] == messages
    assert [line["flowemf"]["kind"] for line in lines] == ["metric", "other", "rejected", "metric"]
    assert [line["flowemf"]["namespaces"] for line in lines] == [["One", "Two"], [], [], ["App"]]
    assert [[found["reason"] for found in line["flowemf"]["findings"]] for line in lines] == [
        [],
        [],
        ["truncated"],
        ["value-not-a-number"],
    ]
    assert {(line["logGroupName"], line["eventId"][-1]) for line in lines} == {(GROUP, n) for n in "1234"}
    report = report_of(answer)
    assert (report["RecordsRead"], report["RecordsRejected"], report["RecordsReturned"]) == (4, 1, 0)


def test_bare_lines_stay_what_they_are(running: Lambda) -> None:
    """A metric document gets one member more; text, wrapped lines and broken characters are untouched."""
    wrapped = json.dumps({"log": emf({"A": 2}), "stream": "stdout", "time": "2026-10-05T00:00:30.08Z"}).encode()
    payload = b"\n".join([emf({"A": 1}).encode(), b"plain \xff text", wrapped])
    [record] = running.invoke(firehose_event([payload])).content["records"]
    metric, text, container = base64.b64decode(record["data"]).splitlines()
    annotation = {"kind": "metric", "namespaces": ["App"], "findings": []}
    assert json.loads(metric) == {**json.loads(emf({"A": 1})), **json.loads(metric)}
    assert json.loads(metric)["flowemf"] == annotation
    assert (text, container) == (b"plain \xff text", wrapped)


def test_what_comes_out_is_what_a_replay_reads(running: Lambda, tmp_path: Path) -> None:
    """Twice the same log event in the bucket is once in the store, as is a bare line that went through twice."""
    message, other = emf({"A": 1}), emf({"A": 2})
    payloads = [data_message([message, "hello"]), data_message([message]), other.encode()]
    once = [base64.b64decode(each["data"]) for each in running.invoke(firehose_event(payloads)).content["records"]]
    twice = running.invoke(firehose_event([once[2]])).content["records"][0]
    assert base64.b64decode(twice["data"]) == once[2]
    log = tmp_path / "from-s3.log"
    log.write_bytes(b"".join(once))
    with LocalStore(tmp_path / "a.duckdb") as local:
        ledger = store(local, log)
    assert ledger["records"] == {
        "total": 4,
        "metric": 2,
        "other": 1,
        "rejected": 0,
        "duplicate": 1,
        "incomplete": 0,
    }


def test_records_that_cannot_be_opened_are_given_back_as_failed(running: Lambda) -> None:
    """Firehose keeps what it sent; control messages are dropped, an empty record passes, and nothing raises."""
    event = firehose_event([data_message([emf({"A": 1})])[:-9], FAR_TOO_LARGE, CONTROL_MESSAGE, b"", b"last"])
    event["records"] += [{"recordId": "no-data"}, {"recordId": "no-base64", "data": "%%%"}, 7]
    answer = running.invoke(event)
    results = [record["result"] for record in answer.content["records"]]
    assert results == [
        "ProcessingFailed",
        "ProcessingFailed",
        "Dropped",
        "Ok",
        "Ok",
        "ProcessingFailed",
        "ProcessingFailed",
        "ProcessingFailed",
    ]
    report = report_of(answer)
    assert report["failures"] == {
        "base64-invalid": 1,
        "format-mismatch": 2,
        "payload-damaged": 1,
        "payload-too-large": 1,
    }
    assert report["RecordsReturned"] == 5


def test_a_record_of_more_log_events_than_any_has_is_given_back(running: Lambda) -> None:
    """It costs no other record, and is not half passed on."""
    answer = running.invoke(firehose_event([data_message([""] * (limits.EVENTS_PER_WRAPPER + 1)), b"last"]))
    assert [record["result"] for record in answer.content["records"]] == ["ProcessingFailed", "Ok"]
    assert report_of(answer)["failures"] == {"wrapper-too-large": 1}


def test_an_answer_that_would_be_too_large_has_its_rest_failed(running: Lambda) -> None:
    """Lambda takes six megabytes: what has no place is kept by Firehose, what is smaller still goes."""
    chance = random.Random(1)
    noise = [chance.randbytes(700_000).hex() for _ in range(5)]
    answer = running.invoke(firehose_event([data_message([text]) for text in noise] + [b"small"]))
    results = [record["result"] for record in answer.content["records"]]
    assert results == ["Ok", "Ok", "Ok", "ProcessingFailed", "ProcessingFailed", "Ok"]
    assert len(json.dumps(answer.content)) <= LARGEST_ANSWER
    assert report_of(answer)["failures"] == {"response-too-large": 2}


def test_an_answer_of_the_largest_size_goes_out(running: Lambda) -> None:
    """Counted to the byte, base64 and ids included: the last record fits or it does not."""
    event = firehose_event([b"x"])
    frame = len(json.dumps(running.invoke(event).content)) - 4
    room = (LARGEST_ANSWER - frame - 200) // 4 * 3  # a few bytes are kept free for what the runtime adds
    for size, result in ((room - 300, "Ok"), (LARGEST_ANSWER // 4 * 3, "ProcessingFailed")):
        answer = running.invoke(firehose_event([b"x" * size]))
        assert [record["result"] for record in answer.content["records"]] == [result]
        assert len(json.dumps(answer.content)) <= LARGEST_ANSWER


def test_records_that_there_is_no_time_for_fail_and_are_kept(running: Lambda) -> None:
    """Each has an answer, whatever the function's timeout."""
    payload = data_message([emf({"A": 1}), "x" * 30_000_000])
    answer = running.invoke(firehose_event([b"a", *[payload] * 20]), remaining_ms=600)
    report = report_of(answer)
    assert report["failures"]["out-of-time"] > 0
    assert len(answer.content["records"]) == 21


def test_a_function_can_keep_metric_lines_alone(tmp_path: Path) -> None:
    """Ordinary log is left out, what is wrong with a metric line is not; a record with neither is dropped."""
    with function(tmp_path / "metrics", "firehose", {"FLOWEMF_HANDLER_FIREHOSE_KEEP": "metrics"}) as running:
        payloads = [data_message(["hello", emf({"A": 1}), emf({"A": 2})[:-9]]), data_message(["hello"])]
        first, second = running.invoke(firehose_event(payloads)).content["records"]
    assert [line["flowemf"]["kind"] for line in lines_of(first)] == ["metric", "rejected"]
    assert second == {"recordId": "4957254468347475:1", "result": "Dropped"}


def test_a_function_behind_another_service_says_so(running: Lambda) -> None:
    """Taken in silence it would lose everything."""
    answer = running.invoke({"Records": []})
    assert answer.content["errorMessage"].startswith(
        "this is no event of Firehose: it has no list 'records', but Records"
    )
