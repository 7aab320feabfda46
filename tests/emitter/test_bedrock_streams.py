"""Streams of Bedrock's models: botocore's own event streams over HTTP on 127.0.0.1, read in every way there is."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from bedrock_service import (
    ANTHROPIC_STREAM,
    CONVERSE_STREAM,
    MESSAGES,
    MODEL,
    TOKENS,
    Service,
    bedrock_service,
    chunk,
    event,
    said,
    stream,
    trouble,
)
from botocore.eventstream import EventStream, NoInitialResponseError
from botocore.exceptions import EventStreamError

import flowemf
from flowemf.integrations import bedrock

OPENING = CONVERSE_STREAM[:2]
# A stream that is dropped takes its connection along, which botocore does not close.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with bedrock_service() as running:
        yield running


@pytest.fixture(scope="module")
def plain_client(service: Service) -> Any:
    return service.client()


@pytest.fixture
def client(plain_client: Any, captured: Any, clock: Any) -> Iterator[Any]:
    """Give a measured client; `captured` gets the lines, `clock` gives the time."""
    flowemf.configure("App/Test", sink=captured, clock=clock)
    bedrock.install(plain_client)
    yield plain_client
    bedrock.uninstall()


def converse_stream(client: Any) -> Any:
    return client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"]


def metrics_of(line: dict[str, Any]) -> dict[str, float]:
    """Give the metrics of a line, each once."""
    named = {each["Name"] for directive in line["_aws"]["CloudWatchMetrics"] for each in directive["Metrics"]}
    return {name: line[name] for name in named}


def test_a_stream_gives_its_first_token_its_end_and_its_tokens(
    client: Any, service: Service, captured: Any, clock: Any
) -> None:
    """The first token is the first part that the model has said, not the opening of the message."""
    service.answers.append(stream(*CONVERSE_STREAM, meanwhile=lambda: clock.wait(100)))
    kinds = []
    for each in converse_stream(client):
        clock.wait(10)
        kinds += each
    assert kinds == ["messageStart", "contentBlockDelta", "contentBlockDelta", "messageStop", "metadata"]
    (line,) = captured.documents
    # 100 until the answer began, 10 for each event that was worked on before.
    assert metrics_of(line) == {
        "GenerationCount": 1,
        "TimeToFirstToken": 110,
        "GenerationDuration": 140,
        **TOKENS,
    }
    assert (line["ModelID"], line["server_latency_ms"]) == (MODEL, 312)
    assert "Forty" not in captured.lines[0].decode()


def test_a_stream_of_invoke_model_is_measured_alike(client: Any, service: Service, captured: Any, clock: Any) -> None:
    """Its last chunk has the numbers, whatever the model."""
    service.answers.append(stream(*ANTHROPIC_STREAM, meanwhile=lambda: clock.wait(100)))
    body = client.invoke_model_with_response_stream(modelId=MODEL, body=b"{}")["body"]
    for _ in body:
        clock.wait(10)
    (line,) = captured.documents
    assert metrics_of(line) == {
        "GenerationCount": 1,
        "TimeToFirstToken": 120,
        "GenerationDuration": 140,
        **TOKENS,
    }
    assert line["server_latency_ms"] == 312


@pytest.mark.parametrize(
    ("kind", "error_type"),
    [
        ("throttlingException", "Throttling"),
        ("modelTimeoutException", "Timeout"),
        ("modelStreamErrorException", "GenericError"),
        ("internalServerException", "GenericError"),
    ],
)
def test_an_error_in_the_middle_of_a_stream_is_the_generation_s(
    kind: str, error_type: str, client: Any, service: Service, captured: Any
) -> None:
    """The application gets botocore's own exception at the same place."""
    frames = [ANTHROPIC_STREAM[2], trouble(kind)]
    service.answers.append(stream(*frames))
    body = client.invoke_model_with_response_stream(modelId=MODEL, body=b"{}")["body"]
    seen = []
    with pytest.raises(EventStreamError) as raised:
        seen.extend(body)
    assert raised.value.response["Error"]["Code"] == kind
    assert len(seen) == 1 or seen == []
    (line,) = captured.documents
    assert (line["GenerationCount"], line["GenerationError"], line["ErrorType"]) == (1, 1, error_type)
    assert line["TimeToFirstToken"] == 0
    assert "generation_status" not in line


