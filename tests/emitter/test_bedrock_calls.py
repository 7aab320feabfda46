"""Calls of Bedrock's models without OpenTelemetry: botocore's real client, a service on 127.0.0.1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.session
import pytest
from bedrock_service import MESSAGES, MODEL, TOKENS, Answer, Service, bedrock_service, converse, failure, slowly
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

import flowemf
from flowemf.integrations import bedrock

ARNS = (
    "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123def456",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0",
    "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/a1b2c3d4e5f6",
    "arn:aws:bedrock:us-west-2:123456789012:custom-model/amazon.nova-lite-v1:0:300k/a1b2c3d4e5f6",
    "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
    "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with bedrock_service() as running:
        yield running


@pytest.fixture(autouse=True)
def _uninstalled() -> Iterator[None]:
    yield
    bedrock.uninstall()


@pytest.fixture(scope="module")
def plain_client(service: Service) -> Any:
    return service.client()


@pytest.fixture
def client(plain_client: Any, captured: Any, clock: Any) -> Any:
    """Give a measured client; `captured` gets the lines, `clock` gives the time."""
    flowemf.configure("App/Test", sink=captured, clock=clock)
    bedrock.install(plain_client)
    return plain_client


def metrics_of(line: dict[str, Any]) -> dict[str, float]:
    """Give the metrics of a line, each once."""
    named = {each["Name"] for directive in line["_aws"]["CloudWatchMetrics"] for each in directive["Metrics"]}
    return {name: line[name] for name in named}


def test_a_converse_call_gives_its_tokens_its_durations_and_nothing_it_said(
    client: Any, service: Service, captured: Any, clock: Any
) -> None:
    """Input tokens include the cache; the service's own latency is a property."""
    service.answers.append(converse(meanwhile=lambda: clock.wait(812.5)))
    answer = client.converse(modelId=MODEL, messages=MESSAGES)
    assert answer["output"]["message"]["content"] == [{"text": "Forty-two"}]
    (line,) = captured.documents
    assert metrics_of(line) == {"GenerationCount": 1, "GenerationDuration": 812.5, **TOKENS}
    assert line["ModelID"] == MODEL
    assert line["server_latency_ms"] == 312
    assert "Forty" not in captured.lines[0].decode()


def test_an_answer_is_the_same_with_and_without_measuring(service: Service) -> None:
    """A guest changes no result."""
    service.answers.extend([converse(), converse()])
    client = service.client()
    plain = client.converse(modelId=MODEL, messages=MESSAGES)
    flowemf.configure("App/Test", sink=lambda line: None)
    bedrock.install(client)
    measured = client.converse(modelId=MODEL, messages=MESSAGES)
    for answer in (plain, measured):
        answer["ResponseMetadata"]["HTTPHeaders"].pop("date")
    assert measured == plain


@pytest.mark.parametrize(
    ("code", "status", "error_type"),
    [
        ("ThrottlingException", 429, "Throttling"),
        ("AccessDeniedException", 403, "Authentication"),
        ("ModelTimeoutException", 408, "Timeout"),
        ("ServiceQuotaExceededException", 400, "Throttling"),
        ("ValidationException", 400, "GenericError"),
        ("ModelErrorException", 424, "GenericError"),
    ],
)
def test_a_refused_call_is_an_error_by_its_code(
    code: str, status: int, error_type: str, client: Any, service: Service, captured: Any
) -> None:
    """The application gets botocore's own exception."""
    service.answers.append(failure(code, status))
    with pytest.raises(ClientError) as raised:
        client.converse(modelId=MODEL, messages=MESSAGES)
    assert raised.value.response["Error"]["Code"] == code
    (line,) = captured.documents
    assert (line["GenerationCount"], line["GenerationError"], line["ErrorType"]) == (1, 1, error_type)
    assert code in line["error_message"]
    assert "TokensUsed" not in line


