"""What never leaves the process: secrets and personal data, in any string."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowemf import Monitor
from flowemf._redact import clean_text, redact, secret_in

# Put together here, so that no scanner takes this file for a leak.
KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN = "IQoJ" + "b3JpZ2luX2VjE" * 12
JWT_PARTS = ({"alg": "HS256"}, {"sub": "1234567890"})
JWT = (
    ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in JWT_PARTS) + ".a_B-1"
)
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----"

SECRETS = [
    (KEY_ID, "aws-access-key"),
    ("ASIA" + "IOSFODNN7EXAMPLE", "aws-access-key"),
    (SECRET_KEY, "aws-secret-key"),
    (SESSION_TOKEN, "aws-session-token"),
    ("Bearer abcdef0123456789abcdef", "bearer-token"),
    (JWT, "jwt"),
    ("sk-" + "proj-abcDEF0123456789abcDEF", "api-key"),
    ("sk-" + "ant-api03-abcDEF0123456789_abc-DEF", "api-key"),
    ("gsk_" + "abcDEF0123456789abcDEF", "api-key"),
    ("AIza" + "SyA-0123456789abcdefghijklmnopqrstu", "api-key"),
    ("hf_" + "abcdefghijklmnopqrstuv", "api-key"),
    ("ABSK" + "QmVkcm9ja0FQSUtleS1hYmM=", "api-key"),
    ("ghp_" + "0123456789abcdefghijklmnopqrstuvwxyz", "token"),
    ("xoxb-" + "123456789012-abcdefghij", "token"),
    (PEM, "private-key"),
    (PEM.partition("-----END")[0], "private-key"),
    ("password=hunter2hunter2", "credential"),
    ('"api_key": "0123456789"', "credential"),
    ("postgres://admin:hunter2@db/app", "credential"),
]
PERSONAL = [
    ("ada.lovelace+test@example.co.uk", "email"),
    ("4111 1111 1111 1111", "card"),
    ("5500-0000-0000-0004", "card"),
    ("378282246310005", "card"),
]
HARMLESS = [
    "0123456789abcdef0123456789abcdef01234567",  # a git commit: forty hexadecimal digits
    "4111 1111 1111 1112",  # the check digit is wrong
    "1700000000000",  # milliseconds since the epoch
    "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/abc",
    "risk-management-and-something-long",
    "task-0123456789-of-the-day",
    "the token count is 4096",
    "550e8400-e29b-41d4-a716-446655440000",
    "a @ b",
    "2024-05-06T07:08:09.123456Z",
    "Basic authentication failed",
]


@pytest.mark.parametrize(("text", "kind"), SECRETS + PERSONAL)
def test_what_looks_like_a_secret_is_replaced_by_a_mark(text: str, kind: str) -> None:
    """Nothing of it stays, and the words around it do."""
    cleaned = redact(f"calling with {text} failed")
    assert f"[redacted:{kind}]" in cleaned
    assert text not in cleaned
    assert cleaned.startswith("calling with ")
    assert cleaned.endswith(" failed") or "PRIVATE" in text


@pytest.mark.parametrize(("text", "kind"), SECRETS)
def test_a_secret_is_recognised_by_itself(text: str, kind: str) -> None:
    """Custom dimensions are asked this at `configure`."""
    assert secret_in(text) is not None


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    """Model identifiers, commits, timestamps and ordinary words are what people look for in a log."""
    assert redact(text) == text
    assert secret_in(text) is None


def test_personal_data_is_no_secret_where_an_operator_chose_it() -> None:
    """A team's address is a legitimate custom dimension."""
    assert secret_in("team-ai@company.com") is None


def test_a_message_is_one_line_of_bounded_length() -> None:
    """Newlines and control characters become spaces; a long text is cut and says so."""
    assert clean_text("two\r\nlines\x00\x1b[31m\u2028end", 100) == "two  lines  [31m end"
    assert clean_text("x" * 1025, 1024) == "x" * 1021 + "..."
    assert clean_text("x" * 1024, 1024) == "x" * 1024


def test_half_a_secret_at_the_cut_does_not_stay() -> None:
    """A text is cut before it is searched; the word at the cut goes with it."""
    text = f"{'4111 1111 1111 1111 ' * 204}and {SESSION_TOKEN}"
    assert "IQoJ" not in clean_text(text, 1024)


@given(before=st.text(max_size=50), after=st.text(max_size=50), secret=st.sampled_from(SECRETS))
def test_a_secret_is_found_wherever_it_stands(before: str, after: str, secret: tuple[str, str]) -> None:
    """White space around it is enough, whatever else the text holds."""
    assert secret[0] not in redact(f"{before} {secret[0]} {after}")


@given(st.text(max_size=300))
def test_cleaned_text_stays_within_its_length_and_its_line(text: str) -> None:
    """Any text can be cleaned, and what comes out can be encoded."""
    cleaned = clean_text(text, 64)
    assert len(cleaned) <= 64
    assert len(cleaned.splitlines()) <= 1
    cleaned.encode("utf-8")


def test_secrets_leave_neither_in_messages_nor_in_properties_nor_in_dimensions(
    monitor: Monitor, captured: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever a string goes into a line, it is cleaned; a changed dimension is counted."""
    monitor.bind(authorization=f"Bearer {JWT}", nested={"deep": [f"key {KEY_ID}"]})
    monitor.on_flow_error(f"flow {KEY_ID}", 1, ValueError(f"mail ada@example.com with {SECRET_KEY}\nnew line"))
    line = captured.lines[-1].decode()
    assert not any(secret in line for secret in (JWT, KEY_ID, SECRET_KEY, "ada@"))
    assert captured.last["FlowName"] == "flow [redacted:aws-access-key]"
    assert captured.last["error_message"] == (
        "ValueError: mail [redacted:email] with [redacted:aws-secret-key] new line"
    )
    assert captured.last["nested"] == {"deep": ["key [redacted:aws-access-key]"]}
    assert monitor.stats()["dimension_redacted"] == 1
    assert KEY_ID not in capsys.readouterr().err
