"""PutMetricData over real HTTP: one attempt a batch, and what is known of it afterwards."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from pathlib import Path

import botocore
import pytest
from cloudwatch_server import Answer, CloudWatchServer
from metric_lines import document, event

from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.errors import ConfigurationError
from flowemf_processor.model import Batch, Outcome, State
from flowemf_processor.sinks import aws
from flowemf_processor.sinks.metrics import MetricsSink, connect
from flowemf_schemas import limits


def batch_of(*values: float) -> Batch:
    """Plan a batch."""
    aggregator = Aggregator()
    for value in values:
        aggregator.add(event(document({"Latency": value}, dimensions={"Team": "AI"})))
    [batch] = plan(aggregator.close())
    return batch


BATCH = batch_of(1, 2.5, 1e-300, 2**360)

ANSWERS: dict[str, tuple[Answer, State, str, bool]] = {
    "200": (Answer(), State.ACCEPTED, "", False),
    "200 with nothing": (Answer(body=b""), State.ACCEPTED, "", False),
    "throttled": (Answer(400, "Throttling"), State.PENDING, "throttled", False),
    "throttled too": (Answer(400, "ThrottlingException", query_compatible=False), State.PENDING, "throttled", False),
    "429": (Answer(429, "Whatever"), State.PENDING, "throttled", False),
    "503 slow down": (Answer(503, "RequestLimitExceeded"), State.PENDING, "throttled", False),
    "500": (Answer(500, "InternalFailure"), State.AMBIGUOUS, "http-500", False),
    "503": (Answer(503, "ServiceUnavailable"), State.AMBIGUOUS, "http-503", False),
    "502 of a proxy": (Answer(502, body=b"<html>Bad gateway"), State.AMBIGUOUS, "http-502", False),
    "408": (Answer(408, "RequestTimeoutException"), State.AMBIGUOUS, "http-408", False),
    "aborted": (Answer(400, "RequestAbortedException"), State.AMBIGUOUS, "http-400", False),
    "hang up": (Answer(0), State.AMBIGUOUS, "no-answer", False),
    "invalid": (Answer(400, "InvalidParameterValue"), State.REFUSED, "InvalidParameterValue", False),
    "too large": (Answer(413, "RequestEntityTooLarge"), State.REFUSED, "RequestEntityTooLarge", False),
    "access denied": (Answer(400, "AccessDenied"), State.PENDING, "access-denied", True),
    "403": (Answer(403, "Forbidden"), State.PENDING, "access-denied", True),
    "expired": (Answer(400, "ExpiredTokenException", query_compatible=False), State.PENDING, "access-denied", True),
    "bad signature": (Answer(400, "InvalidSignatureException"), State.PENDING, "access-denied", True),
    "404": (Answer(404, body=b"not found"), State.PENDING, "wrong-endpoint", True),
    "unknown operation": (Answer(400, "UnknownOperationException"), State.PENDING, "wrong-endpoint", True),
    "moved": (Answer(301, body=b""), State.PENDING, "wrong-endpoint", True),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "state", "reason", "by_configuration"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_is_sorted_by_what_is_known_after_it(
    server: CloudWatchServer, sink: MetricsSink, answer: Answer, state: State, reason: str, by_configuration: bool
) -> None:
    """Taken, refused for good, certainly not taken, or nobody knows; after exactly one request."""
    server.answers = [answer]
    outcome = sink.send(BATCH)
    assert (outcome.state, outcome.reason, outcome.by_configuration) == (state, reason, by_configuration)
    assert server.requests == [BATCH.request]
    if state is not State.ACCEPTED:
        assert outcome.message


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
@pytest.mark.parametrize("answer", [Answer(400, "Throttling"), Answer(503, "ServiceUnavailable"), Answer(0)])
def test_the_sdk_never_sends_a_request_again(
    server: CloudWatchServer, monkeypatch: pytest.MonkeyPatch, mode: str, answer: Answer
) -> None:
    """However it is told to retry: its own retries would count a slow success twice."""
    monkeypatch.setenv("AWS_RETRY_MODE", mode)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    server.answers = [answer]
    connect(endpoint_url=server.endpoint_url).send(BATCH)
    assert len(server.requests) == 1


def test_a_slow_answer_leaves_open_whether_the_request_was_taken(
    server: CloudWatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been counted; it is not sent again by itself."""
    monkeypatch.setattr(aws, "READ_TIMEOUT_SECONDS", 0.2)
    server.answers = [Answer(after_seconds=0.6)]
    outcome = connect(endpoint_url=server.endpoint_url).send(BATCH)
    assert (outcome.state, outcome.reason, len(server.requests)) == (State.AMBIGUOUS, "no-answer", 1)