def test_a_call_that_is_tried_again_is_one_generation(
    service: Service, captured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What botocore repeats counts once, whether it succeeds in the end or gives up."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    flowemf.configure("App/Test", sink=captured)
    client = service.client(retries={"total_max_attempts": 3})
    bedrock.install(client)
    before = len(service.paths)
    throttled = failure("ThrottlingException", 429)
    service.answers.extend([throttled, throttled, converse()])
    client.converse(modelId=MODEL, messages=MESSAGES)
    service.answers.extend([throttled, throttled, throttled])
    with pytest.raises(ClientError):
        client.converse(modelId=MODEL, messages=MESSAGES)
    assert len(service.paths) - before == 6
    assert [line.get("GenerationError") for line in captured.documents] == [None, 1]


def test_failures_on_the_way_have_their_types(service: Service, captured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time-out, a service that is not there, and missing credentials."""
    flowemf.configure("App/Test", sink=captured)
    bedrock.install()
    service.answers.append(converse(meanwhile=slowly(0.6)))
    calls = [service.client(read_timeout=0.2)]
    service.url, there = "http://127.0.0.1:1", service.url
    calls.append(service.client())
    service.url = there
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    calls.append(service.client())
    for client in calls:
        with pytest.raises(BotoCoreError):
            client.converse(modelId=MODEL, messages=MESSAGES)
    assert [line["ErrorType"] for line in captured.documents] == ["Timeout", "Connection", "Authentication"]


def test_a_call_that_botocore_does_not_send_is_no_generation(client: Any, service: Service, captured: Any) -> None:
    """Nothing was asked of any model; the next call is measured as usual."""
    with pytest.raises(ParamValidationError):
        client.converse(modelId=MODEL, messages="how long?")
    assert captured.lines == []
    service.answers.append(converse())
    client.converse(modelId=MODEL, messages=MESSAGES)
    assert len(captured.lines) == 1


@pytest.mark.parametrize("model_id", ARNS)
def test_the_model_is_what_the_caller_asked_for(model_id: str, client: Any, service: Service, captured: Any) -> None:
    """Profiles and ARNs stay as they are given: account and resource are no identifiers of single requests."""
    service.answers.append(converse())
    client.converse(modelId=model_id, messages=MESSAGES)
    assert captured.last["ModelID"] == model_id


def test_other_operations_are_left_alone(client: Any, service: Service, captured: Any) -> None:
    """A guardrail is no model."""
    service.answers.append(
        Answer(json.dumps({"usage": {}, "action": "NONE", "outputs": [], "assessments": []}).encode())
    )
    client.apply_guardrail(
        guardrailIdentifier="g", guardrailVersion="1", source="INPUT", content=[{"text": {"text": "hello"}}]
    )
    assert service.paths[-1].startswith("/guardrail/")
    assert captured.lines == []


def test_a_generation_belongs_to_the_flow_around_it(client: Any, service: Service, captured: Any) -> None:
    """Its line names the flow and carries what is bound."""
    service.answers.append(converse())
    flowemf.bind(tenant="acme")
    with flowemf.flow("chat") as flow:
        client.converse(modelId=MODEL, messages=MESSAGES)
        line = captured.last
    assert (line["flow_id"], line["tenant"]) == (flow.flow_id, "acme")


def test_an_explicit_generation_around_a_call_is_the_only_one(client: Any, service: Service, captured: Any) -> None:
    """Explicit and automatic collection never count the same call twice; the next call is measured again."""
    service.answers.extend([converse(), converse()])
    with flowemf.generation("alias") as generation:
        generation.record_response(client.converse(modelId=MODEL, messages=MESSAGES))
    assert [line["ModelID"] for line in captured.documents] == ["alias"]
    assert captured.last["TokensUsed"] == 40
    client.converse(modelId=MODEL, messages=MESSAGES)
    assert [line["ModelID"] for line in captured.documents] == ["alias", MODEL]


# --- What is measured


def test_a_call_that_fails_inside_an_explicit_generation_is_the_application_s(service: Service, captured: Any) -> None:
    """It has no line of its own, neither where the service refuses nor where there is none."""
    flowemf.configure("App/Test", sink=captured)
    bedrock.install()
    service.url, there = "http://127.0.0.1:1", service.url
    client = service.client()
    service.url = there
    with pytest.raises(BotoCoreError), flowemf.generation("explicit"):
        client.converse(modelId=MODEL, messages=MESSAGES)
    assert [(line["ModelID"], line["ErrorType"]) for line in captured.documents] == [("explicit", "Connection")]


def test_without_an_argument_every_later_client_is_measured(service: Service, captured: Any) -> None:
    """Sessions that exist already included; of other services' clients nothing is touched."""
    flowemf.configure("App/Test", sink=captured)
    session = boto3.Session(region_name="us-east-1")
    earlier = service.client(session)
    bedrock.install()
    clients = [service.client(session), service.client()]
    clients.append(
        botocore.session.get_session().create_client(
            "bedrock-runtime", region_name="us-east-1", endpoint_url=service.url
        )
    )
    boto3.client("cloudwatch", region_name="us-east-1")
    service.answers.extend([converse() for _ in range(4)])
    for client in [earlier, *clients]:
        client.converse(modelId=MODEL, messages=MESSAGES)
    assert len(captured.lines) == 3


@pytest.mark.parametrize("kind", [boto3.Session, botocore.session.Session])
def test_a_session_is_measured_by_itself(kind: Any, service: Service, captured: Any) -> None:
    """Clients that it makes are; those of other sessions are not."""
    flowemf.configure("App/Test", sink=captured)
    session = kind()
    bedrock.install(session)
    make = session.client if kind is boto3.Session else session.create_client
    client = make("bedrock-runtime", region_name="us-east-1", endpoint_url=service.url)
    service.answers.extend([converse(), converse()])
    for each in (client, service.client()):
        each.converse(modelId=MODEL, messages=MESSAGES)
    assert len(captured.lines) == 1


def test_installing_again_counts_nothing_twice_and_uninstalling_ends_it(service: Service, captured: Any) -> None:
    """Session, client and everything at once, each twice; afterwards nothing, and then one client alone."""
    flowemf.configure("App/Test", sink=captured)
    session = boto3.Session(region_name="us-east-1")
    for _ in range(2):
        bedrock.install()
        bedrock.install(session)
        client = service.client(session)
        bedrock.install(client)
    service.answers.extend([converse() for _ in range(5)])
    client.converse(modelId=MODEL, messages=MESSAGES)
    assert len(captured.lines) == 1
    bedrock.uninstall()
    for each in (client, service.client(session)):
        each.converse(modelId=MODEL, messages=MESSAGES)
    assert len(captured.lines) == 1
    other = service.client()
    bedrock.install(other)
    for each in (client, other):
        each.converse(modelId=MODEL, messages=MESSAGES)
    assert len(captured.lines) == 2
    bedrock.uninstall()
    bedrock.uninstall()


def test_what_cannot_be_measured_is_refused_with_the_remedy() -> None:
    """The message names the value and what to pass instead."""
    with pytest.raises(
        flowemf.ConfigurationError, match=r"session_or_client cannot be measured: .*SQS.*bedrock-runtime"
    ):
        bedrock.install(boto3.client("sqs", region_name="us-east-1"))
    with pytest.raises(flowemf.ConfigurationError, match="pass a boto3 session"):
        bedrock.install("bedrock-runtime")


# --- A guest


def test_before_configure_calls_are_counted_and_nothing_is_written(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with every other call of ours."""
    client = service.client()
    bedrock.install(client)
    service.answers.append(converse())
    client.converse(modelId=MODEL, messages=MESSAGES)
    assert flowemf.stats() == {"lines_written": 0, "not_configured": 1}
    assert capsys.readouterr().out == ""


class _BrokenClock:
    def wall_ms(self) -> int:
        return 1_700_000_000_000

    def monotonic_ms(self) -> float:
        raise RuntimeError("no battery")


def _broken_sink(line: bytes) -> None:
    raise OSError("no disk")


@pytest.mark.parametrize("broken", [{"clock": _BrokenClock()}, {"sink": _broken_sink}])
def test_trouble_of_ours_never_reaches_the_application(broken: Any, service: Service) -> None:
    """It is counted; the answer arrives."""
    flowemf.configure(**{"namespace": "App/Test", "sink": lambda line: None, **broken})
    client = service.client()
    bedrock.install(client)
    service.answers.append(converse())
    assert client.converse(modelId=MODEL, messages=MESSAGES)["usage"]["inputTokens"] == 11
    assert len(flowemf.stats()) == 2


@pytest.mark.parametrize("content", [b"{}", b'{"metrics": null, "usage": null}', b'{"usage": {"inputTokens": -1}}'])
def test_an_answer_of_an_unknown_kind_is_counted(content: bytes, client: Any, service: Service, captured: Any) -> None:
    """A gateway that answers Converse with less than Bedrock does."""
    service.answers.append(Answer(content))
    client.converse(modelId=MODEL, messages=MESSAGES)
    assert set(metrics_of(captured.last)) == {"GenerationCount", "GenerationDuration"}
    assert flowemf.stats() == {"lines_written": 1, "usage_not_found": 1}


def test_without_botocore_the_error_names_the_package(run_python: Any) -> None:
    """Nobody has to guess what to install."""
    program = """
import sys
sys.modules["botocore"] = None
try:
    import flowemf.integrations.bedrock
except ImportError as error:
    print(error)
"""
    assert run_python(program).stdout.decode() == (
        "flowemf.integrations.bedrock needs botocore, which is not installed: pip install boto3\n"
    )