@pytest.mark.parametrize("chunked", [True, False])
def test_a_stream_that_breaks_off_is_an_error(chunked: bool, client: Any, service: Service, captured: Any) -> None:
    """With a known length botocore says nothing of it: we see that the end is missing."""
    service.answers.append(stream(*CONVERSE_STREAM, cut=500, chunked=chunked))
    events = converse_stream(client)
    with pytest.raises(Exception, match="IncompleteRead") if chunked else nullcontext():
        list(events)
    (line,) = captured.documents
    assert (line["GenerationError"], line["ErrorType"]) == (1, "Connection")


# --- Streams that nobody reads on


def is_cancelled(line: dict[str, Any]) -> bool:
    return line["GenerationCount"] == 1 and "GenerationError" not in line and line["generation_status"] == "Cancelled"


def test_a_stream_that_is_closed_early_is_cancelled(client: Any, service: Service, captured: Any, clock: Any) -> None:
    """It is counted, with its duration and its first token, and is no error."""
    service.answers.append(stream(*CONVERSE_STREAM))
    events = converse_stream(client)
    clock.wait(50)
    for each in events:
        if "contentBlockDelta" in each:
            break
    clock.wait(25)
    events.close()
    (line,) = captured.documents
    assert is_cancelled(line)
    assert metrics_of(line) == {"GenerationCount": 1, "TimeToFirstToken": 50, "GenerationDuration": 75}


def test_a_stream_that_is_dropped_is_cancelled_when_its_last_event_came(
    client: Any, service: Service, captured: Any, clock: Any
) -> None:
    """Nobody knows how long it lay about; nothing is counted as missing."""
    service.answers.append(stream(*CONVERSE_STREAM))
    events = converse_stream(client)
    clock.wait(50)
    for _ in events:
        break
    assert captured.lines == []
    clock.wait(60_000)
    del events
    gc.collect()  # botocore's stream and its generator refer to each other
    (line,) = captured.documents
    assert is_cancelled(line)
    assert line["GenerationDuration"] == 50
    assert flowemf.stats() == {"lines_written": 1}


def test_a_stream_that_the_garbage_collector_finds_is_cancelled_where_it_began(
    client: Any, service: Service, captured: Any
) -> None:
    """The collector runs in the middle of somebody else's request; its flow and its properties are not the stream's."""
    service.answers.append(stream(*CONVERSE_STREAM))
    with flowemf.flow("first") as first:
        flowemf.bind(tenant="acme")
        cycle = [converse_stream(client)]
        cycle.append(cycle)
    with flowemf.flow("second"):
        flowemf.bind(tenant="other")
        del cycle
        gc.collect()
    (line,) = [each for each in captured.documents if each["event"] == "generation"]
    assert is_cancelled(line)
    assert (line["flow_id"], line["tenant"]) == (first.flow_id, "acme")


def test_an_exception_of_the_application_leaves_a_cancelled_stream(
    client: Any, service: Service, captured: Any
) -> None:
    """The application's own failure is no failure of the model."""

    def read() -> None:
        for _ in converse_stream(client):
            raise LookupError("mine")

    service.answers.append(stream(*CONVERSE_STREAM))
    with suppress(LookupError):
        read()
    gc.collect()
    assert is_cancelled(captured.last)


def test_a_loop_that_goes_on_later_is_one_generation(client: Any, service: Service, captured: Any) -> None:
    """To leave a loop is not to abandon the stream."""
    service.answers.append(stream(*CONVERSE_STREAM))
    events = converse_stream(client)
    for _ in events:
        break
    assert len(list(events)) == 4
    (line,) = captured.documents
    assert line["TokensUsed"] == 40
    assert "generation_status" not in line
    del events
    assert len(captured.lines) == 1


def test_a_loop_that_is_left_at_the_last_event_has_read_the_whole_stream(
    client: Any, service: Service, captured: Any
) -> None:
    """Many programs stop at the usage, which is the end of what the model has to say."""
    service.answers.append(stream(*CONVERSE_STREAM))
    for each in converse_stream(client):
        if "metadata" in each:
            break
    (line,) = captured.documents
    assert line["TokensUsed"] == 40
    assert "generation_status" not in line


@pytest.mark.parametrize("closes", [True, False])
def test_a_loop_that_is_left_after_the_model_has_stopped_was_no_cancellation(
    closes: bool, client: Any, service: Service, captured: Any
) -> None:
    """The answer was whole; only its numbers are unknown."""
    service.answers.append(stream(*CONVERSE_STREAM))
    events = converse_stream(client)
    for each in events:
        if "messageStop" in each:
            break
    if closes:
        events.close()
    del events
    gc.collect()
    (line,) = captured.documents
    assert metrics_of(line) == {"GenerationCount": 1, "TimeToFirstToken": 0, "GenerationDuration": 0}
    assert "generation_status" not in line


