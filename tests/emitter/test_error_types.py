"""Which error type a failure is given: by class, code, status, cause, and words of the message as a last resort."""

from __future__ import annotations

import asyncio
import builtins
import http.client
import socket
import ssl
from typing import Any

import botocore.exceptions
import pytest
import urllib3.exceptions

from flowemf._classify import error_type, is_cancellation
from flowemf_schemas import names


def client_error(code: str, status: int = 400) -> botocore.exceptions.ClientError:
    details: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(details, "Converse")


def made(name: str, message: str = "", module: str = "somewhere", **attributes: Any) -> Exception:
    """Make an exception of a class of that name, as a library would have it."""
    error = type(name, (Exception,), {"__module__": module})(message)
    for attribute, value in attributes.items():
        setattr(error, attribute, value)
    return error  # type: ignore[no-any-return]


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


class Answer:
    """A response object with an HTTP status, as httpx and requests have it."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


class Grpc:
    """A gRPC status code: an enumeration member with a name."""

    def __init__(self, name: str) -> None:
        self.name = name


CASES: list[tuple[object, str]] = [
    # --- Python's own
    (TimeoutError(), "Timeout"),
    (asyncio.TimeoutError(), "Timeout"),
    (socket.timeout(), "Timeout"),  # noqa: UP041 - the old name is the point
    (ConnectionResetError(), "Connection"),
    (BrokenPipeError(), "Connection"),
    (ConnectionRefusedError(111, "refused"), "Connection"),
    (socket.gaierror(-2, "Name or service not known"), "Connection"),
    (ssl.SSLError("handshake"), "Connection"),
    (http.client.RemoteDisconnected("gone"), "Connection"),
    (http.client.IncompleteRead(b""), "Connection"),
    (ValueError("bad"), "GenericError"),
    (KeyError("auth"), "GenericError"),
    (PermissionError("a file"), "GenericError"),
    (ZeroDivisionError(), "GenericError"),
    # --- botocore
    (botocore.exceptions.ReadTimeoutError(endpoint_url="u"), "Timeout"),
    (botocore.exceptions.ConnectTimeoutError(endpoint_url="u"), "Timeout"),
    (botocore.exceptions.EndpointConnectionError(endpoint_url="u"), "Connection"),
    (botocore.exceptions.ConnectionClosedError(endpoint_url="u"), "Connection"),
    (botocore.exceptions.NoCredentialsError(), "Authentication"),
    (client_error("ThrottlingException", 429), "Throttling"),
    (client_error("TooManyRequestsException", 429), "Throttling"),
    (client_error("ServiceQuotaExceededException"), "Throttling"),
    (client_error("ModelTimeoutException", 408), "Timeout"),
    (client_error("AccessDeniedException", 403), "Authentication"),
    (client_error("UnrecognizedClientException"), "Authentication"),
    (client_error("ExpiredTokenException"), "Authentication"),
    (client_error("ServiceUnavailableException", 503), "Connection"),
    (client_error("ModelErrorException", 424), "GenericError"),
    (client_error("SomethingNew", 429), "RateLimit"),
    (client_error("SomethingNew", 403), "Authentication"),
    (client_error("ValidationException"), "GenericError"),
    (made("ModelThrottledException", module="strands.types.exceptions"), "Throttling"),
    # --- Clients of model providers, by the names of their classes
    (made("RateLimitError", module="openai", status_code=429), "RateLimit"),
    (made("APITimeoutError", module="anthropic"), "Timeout"),
    (made("APIConnectionError", module="anthropic"), "Connection"),
    (made("AuthenticationError", module="openai", status_code=401), "Authentication"),
    (made("PermissionDeniedError", module="anthropic", status_code=403), "Authentication"),
    (made("APIStatusError", module="anthropic", status_code=529), "Throttling"),
    (made("APIStatusError", module="anthropic", status_code=504), "Timeout"),
    (made("APIStatusError", module="anthropic", status_code=400), "GenericError"),
    (made("HTTPStatusError", module="httpx", response=Answer(429)), "RateLimit"),
    (made("ConnectTimeout", module="httpx"), "Timeout"),
    (made("RemoteProtocolError", module="httpx"), "Connection"),
    (urllib3.exceptions.ReadTimeoutError(None, "u", "m"), "Timeout"),  # type: ignore[arg-type]
    (urllib3.exceptions.NewConnectionError(None, "m"), "Connection"),  # type: ignore[arg-type]
    (made("ResourceExhausted", module="google.api_core.exceptions"), "Throttling"),
    (made("DeadlineExceeded", module="google.api_core.exceptions"), "Timeout"),
    (made("GenkitError", status="RESOURCE_EXHAUSTED"), "Throttling"),
    (made("GenkitError", "DEADLINE_EXCEEDED: too slow"), "Timeout"),
    # --- What lies beneath
    (caused(made("GenkitError", "INTERNAL: it failed"), TimeoutError()), "Timeout"),
    (caused(made("PipelineError"), caused(made("StepError"), client_error("ThrottlingException"))), "Throttling"),
    # --- Names, codes and messages, as spans and logs have them
    (None, "Unknown"),
    ("", "Unknown"),
    (42, "Unknown"),
    ("Timeout", "Timeout"),
    ("builtins.TimeoutError", "Timeout"),
    ("botocore.exceptions.ReadTimeoutError", "Timeout"),
    ("ThrottlingException", "Throttling"),
    ("ThrottlingException: Rate exceeded", "Throttling"),
    ("rate_limit_error", "RateLimit"),
    ("429", "RateLimit"),
    ("401", "Authentication"),
    ("RESOURCE_EXHAUSTED: quota", "Throttling"),
    ("PERMISSION_DENIED", "Authentication"),
    ("context deadline exceeded", "Timeout"),
    ("read timed out", "Timeout"),
    ("Rate-limit reached for this model", "RateLimit"),
    ("Too Many Requests", "RateLimit"),
    ("connection refused", "Connection"),
    ("Access denied for this model", "Authentication"),
    (RuntimeError("request was throttled"), "Throttling"),
    # --- What the original took for something else, because it looked for fragments
    ("failed to generate", "GenericError"),
    ("no author found", "GenericError"),
    ("authored by nobody", "GenericError"),
    (ValueError("failed to generate: no author found"), "GenericError"),
    ("disconnections are listed below", "GenericError"),
    ("the corporate limit", "GenericError"),
]


@pytest.mark.parametrize(("error", "expected"), CASES)
def test_an_error_gets_its_type(error: object, expected: str) -> None:
    """The table of error types holds, for real classes, for classes by name, and for text."""
    assert error_type(error) == expected
    assert expected in names.ERROR_TYPES


def test_a_strangers_exception_cannot_break_the_classification() -> None:
    """Whatever its attributes and its text do, there is a type."""

    class HostileError(Exception):
        response: Any = property(lambda self: 1 / 0)

        def __str__(self) -> str:
            raise RuntimeError("no text either")

    assert error_type(HostileError()) == "GenericError"


def test_a_circle_of_causes_ends() -> None:
    """An exception can be its own cause's cause."""
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert error_type(first) == "GenericError"


def test_every_builtin_exception_has_a_type() -> None:
    """None of Python's own classes is missed or raises."""
    kinds = [each for each in vars(builtins).values() if isinstance(each, type) and issubclass(each, Exception)]
    for kind in kinds:
        try:
            error = kind("message")
        except TypeError:
            continue  # takes more arguments
        assert error_type(error) in names.ERROR_TYPES


def test_stopping_is_told_from_failing() -> None:
    """Cancellation and closing are no errors; a timeout and an interruption are."""
    assert is_cancellation(asyncio.CancelledError())
    assert is_cancellation(GeneratorExit())
    assert not is_cancellation(TimeoutError())
    assert not is_cancellation(KeyboardInterrupt())
