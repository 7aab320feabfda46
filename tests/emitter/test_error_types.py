"""Which error type a failure is given: by class, code, status, cause, and words of the message as a last resort."""

from __future__ import annotations

import socket
import sys
from typing import Any

import botocore.exceptions
import botocore.retries.standard
import httpx
import openai
import pytest
from real_errors import (
    AUTHENTICATION,
    CONNECTION,
    GENERIC,
    NOBODY,
    RATE_LIMIT,
    REAL,
    THROTTLING,
    TIMEOUT,
    URL,
    caused,
    client_error,
    grouped,
    meanwhile,
    refused,
)

from flowemf import Monitor
from flowemf._error_types.classifier import error_type
from flowemf_schemas import names

BENEATH: list[tuple[BaseException, str]] = [
    (caused(RuntimeError("it failed"), botocore.exceptions.ReadTimeoutError(endpoint_url=URL)), TIMEOUT),
    (caused(RuntimeError("a"), caused(ValueError("b"), client_error("ThrottlingException"))), THROTTLING),
    (meanwhile(RuntimeError("it failed"), httpx.ReadTimeout("m")), TIMEOUT),
    (caused(KeyError("answer"), httpx.ReadTimeout("m")), TIMEOUT),
    # What an exception says itself goes before what lies beneath it.
    (caused(ConnectionError(), TimeoutError()), CONNECTION),
    (caused(refused(openai.RateLimitError, 429), TimeoutError()), RATE_LIMIT),
    (caused(client_error("ValidationException"), TimeoutError()), GENERIC),
    # A slip while handling a timeout is a slip.
    (meanwhile(AttributeError("no attribute 'request'"), TimeoutError()), GENERIC),
    (meanwhile(KeyError("retry-after"), TimeoutError()), GENERIC),
    # `raise ... from None` hides what was being handled.
    (caused(meanwhile(RuntimeError("m"), TimeoutError()), NOBODY), GENERIC),
]

TEXTS: list[tuple[object, str]] = [
    (None, "Unknown"),
    ("", "Unknown"),
    (" \n", "Unknown"),
    (42, "Unknown"),
    (TimeoutError, TIMEOUT),
    (ValueError, GENERIC),
    ("Timeout", TIMEOUT),
    ("timeout", TIMEOUT),
    ("builtins.TimeoutError", TIMEOUT),
    ("botocore.exceptions.ReadTimeoutError", TIMEOUT),
    ("ThrottlingException", THROTTLING),
    ("ThrottlingException: Rate exceeded", THROTTLING),
    ("An error occurred (ThrottlingException) when calling Converse: Too many requests, please wait", THROTTLING),
    ("overloaded_error", THROTTLING),
    ("rate_limit_error", RATE_LIMIT),
    ("_OTHER", GENERIC),
    ("429", RATE_LIMIT),
    ("401", AUTHENTICATION),
    ("500", GENERIC),
    ("Error code: 429 - {'error': {'message': 'slow down'}}", RATE_LIMIT),
    ("server answered with HTTP 503", CONNECTION),
    ("RESOURCE_EXHAUSTED: quota", THROTTLING),
    ("429 RESOURCE_EXHAUSTED. {'error': {'code': 429}}", THROTTLING),
    ("status = StatusCode.UNAVAILABLE", CONNECTION),
    ("PERMISSION_DENIED", AUTHENTICATION),
    ("context deadline exceeded", TIMEOUT),
    ("the model timed out", TIMEOUT),
    ("Read timeout on endpoint URL", TIMEOUT),
    ("Rate-limit reached for this model", RATE_LIMIT),
    ("Too Many Requests", RATE_LIMIT),
    ("You exceeded your current quota", THROTTLING),
    ("connection refused", CONNECTION),
    ("Access denied for this model", AUTHENTICATION),
    ("Incorrect API key provided", AUTHENTICATION),
    ("Forbidden", AUTHENTICATION),
    (RuntimeError("request was throttled"), THROTTLING),
    (Exception("upstream: ReadTimeout after 30 s"), TIMEOUT),
]

