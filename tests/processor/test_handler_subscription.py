"""The handler behind a subscription, under Lambda's runtime interface client: what is sent, said and raised."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cloudwatch_server import Answer
from handler_services import (
    BUCKET,
    CONTROL_MESSAGE,
    TABLE,
    Services,
    data_message,
    emf,
    function,
    logs_event,
    report_of,
)
from lambda_runtime_api import Lambda

Start = Callable[..., Lambda]


@pytest.fixture
def start(tmp_path: Path, aws: Services) -> Iterator[Start]:
    """Start functions with these settings."""
    with contextlib.ExitStack() as stack:

        def run(**settings: str) -> Lambda:
            return stack.enter_context(
                function(tmp_path / str(id(settings)), "logs_subscription", aws.environment(**settings))
            )

        yield run


def test_what_cloudwatch_extracts_by_itself_is_counted_and_not_sent(start: Start, aws: Services) -> None:
    """The default: a subscription's log group is of the standard class, so sending would count everything twice."""
    answer = start().invoke(logs_event(data_message([emf({"A": 1}), "hello", emf({"A": 2})[:-9]])))
    assert (answer.kind, answer.content, aws.sent()) == ("response", None, [])
    report = report_of(answer)
    assert report["ledger"]["records"] == {
        "total": 3,
        "metric": 1,
        "other": 1,
        "rejected": 1,
        "duplicate": 0,
        "incomplete": 0,
    }
    assert (report["RecordsRead"], report["RecordsRejected"], report["InvocationsFailed"]) == (3, 1, 0)
    assert report["ledger"]["destinations"] == []


def test_what_is_not_extracted_is_sent(start: Start, aws: Services) -> None:
    """One request for each namespace; the line says what CloudWatch took."""
    lines = [emf({"A": value}, namespaces=("App", "Other")) for value in range(5)]
    answer = start(source_extracted="false").invoke(logs_event(data_message(lines)))
    assert (answer.kind, aws.sent()) == ("response", sorted([*range(5)] * 2))
    assert len(aws.cloudwatch.requests) == 2
    report = report_of(answer)
    assert (report["DatapointsAccepted"], report["FunctionName"], report["request_id"]) == (10, "shop", "request-1")


def test_the_second_invocation_reuses_what_the_first_one_built(start: Start, aws: Services) -> None:
    """Cold, then warm; both say so."""
    running = start(source_extracted="false")
    reports = [report_of(running.invoke(logs_event(data_message([emf({"A": n})], first_id=n)))) for n in (1, 2)]
    assert [report["cold_start"] for report in reports] == [True, False]
    assert aws.sent() == [1, 2]


@pytest.mark.parametrize("payload", [CONTROL_MESSAGE, data_message([])], ids=["control message", "no log events"])
def test_what_holds_no_log_events_is_taken_in_silence(start: Start, aws: Services, payload: bytes) -> None:
    """CloudWatch Logs checks whether the function can be reached; nothing is rejected."""
    answer = start(source_extracted="false").invoke(logs_event(payload))
    assert (answer.kind, report_of(answer)["RecordsRejected"], aws.sent()) == ("response", 0, [])


def test_an_event_that_cannot_be_delivered_raises_so_that_lambda_sends_it_again(start: Start, aws: Services) -> None:
    """CloudWatch throttles for longer than the function tries; the error names the reason, the line has the ledger."""
    aws.cloudwatch.answers[:] = [Answer(400, "Throttling")] * 50
    answer = start(source_extracted="false", retry_seconds="0.5").invoke(logs_event(data_message([emf({"A": 1})])))
    assert (answer.kind, answer.content["errorType"]) == ("error", "TryAgainLaterError")
    assert "1 of 1 records have to come again: throttled: " in answer.content["errorMessage"]
    report = report_of(answer)
    assert (report["DatapointsPending"], report["InvocationsFailed"], report["RecordsReturned"]) == (1, 1, 1)
    assert report["error"] == answer.content["errorMessage"]


def test_a_permission_that_is_missing_is_named(start: Start, aws: Services) -> None:
    """Nobody has to guess what the role lacks."""
    aws.cloudwatch.answers[:] = [Answer(403, "AccessDenied")]
    answer = start(source_extracted="false").invoke(logs_event(data_message([emf({"A": 1})])))
    assert answer.content["errorType"] == "ConfigurationError"
    assert "cloudwatch:PutMetricData" in answer.content["errorMessage"]


def test_one_bad_number_costs_no_good_one(start: Start, aws: Services) -> None:
    """CloudWatch refuses a request and names a datum: it is refused and counted, and nothing comes again."""
    lines = [emf({"A": 1, "B": 2, "C": 3})]
    refusal = b'{"__type": "InvalidParameterValue", "message": "The parameter MetricData.member.2.Value is odd"}'
    aws.cloudwatch.answers[:] = [Answer(400, body=refusal), Answer(), Answer(400, "InvalidParameterValue")]
    answer = start(source_extracted="false").invoke(logs_event(data_message(lines)))
    report = report_of(answer)
    assert (answer.kind, report["DatapointsAccepted"], report["DatapointsRefused"]) == ("response", 2, 1)


def test_a_request_that_hangs_ends_within_the_function_s_time(start: Start, aws: Services) -> None:
    """The answer would come in 20 seconds, the function has 3: it gives up, says so, and is not killed."""
    aws.cloudwatch.answers[:] = [Answer(after_seconds=20)]
    event = logs_event(data_message([emf({"A": 1})]))
    answer = start(source_extracted="false").invoke(event, remaining_ms=3000)
    assert (answer.kind, answer.content["errorType"]) == ("error", "TryAgainLaterError")
    report = report_of(answer)
    assert (report["DatapointsAmbiguous"], report["DatapointsPending"]) == (1, 0)
    assert "no-answer-in-time" in report["answers"]


