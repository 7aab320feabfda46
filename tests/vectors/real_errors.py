"""Exceptions as libraries really raise them, each with its error type.

Nothing goes in; instances come out, of the libraries' own classes and made the way that the libraries make them.
"""

from __future__ import annotations

import asyncio
import builtins
import concurrent.futures
import http.client
import socket
import ssl
import subprocess
import urllib.error
from email.message import Message
from typing import Any

import aiohttp
import anthropic
import boto3
import botocore.exceptions
import grpc
import grpc.aio
import httpx
import openai
import pytest
import requests
import urllib3.exceptions
from genkit import GenkitError

REQUEST = httpx.Request("POST", "https://api.example.com/v1/messages")
BEDROCK = boto3.client("bedrock-runtime", region_name="us-east-1").exceptions
URL = "https://bedrock-runtime.us-east-1.amazonaws.com"


def client_error(code: str, status: int = 400, message: str = "m") -> botocore.exceptions.ClientError:
    details: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(details, "Converse")


def modeled(code: str, status: int) -> botocore.exceptions.ClientError:
    """Make an exception of the class that a Bedrock client raises for a code."""
    details: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    kind: type[botocore.exceptions.ClientError] = getattr(BEDROCK, code)
    return kind(details, "InvokeModel")


def in_stream(code: str) -> Exception:
    """Make what botocore raises when a stream of events breaks off."""
    details: Any = {"Error": {"Code": code, "Message": "m"}}
    return botocore.exceptions.EventStreamError(details, "ConverseStream")


def refused(kind: Any, status: int, body: object = None) -> Exception:
    """Make what a model provider's client raises for an HTTP status."""
    error: Exception = kind("m", response=httpx.Response(status, request=REQUEST), body=body)
    return error


def raised_by_httpx(status: int) -> httpx.HTTPStatusError:
    with pytest.raises(httpx.HTTPStatusError) as raised:
        httpx.Response(status, request=REQUEST).raise_for_status()
    return raised.value


