"""Identifiers in dimension values: refused where they come with each call, since each would be a metric to pay for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowemf import Monitor
from flowemf._redaction.redactor import IDENTIFIER_MARK as MARK
from flowemf._redaction.redactor import without_identifiers

ACCOUNT = "arn:aws:bedrock:us-east-1:123456789012"
REFUSED = [
    ("3fa85f64-5717-4562-b3fc-2c963f66afa6", MARK),
    ("3FA85F64-5717-4562-B3FC-2C963F66AFA6", MARK),
    ("3fa85f6457174562b3fc2c963f66afa6", MARK),
    ("{3fa85f64-5717-4562-b3fc-2c963f66afa6}", f"{{{MARK}}}"),
    ("chat-3fa85f64-5717-4562-b3fc-2c963f66afa6", f"chat-{MARK}"),
    ("user3fa85f64-5717-4562-b3fc-2c963f66afa6/step 2", f"user{MARK}/step 2"),
    ("order_3fa85f64_5717_4562_b3fc_2c963f66afa6", f"order_{MARK}"),
    ("507f1f77bcf86cd799439011", MARK),  # an object identifier of MongoDB
    ("user507f1f77bcf86cd799439011", f"user{MARK}"),
    ("53995c3f42cd8ad8", MARK),  # a span
    ("1-5759e988-bd862e3fe1be46a994272793", f"1-5759e988-{MARK}"),  # a trace of X-Ray
    ("0123456789abcdef0123456789abcdef01234567", MARK),  # a whole commit
    ("0x00000000deadbeef", MARK),
    ("1732377600123", MARK),  # milliseconds
    ("job 1732377600123456789", f"job {MARK}"),
    ("01ARZ3NDEKTSV4RRFFQ69G5FAV", MARK),
    ("user_01h455vb4pex5vsknk084sn02q", f"user_{MARK}"),
    (f"{ACCOUNT}:async-invoke/3fa85f64-5717-4562-b3fc-2c963f66afa6", f"{ACCOUNT}:async-invoke/{MARK}"),
]
PASSING = [
    *(
        "chatFlow",
        "chat",
        "summarize the incident",
        "Agent.run",
        "flow-2",
        "v1.2.3",
        "2024-10-22",
        "2024-10-22T07:08:09Z",
    ),
    *("anthropic.claude-3-5-sonnet-20241022-v2:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "gpt-4o-2024-08-06"),
    *("amazon.nova-lite-v1:0", "meta.llama3-1-405b-instruct-v1:0", "cohere.command-r-plus-v1:0", "o3-mini-2025-01-31"),
    *("claude-3-5-sonnet@20241022", "gemini-1.5-pro-002", "mistral-large-2407", "meta-llama/Llama-3.1-8B-Instruct"),
    *("ft:gpt-4o-mini-2024-07-18:acme:support:7p4lURel", "Qwen/Qwen2.5-72B-Instruct-GPTQ-Int4"),
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0",
    "arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/abcdef123456",
    "arn:aws:sagemaker:us-east-1:123456789012:endpoint/jumpstart-dft-hf-llm-20250101-101112",
    *("9fceb02", "9fceb02d0ae5", "123456789012", "1732377600", "deadbeefdeadbeef"[:15], "accede-decade-facade-beefed"),
    *("abcdefabcdefabcdef", "InternationalizationOfEverything", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "caf\u00e9"),
]


@pytest.mark.parametrize(("text", "expected"), REFUSED)
def test_an_identifier_becomes_a_mark_and_what_it_belongs_to_stays(text: str, expected: str) -> None:
    """UUIDs, long hexadecimal and decimal numbers, ULIDs, wherever they stand."""
    assert without_identifiers(text) == expected


@pytest.mark.parametrize("text", PASSING)
def test_names_models_and_short_hashes_pass(text: str) -> None:
    """What has few values is no identifier, dates and account numbers in it or not."""
    assert without_identifiers(text) == text


WAYS: dict[str, tuple[str, Callable[[Monitor, str], None]]] = {
    "flow": ("FlowName", lambda monitor, text: monitor.on_flow_start(text)),
    "model": ("ModelID", lambda monitor, text: monitor.on_generate(text, duration_ms=1)),
    "dimension": ("Kind", lambda monitor, text: monitor.metric("Hits", 1, "Count", {"Kind": text})),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_identifier_given_per_call_is_refused_counted_and_said_once(
    monitor: Monitor, captured: Any, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    """A thousand requests stay one metric."""
    key, write = WAYS[way]
    for _ in range(3):
        write(monitor, f"chat {uuid.uuid4()}")
    assert {document[key] for document in captured.documents} == {f"chat {MARK}"}
    assert monitor.stats() == {"lines_written": 3, "dimension_identifier": 3}
    assert capsys.readouterr().err.count("dimension_identifier") == 1


def test_an_address_in_a_dimension_is_refused_too(monitor: Monitor, captured: Any) -> None:
    """As personal data, before it could be an identifier."""
    monitor.metric("Hits", 1, "Count", {"User": "ada@example.com"})
    assert captured.last["User"] == "[redacted:email]"
    assert monitor.stats() == {"lines_written": 1, "dimension_redacted": 1}


def test_an_identifier_in_a_property_is_what_it_is_there_for(monitor: Monitor, captured: Any) -> None:
    """Properties are searched, not paid for by value."""
    identifier = str(uuid.uuid4())
    monitor.bind(request_id=identifier)
    monitor.on_flow_error("chat", 1, f"no such document: {identifier}")
    assert captured.last["request_id"] == identifier
    assert captured.last["error_message"] == f"no such document: {identifier}"


def test_an_identifier_far_back_in_a_long_value_makes_no_metric_of_its_own(monitor: Monitor, captured: Any) -> None:
    """A long value ends in a hash of the whole, from which the identifier has gone before."""
    for _ in range(2):
        monitor.on_flow_start(f"{'word ' * 300}{uuid.uuid4()}{' word' * 300}")
    first, second = captured.documents
    assert first["FlowName"] == second["FlowName"]
    assert len(first["FlowName"]) == 1024


def test_two_long_values_stay_two(monitor: Monitor, captured: Any) -> None:
    """As long as they differ within what is looked at; a huge one is cut first, and counted."""
    for end in ("a", "b", "a" * 10_000_000):
        monitor.on_flow_start("word " * 300 + end)
    first, second, third = captured.documents
    assert len({document["FlowName"] for document in (first, second, third)}) == 3
    assert monitor.stats()["dimension_shortened"] == 3


@settings(max_examples=100)
@given(st.uuids(), st.text(max_size=30), st.text(max_size=30), st.booleans())
def test_no_uuid_is_left_whatever_surrounds_it(identifier: uuid.UUID, before: str, after: str, dashes: bool) -> None:
    """With its dashes and without, unless hexadecimal digits make another number of it."""
    text = str(identifier) if dashes else identifier.hex
    assert text not in without_identifiers(f"{before}{text}{after}")


def test_a_tilde_hides_no_identifier() -> None:
    """Only the hash that ends a value which was too long is left: sixteen digits, and nothing behind them."""
    number = "3fa85f6457174562b3fc2c963f66afa6"
    assert without_identifiers(f"~{number}") == "~_identifier"
    assert without_identifiers(f"~{number[:16]}/x") == "~_identifier/x"
    assert without_identifiers(f"~{number[:16]}") == f"~{number[:16]}"


@settings(max_examples=200)
@given(st.text(max_size=100))
def test_taking_identifiers_out_twice_is_doing_it_once(text: str) -> None:
    """The mark is no identifier."""
    once = without_identifiers(text)
    assert without_identifiers(once) == once


@pytest.mark.parametrize(
    "unit", ["0", "f", "0x", "a1", "3fa85f64-5717-4562-b3fc-", "01ARZ3NDEKTSV4RRFFQ69G5FA ", "-", "1 "]
)
def test_looking_for_identifiers_takes_linear_time(unit: str) -> None:
    """100,000 characters of near misses."""
    started = time.perf_counter()
    without_identifiers(unit * (100_000 // len(unit)))
    assert time.perf_counter() - started < 1