def test_with_a_ledger_a_retry_sends_what_was_not_taken_and_nothing_else(start: Start, aws: Services) -> None:
    """The first namespace is taken, the second one throttled; the event comes again, and each number counts once."""
    aws.make_table()
    aws.cloudwatch.answers[:] = [Answer(), *[Answer(400, "Throttling")] * 20]
    running = start(source_extracted="false", retry_seconds="0", ledger_table=TABLE)
    event = logs_event(data_message([emf({"A": n}, namespaces=("One", "Two")) for n in (1, 2, 3)]))
    assert running.invoke(event).kind == "error"
    assert sorted(aws.states().values()) == ["done"] * 3
    aws.cloudwatch.answers.clear()
    aws.cloudwatch.requests[:] = aws.cloudwatch.requests[:1]  # what was throttled was not taken
    answer = running.invoke(event)
    assert (answer.kind, report_of(answer)["DatapointsAccepted"]) == ("response", 3)
    again = running.invoke(event)
    assert (again.kind, report_of(again)["RecordsDuplicate"], report_of(again)["DatapointsAccepted"]) == (
        "response",
        3,
        0,
    )
    assert aws.sent() == [1, 1, 2, 2, 3, 3]
    assert set(aws.states().values()) == {"done"}


@pytest.mark.parametrize(("policy", "values"), [("resend", [1, 1]), ("drop", [1])])
def test_an_answer_that_is_lost_leaves_a_doubt(start: Start, aws: Services, policy: str, values: list[int]) -> None:
    """CloudWatch has it and hangs up: with `resend` the event comes again and counts twice, which the report says."""
    aws.make_table()
    aws.cloudwatch.answers[:] = [Answer(0)]
    running = start(source_extracted="false", retry_seconds="0", ledger_table=TABLE, on_ambiguous=policy)
    event = logs_event(data_message([emf({"A": 1})]))
    first = running.invoke(event)
    assert (first.kind == "error", report_of(first)["DatapointsAmbiguous"]) == (policy == "resend", 1)
    second = report_of(running.invoke(event))
    again = {"sent-again-after-unknown-outcome": 1} if policy == "resend" else {}
    assert second["ledger"]["destinations"][0]["reasons"] == again
    assert second["RecordsDuplicate"] == (policy == "drop")
    assert (aws.sent(), set(aws.states().values())) == (values, {"done"})


def test_without_a_ledger_a_retry_sends_everything_again(start: Start, aws: Services) -> None:
    """At least once, as the page says."""
    running = start(source_extracted="false")
    for _ in range(2):
        assert running.invoke(logs_event(data_message([emf({"A": 1})]))).kind == "response"
    assert aws.sent() == [1, 1]


def test_rejected_lines_are_kept_in_a_bucket_once_however_often_they_come(start: Start, aws: Services) -> None:
    """The object holds what a replay reads; a second delivery writes the same one."""
    aws.s3.create_bucket(Bucket=BUCKET)
    running = start(rejects=f"s3://{BUCKET}/handlers/")
    event = logs_event(data_message([emf({"A": 1}), emf({"A": 2})[:-9]]))
    for _ in range(2):
        assert report_of(running.invoke(event))["ledger"]["rejects"]["kept"] == 1
    [stored] = aws.s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert stored["Key"].startswith("handlers/20")
    [kept] = aws.s3.get_object(Bucket=BUCKET, Key=stored["Key"])["Body"].read().splitlines()
    assert json.loads(kept)["line"] == second_message_of(event)


def second_message_of(event: dict[str, dict[str, str]]) -> str:
    """Give the text of the second log event."""
    document = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    message: str = document["logEvents"][1]["message"]
    return message


def test_nothing_is_sent_while_rejected_lines_cannot_be_kept(start: Start, aws: Services) -> None:
    """There is no such bucket: sent now, the sound lines would be sent again with each retry."""
    running = start(source_extracted="false", rejects="s3://nowhere-at-all/")
    answer = running.invoke(logs_event(data_message([emf({"A": 1}), emf({"A": 2})[:-9]])))
    assert (answer.kind, aws.sent()) == ("error", [])
    report = report_of(answer)
    assert (report["DatapointsPending"], report["ledger"]["rejects"]["not_kept"]) == (1, 1)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"Records": []}, "no event of a CloudWatch Logs subscription"),
        ({"awslogs": {}}, "no event of a CloudWatch Logs subscription"),
        ([], "no event of a CloudWatch Logs subscription"),
    ],
)
def test_an_event_of_another_service_is_an_error_of_configuration(start: Start, event: object, said: str) -> None:
    """Taken in silence, a function behind the wrong trigger would lose everything."""
    answer = start().invoke(event)
    assert answer.content["errorType"] == "ConfigurationError"
    assert said in answer.content["errorMessage"]


def test_a_wrong_setting_is_an_error_that_names_it(start: Start) -> None:
    """At the first invocation, with the setting that was meant."""
    answer = start(source_extractd="false").invoke(logs_event(CONTROL_MESSAGE))
    assert answer.content["errorType"] == "ConfigurationError"
    assert "(did you mean FLOWEMF_HANDLER_SOURCE_EXTRACTED?)" in answer.content["errorMessage"]