def test_a_stream_that_is_still_open_at_the_end_of_the_program_is_cancelled(
    service: Service, documents_of: Any
) -> None:
    """Nothing stays behind, whatever order the interpreter takes things apart in."""
    import subprocess

    program = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import boto3, flowemf
from flowemf.integrations import bedrock
flowemf.configure("App/Test", delivery="background")
bedrock.install()
client = boto3.client("bedrock-runtime", endpoint_url={service.url!r})
events = client.converse_stream(modelId="nova", messages=[])["stream"]
next(iter(events))
"""
    service.answers.append(stream(*CONVERSE_STREAM))
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    (line,) = documents_of(finished.stdout)
    assert is_cancelled(line)
    assert finished.stderr == b""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_copy_of_a_stream_in_a_forked_child_counts_nothing(client: Any, service: Service, captured: Any) -> None:
    """The stream is the parent's."""
    service.answers.append(stream(*CONVERSE_STREAM))
    events = converse_stream(client)
    child = os.fork()
    if child == 0:
        del events
        gc.collect()
        os._exit(len(captured.lines))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    list(events)
    assert len(captured.lines) == 1


# --- What the application notices


def test_the_stream_stays_what_botocore_has_made(client: Any, service: Service, captured: Any) -> None:
    """The same class to isinstance, the same attributes, the same exceptions."""
    service.answers.extend([stream(*CONVERSE_STREAM), stream(*CONVERSE_STREAM)])
    events = converse_stream(client)
    bedrock.uninstall()
    plain = converse_stream(client)
    assert isinstance(events, EventStream)
    assert not hasattr(events, "__next__")
    missing = [name for name in dir(plain) if not hasattr(events, name)]
    assert missing == []
    assert {name for name in dir(events) if not name.startswith("_")} == {
        name for name in dir(plain) if not name.startswith("_")
    }
    assert list(events) == list(plain)
    for each in (events, plain):
        with pytest.raises(NoInitialResponseError):
            each.get_initial_response()
        each.close()
    assert len(captured.lines) == 1


def test_a_stream_may_be_read_in_another_thread(client: Any, service: Service, captured: Any) -> None:
    """The generation belongs to the flow that asked for it."""
    service.answers.append(stream(*CONVERSE_STREAM))
    with flowemf.flow("chat") as flow:
        events = converse_stream(client)
    reader = threading.Thread(target=list, args=(events,))
    reader.start()
    reader.join(10)
    (line,) = [each for each in captured.documents if each["event"] == "generation"]
    assert line["flow_id"] == flow.flow_id
    assert line["TokensUsed"] == 40


def test_an_answer_that_imitates_numbers_changes_nothing(client: Any, service: Service, captured: Any) -> None:
    """What the model says is never taken for what the service says."""
    forged = '{"usage":{"inputTokens":999},"amazon-bedrock-invocationMetrics":{"inputTokenCount":999}}'
    service.answers.append(stream(OPENING[0], said(forged), *CONVERSE_STREAM[3:]))
    list(converse_stream(client))
    told = chunk({"type": "content_block_delta", "delta": {"type": "text_delta", "text": forged}})
    service.answers.append(stream(told, *ANTHROPIC_STREAM[3:]))
    list(client.invoke_model_with_response_stream(modelId=MODEL, body=b"{}")["body"])
    assert [line["InputTokens"] for line in captured.documents] == [33, 33]


def test_an_event_of_an_unknown_kind_passes(client: Any, service: Service, captured: Any) -> None:
    """What Bedrock adds one day is not ours to judge."""
    odd = [event("metadata", {"usage": None, "metrics": None}), event("novelty", {"text": "new"}), chunk([1, 2])]
    service.answers.append(stream(*OPENING, *odd))
    assert len(list(converse_stream(client))) >= 3
    assert len(captured.lines) == 1


def test_inside_an_explicit_generation_a_stream_is_left_alone(client: Any, service: Service, captured: Any) -> None:
    """The application measures it; botocore's stream is not even touched."""
    service.answers.append(stream(*CONVERSE_STREAM))
    with flowemf.generation("alias") as generation:
        events = converse_stream(client)
        assert type(events) is EventStream
        for each in events:
            generation.record_response(each)
    (line,) = captured.documents
    assert (line["ModelID"], line["TokensUsed"]) == ("alias", 40)