def test_where_nobody_listens_nothing_was_sent() -> None:
    """The batch is certainly pending, and the message names the endpoint."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        outcome = connect(endpoint_url=endpoint).send(BATCH)
    assert (outcome.state, outcome.reason) == (State.PENDING, "unreachable")
    assert endpoint in outcome.message


def test_a_server_without_tls_was_sent_nothing(server: CloudWatchServer) -> None:
    """The handshake fails before the request leaves."""
    outcome = connect(endpoint_url=server.endpoint_url.replace("http:", "https:")).send(BATCH)
    assert (outcome.state, outcome.reason) == (State.PENDING, "unreachable")


def test_a_server_that_hangs_up_at_once_may_have_read_the_request() -> None:
    """Nobody can know how much of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(10)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        outcome = connect(endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}").send(BATCH)
        thread.join()
    assert (outcome.state, outcome.reason) == (State.AMBIGUOUS, "no-answer")


def test_what_arrives_is_what_was_planned_to_the_last_bit(server: CloudWatchServer, sink: MetricsSink) -> None:
    """Values, counts and times survive the SDK; the size that was planned with is the size that is sent."""
    values = [0.1, -0.0, 1 / 3, 5e-324, 2.0**53 + 2, -(2.0**360), 1e22]
    batch = batch_of(*values)
    assert sink.send(batch) == Outcome(State.ACCEPTED)
    assert server.requests == [batch.request]
    assert server.body_bytes == [len(batch.body)]


def test_the_largest_request_arrives_whole(server: CloudWatchServer, sink: MetricsSink) -> None:
    """1,000 datums of nearly a megabyte, compressed; the server holds it to the request schema."""
    aggregator = Aggregator()
    for number in range(1000):
        metric = f"m{number:03}"
        aggregator.add(event(document({metric: [1, 2, 3]}, dimensions={"Team": f"{number:0800}"})))
    batches = list(plan(aggregator.close()))
    assert [len(batch.request["MetricData"]) for batch in batches] == [1000]
    assert all(sink.send(batch) == Outcome(State.ACCEPTED) for batch in batches)
    assert 900_000 < server.body_bytes[0] <= limits.REQUEST_BYTES


def test_one_connection_serves_many_batches(server: CloudWatchServer, sink: MetricsSink) -> None:
    """After an error, too."""
    server.answers = [Answer(), Answer(500, "InternalFailure"), Answer(0), Answer()]
    states = [sink.send(BATCH).state for _ in range(5)]
    assert states == [State.ACCEPTED, State.AMBIGUOUS, State.AMBIGUOUS, State.ACCEPTED, State.ACCEPTED]


def test_another_protocol_of_the_sdk_carries_the_same_request(
    server: CloudWatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should botocore speak CBOR to CloudWatch one day, it writes the body itself, and the same arrives."""
    shipped = Path(botocore.__file__).parent / "data/cloudwatch/2010-08-01/service-2.json.gz"
    model = json.loads(gzip.decompress(shipped.read_bytes()))
    model["metadata"] |= {"protocol": "smithy-rpc-v2-cbor", "protocols": ["smithy-rpc-v2-cbor"]}
    changed = tmp_path / "cloudwatch" / "2010-08-01" / "service-2.json"
    changed.parent.mkdir(parents=True)
    changed.write_text(json.dumps(model))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    server.answers = [Answer(body=b"\xa0", content_type="application/cbor")]
    assert connect(endpoint_url=server.endpoint_url).send(BATCH) == Outcome(State.ACCEPTED)
    assert server.requests == [BATCH.request]
    assert server.content_types == ["application/cbor"]


# --- The configuration ------------------------------------------------------------------------------------------------


def test_the_destination_tells_regions_and_endpoints_apart() -> None:
    """A checkpoint for one of them says nothing about another."""
    destinations = {
        connect(region="us-east-1").destination,
        connect(region="eu-west-1").destination,
        connect(region="us-east-1", endpoint_url="http://127.0.0.1:1").destination,
    }
    assert len(destinations) == 3


@pytest.mark.parametrize(
    ("variables", "arguments", "message"),
    [
        ({"AWS_DEFAULT_REGION": None}, {}, "no AWS Region is configured"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, {}, "no AWS credentials were found"),
        ({"AWS_SECRET_ACCESS_KEY": None}, {}, "cannot be used"),
        ({"AWS_PROFILE": "nobody"}, {}, "cannot be used"),
        ({}, {"endpoint_url": "no url"}, "cannot be used"),
        ({}, {"region": "not a region!"}, "cannot be used"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str | None], arguments: dict[str, str], message: str
) -> None:
    """The message says what to set."""
    for name, value in variables.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=message):
        connect(**arguments)