# What the original took for something else, since it looked for parts of words, and what a hurried reader might.
NEGATIVE: list[object] = [
    "failed to generate",
    ValueError("failed to generate: no author found"),
    RuntimeError("no author found"),
    "authored by nobody",
    "the corporate limit",
    "disconnections are listed below",
    "the rate limiter is configured",
    "timeouts: none",
    "timeout must be positive",
    "unknown parameter: timeout",
    "forbidden words in the prompt",
    "the throttle opens",
    "status 4290",
    "429 documents found",
    "4.03 seconds",
    "HTTP 200",
    KeyError("timeout"),
    KeyError("auth"),
    TypeError("connect() got an unexpected keyword argument: request timeout"),
    AssertionError("access denied"),
    PermissionError(13, "Permission denied", "/var/log/app.log"),
    FileNotFoundError("no credentials file"),
    ZeroDivisionError(),
]


def test_more_than_sixty_classes_of_real_libraries_are_tried() -> None:
    """The table below is no table of look-alikes."""
    assert len({type(error) for error, _ in REAL}) >= 60


@pytest.mark.parametrize(("error", "expected"), REAL, ids=[type(error).__name__ for error, _ in REAL])
def test_a_real_exception_gets_its_type(error: BaseException, expected: str) -> None:
    """The table of error types holds for what libraries really raise."""
    assert error_type(error) == expected


@pytest.mark.parametrize(("error", "expected"), BENEATH, ids=repr)
def test_what_lies_beneath_speaks_where_the_outer_exception_says_nothing(error: BaseException, expected: str) -> None:
    """The nearest exception that says something decides."""
    assert error_type(error) == expected


@pytest.mark.parametrize(("text", "expected"), TEXTS, ids=repr)
def test_a_name_a_code_or_a_message_gets_its_type(text: object, expected: str) -> None:
    """Spans and logs have no exception, only what is left of it."""
    assert error_type(text) == expected
    assert expected in names.ERROR_TYPES


@pytest.mark.parametrize("error", NEGATIVE, ids=repr)
def test_parts_of_words_and_mistakes_in_the_program_mean_nothing(error: object) -> None:
    """A wrong type sends people to the wrong place; GenericError sends them to the log."""
    assert error_type(error) == GENERIC


def test_every_code_that_botocore_takes_for_throttling_is_throttling() -> None:
    """The list is botocore's own; when it grows, this test says so."""
    codes = botocore.retries.standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES  # type: ignore[attr-defined]
    assert {code: error_type(client_error(code)) for code in codes} == dict.fromkeys(codes, THROTTLING)


# --- Groups


def test_a_group_has_the_type_of_its_members_if_they_agree() -> None:
    """A task group wraps even a single failure."""
    assert error_type(grouped(TimeoutError())) == TIMEOUT
    assert error_type(grouped(httpx.ReadTimeout("a"), grouped(TimeoutError(), TimeoutError()))) == TIMEOUT
    assert error_type(grouped(TimeoutError(), ConnectionError())) == GENERIC
    assert error_type(grouped(TimeoutError(), ValueError())) == GENERIC
    assert error_type(caused(RuntimeError("m"), grouped(client_error("Throttling")))) == THROTTLING


def test_a_deeply_nested_group_ends() -> None:
    """Somebody's recursion is nobody's crash."""
    group = grouped(TimeoutError())
    for _ in range(50):
        group = grouped(group)
    assert error_type(group) == GENERIC


def test_a_failed_flow_carries_the_type_of_a_real_failure(monitor: Monitor, captured: Any) -> None:
    """From a refused connection to the dimension, with nothing made up in between."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(httpx.ConnectError), monitor.flow("chat"), httpx.Client(trust_env=False) as client:
        client.get(f"http://127.0.0.1:{port}/")
    assert captured.last["ErrorType"] == CONNECTION


def test_classifying_needs_no_library(run_python: Any) -> None:
    """Nothing is imported to look at an error, not even `re`."""
    program = (
        "import sys, flowemf, os\n"
        "monitor = flowemf.Monitor('App', sink=os.devnull)\n"
        "monitor.on_flow_error('chat', 1, ValueError('the deadline exceeded all limits'))\n"
        "print([name for name in ('re', 'asyncio', 'typing', 'json', 'logging') if name in sys.modules])"
    )
    assert run_python(program).stdout.strip() == b"[]", sys.version