def raised_by_requests(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    with pytest.raises(requests.HTTPError) as raised:
        response.raise_for_status()
    return raised.value


def raised_by_aiohttp(status: int) -> aiohttp.ClientResponseError:
    info: Any = None
    return aiohttp.ClientResponseError(info, (), status=status, message="m")


def over_grpc(status: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(status, grpc.aio.Metadata(), grpc.aio.Metadata(), details="m")


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def meanwhile(error: BaseException, handled: BaseException) -> BaseException:
    """Give an exception that was raised while another was being handled."""
    error.__context__ = handled
    return error


def grouped(*errors: Exception) -> Exception:
    kind = getattr(builtins, "ExceptionGroup", None)
    if kind is None:
        pytest.skip("exception groups came with Python 3.11")
    group: Exception = kind("several", errors)
    return group


NOBODY: Any = None
TIMEOUT = "Timeout"
CONNECTION = "Connection"
AUTHENTICATION = "Authentication"
THROTTLING = "Throttling"
RATE_LIMIT = "RateLimit"
GENERIC = "GenericError"

# Every one is an instance of a class that a library really raises, made the way the library makes it.
REAL: list[tuple[BaseException, str]] = [
    # --- Python
    (TimeoutError(), TIMEOUT),
    (asyncio.TimeoutError(), TIMEOUT),
    (concurrent.futures.TimeoutError(), TIMEOUT),
    (socket.timeout(), TIMEOUT),  # noqa: UP041 - the old name is the point
    (subprocess.TimeoutExpired("cmd", 3), TIMEOUT),
    (ConnectionResetError(104, "Connection reset by peer"), CONNECTION),
    (ConnectionRefusedError(111, "Connection refused"), CONNECTION),
    (ConnectionAbortedError(), CONNECTION),
    (BrokenPipeError(32, "Broken pipe"), CONNECTION),
    (OSError(113, "No route to host"), CONNECTION),
    (OSError(101, "Network is unreachable"), CONNECTION),
    (socket.gaierror(-2, "Name or service not known"), CONNECTION),
    (ssl.SSLError("handshake failure"), CONNECTION),
    (ssl.SSLCertVerificationError("certificate has expired"), CONNECTION),
    (http.client.RemoteDisconnected("gone"), CONNECTION),
    (http.client.IncompleteRead(b""), CONNECTION),
    (urllib.error.URLError(TimeoutError("timed out")), TIMEOUT),
    (urllib.error.URLError(ConnectionRefusedError()), CONNECTION),
    (urllib.error.HTTPError(URL, 429, "Too Many", Message(), None), RATE_LIMIT),
    # --- botocore's own
    (botocore.exceptions.ReadTimeoutError(endpoint_url=URL), TIMEOUT),
    (botocore.exceptions.ConnectTimeoutError(endpoint_url=URL), TIMEOUT),
    (botocore.exceptions.EndpointConnectionError(endpoint_url=URL), CONNECTION),
    (botocore.exceptions.ConnectionClosedError(endpoint_url=URL), CONNECTION),
    (botocore.exceptions.HTTPClientError(error="broken"), CONNECTION),
    (botocore.exceptions.ResponseStreamingError(error="broken"), CONNECTION),
    (botocore.exceptions.ProxyConnectionError(proxy_url="http://proxy"), CONNECTION),
    (botocore.exceptions.SSLError(endpoint_url=URL, error="bad"), CONNECTION),
    (botocore.exceptions.NoCredentialsError(), AUTHENTICATION),
    (botocore.exceptions.PartialCredentialsError(provider="env", cred_var="x"), AUTHENTICATION),
    (botocore.exceptions.CredentialRetrievalError(provider="sso", error_msg="x"), AUTHENTICATION),
    (botocore.exceptions.TokenRetrievalError(provider="sso", error_msg="x"), AUTHENTICATION),
    (botocore.exceptions.UnauthorizedSSOTokenError(), AUTHENTICATION),
    (botocore.exceptions.NoAuthTokenError(), AUTHENTICATION),
    (botocore.exceptions.ParamValidationError(report='Unknown parameter "timeout error"'), GENERIC),
    (botocore.exceptions.NoRegionError(), GENERIC),
    # --- botocore, by code and HTTP status
    (client_error("ThrottlingException", 429), THROTTLING),
    (client_error("TooManyRequestsException", 429), THROTTLING),
    (client_error("ThrottlingException", 400, "Too many requests"), THROTTLING),
    (client_error("SlowDown", 503), THROTTLING),
    (client_error("com.amazonaws.bedrock#ThrottlingException", 429), THROTTLING),
    (client_error("ServiceQuotaExceededException"), THROTTLING),
    (client_error("AccessDenied", 403), AUTHENTICATION),
    (client_error("AccessDeniedForSomethingNew", 400), AUTHENTICATION),
    (client_error("UnrecognizedClientException"), AUTHENTICATION),
    (client_error("ExpiredToken"), AUTHENTICATION),
    (client_error("InvalidSignatureException"), AUTHENTICATION),
    (client_error("RequestTimeout"), TIMEOUT),
    (client_error("SomethingNew", 429), RATE_LIMIT),
    (client_error("SomethingNew", 401), AUTHENTICATION),
    (client_error("SomethingNew", 403), AUTHENTICATION),
    (client_error("SomethingNew", 408), TIMEOUT),
    (client_error("SomethingNew", 502), CONNECTION),
    (client_error("SomethingNew", 503), CONNECTION),
    (client_error("SomethingNew", 504), TIMEOUT),
    (client_error("SomethingNew", 500), GENERIC),
    (client_error("SomethingNew", 418), GENERIC),
    (client_error("503", 0), CONNECTION),
    (client_error("ValidationException", 400, "the request timed out"), GENERIC),
    # --- Bedrock's modeled exceptions, with the statuses of its service model
    (modeled("AccessDeniedException", 403), AUTHENTICATION),
    (modeled("InternalServerException", 500), GENERIC),
    (modeled("ModelErrorException", 424), GENERIC),
    (modeled("ModelNotReadyException", 429), RATE_LIMIT),
    (modeled("ModelTimeoutException", 408), TIMEOUT),
    (modeled("ResourceNotFoundException", 404), GENERIC),
    (modeled("ServiceQuotaExceededException", 400), THROTTLING),
    (modeled("ServiceUnavailableException", 503), CONNECTION),
    (modeled("ThrottlingException", 429), THROTTLING),
    (modeled("ValidationException", 400), GENERIC),
    (in_stream("throttlingException"), THROTTLING),
    (in_stream("modelTimeoutException"), TIMEOUT),
    (in_stream("modelStreamErrorException"), GENERIC),
    # --- OpenAI
    (refused(openai.RateLimitError, 429), RATE_LIMIT),
    (refused(openai.AuthenticationError, 401), AUTHENTICATION),
    (refused(openai.PermissionDeniedError, 403), AUTHENTICATION),
    (refused(openai.BadRequestError, 400), GENERIC),
    (refused(openai.NotFoundError, 404), GENERIC),
    (refused(openai.InternalServerError, 500), GENERIC),
    (refused(openai.InternalServerError, 503), CONNECTION),
    (refused(openai.InternalServerError, 504), TIMEOUT),
    (openai.APITimeoutError(request=NOBODY), TIMEOUT),
    (openai.APIConnectionError(message="m", request=NOBODY), CONNECTION),
    (openai.APIError("m", NOBODY, body={"code": "rate_limit_exceeded"}), RATE_LIMIT),
    (openai.APIError("m", NOBODY, body={"code": "server_error"}), GENERIC),
    (openai.ContentFilterFinishReasonError(), GENERIC),
    # --- Anthropic
    (refused(anthropic.RateLimitError, 429), RATE_LIMIT),
    (refused(anthropic.AuthenticationError, 401), AUTHENTICATION),
    (refused(anthropic.PermissionDeniedError, 403), AUTHENTICATION),
    (refused(anthropic.BadRequestError, 400), GENERIC),
    (refused(anthropic.InternalServerError, 529), THROTTLING),
    (refused(anthropic.APIStatusError, 200, {"error": {"type": "overloaded_error"}}), THROTTLING),
    (refused(anthropic.APIStatusError, 504), TIMEOUT),
    (anthropic.APITimeoutError(request=NOBODY), TIMEOUT),
    (anthropic.APIConnectionError(message="m", request=NOBODY), CONNECTION),
    # --- httpx, requests, urllib3, aiohttp
    (httpx.ConnectTimeout("m"), TIMEOUT),
    (httpx.ReadTimeout("m"), TIMEOUT),
    (httpx.PoolTimeout("m"), TIMEOUT),
    (httpx.ConnectError("m"), CONNECTION),
    (httpx.ReadError("m"), CONNECTION),
    (httpx.RemoteProtocolError("m"), CONNECTION),
    (httpx.ProxyError("m"), CONNECTION),
    (httpx.InvalidURL("m"), GENERIC),
    (raised_by_httpx(429), RATE_LIMIT),
    (raised_by_httpx(403), AUTHENTICATION),
    (raised_by_httpx(404), GENERIC),
    (requests.ConnectTimeout(), TIMEOUT),
    (requests.ReadTimeout(), TIMEOUT),
    (requests.ConnectionError(), CONNECTION),
    (requests.exceptions.ChunkedEncodingError(), CONNECTION),
    (requests.exceptions.MissingSchema("no scheme"), GENERIC),
    (raised_by_requests(503), CONNECTION),
    (raised_by_requests(401), AUTHENTICATION),
    (urllib3.exceptions.ReadTimeoutError(NOBODY, "u", "m"), TIMEOUT),
    (urllib3.exceptions.NewConnectionError(NOBODY, "m"), CONNECTION),
    (urllib3.exceptions.MaxRetryError(NOBODY, "u", urllib3.exceptions.ConnectTimeoutError()), TIMEOUT),
    (urllib3.exceptions.MaxRetryError(NOBODY, "u"), CONNECTION),
    (aiohttp.ServerTimeoutError(), TIMEOUT),
    (aiohttp.ServerDisconnectedError(), CONNECTION),
    (aiohttp.ClientConnectionResetError(), CONNECTION),
    (aiohttp.ClientPayloadError(), CONNECTION),
    (raised_by_aiohttp(429), RATE_LIMIT),
    (raised_by_aiohttp(500), GENERIC),
    # --- gRPC
    (over_grpc(grpc.StatusCode.DEADLINE_EXCEEDED), TIMEOUT),
    (over_grpc(grpc.StatusCode.UNAVAILABLE), CONNECTION),
    (over_grpc(grpc.StatusCode.UNAUTHENTICATED), AUTHENTICATION),
    (over_grpc(grpc.StatusCode.PERMISSION_DENIED), AUTHENTICATION),
    (over_grpc(grpc.StatusCode.RESOURCE_EXHAUSTED), THROTTLING),
    (over_grpc(grpc.StatusCode.INVALID_ARGUMENT), GENERIC),
    (grpc.FutureTimeoutError(), TIMEOUT),
    # --- Genkit
    (GenkitError(message="m", status="RESOURCE_EXHAUSTED"), THROTTLING),
    (GenkitError(message="m", status="DEADLINE_EXCEEDED"), TIMEOUT),
    (GenkitError(message="m", status="UNAVAILABLE"), CONNECTION),
    (GenkitError(message="m", status="PERMISSION_DENIED"), AUTHENTICATION),
    (GenkitError(message="m", status="UNAUTHENTICATED"), AUTHENTICATION),
    (GenkitError(message="m", status="INTERNAL"), GENERIC),
    (GenkitError(message="failed to generate", status="INVALID_ARGUMENT"), GENERIC),
    (GenkitError(message="m", cause=botocore.exceptions.ReadTimeoutError(endpoint_url=URL)), TIMEOUT),
    (GenkitError(message="m", cause=client_error("ThrottlingException")), THROTTLING),
]
