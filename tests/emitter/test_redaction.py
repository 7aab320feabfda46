"""What never leaves the process: secrets and personal data, in any string."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made_secrets import SHAPES, core, made

from flowemf._redaction.redactor import clean_text, redact, secret_in
from flowemf._redaction.secret_shapes import _harmless

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
    ("redis://:hunter2@cache:6379/0", "credential"),
    ("https://user:p@ss@example.com/", "credential"),
    ("aws_secret_access_key = abcdefgh", "credential"),
    ("{'password': 'two words'}", "credential"),
    ('{\\"api_key\\": \\"abcdef\\"}', "credential"),
    ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "bearer-token"),
    ("authorization=abcdefgh", "credential"),
    ("X-Amz-Signature=0123456789abcdef", "credential"),
    ("GET /?token=abcdefghijklmnop1 HTTP/1.1", "credential"),
    ("AccountKey=abcdefgh;", "credential"),
    ("https://hooks.slack.com/services/T00000000/B00000000/abcdefghijkl", "token"),
    ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nabc\n-----END PGP PRIVATE KEY BLOCK-----", "private-key"),
]
PERSONAL = [
    ("ada.lovelace+test@example.co.uk", "email"),
    ("4111 1111 1111 1111", "card"),
    ("5500-0000-0000-0004", "card"),
    ("378282246310005", "card"),
    ("2223003122003222", "card"),
    ("6011111111111117", "card"),
    ("4111 1111 1111 1111 123", "card"),
    ("1234 4111 1111 1111 1111", "card"),
    ("3 4111111111111111", "card"),
    ("ada%40example.com", "email"),
    ("j\u00f6rg@b\u00fccher.example", "email"),
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
    "the bearer of this message",
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "meta-llama/Llama-3.1-8B-Instruct",
    "claude-3-5-sonnet-v2@20241022",
    "ft:gpt-4o-mini-2024-07-18:acme:support:7p4lURel",
    "react@18.2.0",
    "root@localhost",
    "ssh://host:22/path",
    "http://localhost:8080/a@b",
    "max_tokens: 4096, key_count=12, secrets",
    '{"password": null, "token": ""}',
    "self_hf_model_name_that_is_long",
    "ProvisionedThroughputExceededExceptionA1",
    "/usr/local/lib/python311/site/packages/abc",
    "0.4111111111111111",
    "4111111111111111.5",
    "41111111111111111111111",
    "20241022153045123456",
    "eyJustAWordThatBeginsLikeThat",
    "pk_live_is_public",
]


@pytest.mark.parametrize(("text", "kind"), SECRETS + PERSONAL)
def test_what_looks_like_a_secret_is_replaced_by_a_mark(text: str, kind: str) -> None:
    """Nothing of it stays, and the words around it do."""
    cleaned = redact(f"calling with {text} failed")
    assert f"[redacted:{kind}]" in cleaned
    assert text not in cleaned
    assert redact(cleaned) == cleaned
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


GLUE_BEFORE = st.sampled_from(
    [
        "",
        " ",
        "'",
        '"',
        "(",
        "=",
        "x=",
        "key: ",
        ",",
        "\n",
        "\\n",
        "\\u003d",
        "%3D",
        "\u00e9 ",
        '{"a":"',
        "<",
        "->",
        "\t",
    ]
)
GLUE_AFTER = st.sampled_from(
    ["", " ", ".", ",", "'", '"', ")", "\n", "\\n", "&x=1", "]", "}", "\u00e9", ";", " 123", " and more", "...", "\r\n"]
)
PROSE = st.text(alphabet=st.characters(exclude_characters="@:=%/+-_\\\"'"), max_size=60)


@settings(max_examples=300)
@given(
    shape=st.sampled_from(sorted(SHAPES)),
    seed=st.integers(0, 500),
    begin=PROSE,
    before=GLUE_BEFORE,
    after=GLUE_AFTER,
    end=PROSE,
)
def test_a_secret_is_found_wherever_it_stands(
    shape: str, seed: int, begin: str, before: str, after: str, end: str
) -> None:
    """Of every shape, in prose, in quotes, after an escape of JSON or of a URL, at either end."""
    secret = made(shape, seed)
    text = f"{begin} {before}{secret}{after} {end}"
    cleaned = redact(text)
    assert core(shape, secret) not in cleaned
    assert core(shape, secret)[-12:] not in cleaned
    assert f"[redacted:{SHAPES[shape][0]}]" in cleaned or "[redacted:credential]" in cleaned
    assert redact(cleaned) == cleaned


WORDS = st.sampled_from([*HARMLESS, "the", "model", "answered", "in 1.5 s", "200 OK", "user_id", "caf\u00e9", "(x)"])


@settings(max_examples=200)
@given(st.lists(WORDS, max_size=12))
def test_a_text_without_secrets_is_unchanged(words: list[str]) -> None:
    """Whatever stands beside what in it."""
    text = " ; ".join(words)
    assert redact(text) == text


@settings(max_examples=200)
@given(st.lists(st.one_of(st.text(max_size=20), st.sampled_from([text for text, _ in SECRETS + PERSONAL])), max_size=6))
@example(["password=", "[redacted:email]"])
@example(["authorization: ", "bearer ", "[redacted:jwt]"])
@example(["ada@example.com", "1", "ada@example.com"])
def test_redacting_twice_is_redacting_once(parts: list[str]) -> None:
    """A mark is no secret, and joins with nothing around it to become one."""
    once = redact("".join(parts))
    assert redact(once) == once


@given(st.text(max_size=300))
def test_cleaned_text_stays_within_its_length_and_its_line(text: str) -> None:
    """Any text can be cleaned, and what comes out can be encoded."""
    cleaned = clean_text(text, 64)
    assert len(cleaned) <= 64
    assert len(cleaned.splitlines()) <= 1
    cleaned.encode("utf-8")


def test_the_check_digit_tells_a_card_from_another_number() -> None:
    """Of the ten last digits exactly one is right."""
    assert [digit for digit in "0123456789" if redact(f"411111111111111{digit}") == "[redacted:card]"] == ["1"]
    assert redact("9999999999999995") == "9999999999999995"  # right, but no issuer's


# What begins like a secret, again and again, and never is one: patterns that start over take quadratic time on it.
NEAR_MISSES = [
    *("eyJ-", "eyJaaaaaaaaaaaaaaaa ", "sk-", "sk-sk_", "sk-aaaaaaaaaaaaaaa ", "AKIA", "IQoJaaaa", "xoxb-", "gh_"),
    *("bearer ", "Bearer aaaaaaa ", "password", "password: ", "secret = ", "token:", "authorization: bearer "),
    *("-----BEGIN PRIVATE", "-----BEGIN A", "-----BEGIN PRIVATE KEY-----a-----END ", "://", "://a:", "http://a:b"),
    *("a@", "@a.", "a@a.", "a.b.c@", "a%40", f"{'a' * 39} ", "aB3", "4", "4444 ", "4111111111111112 ", "1 "),
    *(" ", "=", '"', "\\n", "%41", 'password="', "\u00e9", "x-amz-signature="),
]


@pytest.mark.parametrize("unit", NEAR_MISSES)
def test_the_time_grows_no_faster_than_the_text(unit: str) -> None:
    """100,000 characters of near misses take less than a second; quadratic time would be minutes."""
    text = unit * (100_000 // len(unit))
    started = time.perf_counter()
    redact(text)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("unit", NEAR_MISSES)
def test_a_huge_text_costs_no_more_than_a_long_one(unit: str) -> None:
    """It is cut before it is searched: a property of 50 MB does not stop the program."""
    text = unit * (50_000_000 // len(unit))
    started = time.perf_counter()
    assert len(clean_text(text, 1024)) <= 1024
    assert time.perf_counter() - started < 2


def test_what_is_remembered_as_harmless_is_bounded() -> None:
    """Values that come again are looked up; a program that keeps inventing them stays within its memory."""
    for number in range(5000):
        redact(f"a harmless value {number}")
    redact("x" * 5000)
    assert len(_harmless) <= 1024
    assert all(len(text) <= 128 for text in _harmless)


def test_ordinary_values_need_no_regular_expressions(run_python: Any) -> None:
    """The module `re` takes milliseconds to import; names, models and identifiers are judged without it."""
    program = (
        "import sys, os, flowemf\n"
        "monitor = flowemf.Monitor('App', sink=os.devnull, custom_dimensions={'Team': 'customer-support-team'})\n"
        "monitor.bind(request_id='3fa85f64-5717-4562-b3fc-2c963f66afa6', tenant='acme')\n"
        "monitor.on_flow_end('summarizeTheIncident', 12)\n"
        "monitor.on_generate('anthropic.claude-3-5-sonnet-20241022-v2:0', duration_ms=3, error='it did not work')\n"
        "print('re' in sys.modules)"
    )
    assert run_python(program).stdout.strip() == b"False"
