"""Finds the error type of a failure: the value of the dimension ErrorType.

An exception, a name or a message goes in; one of `names.ERROR_TYPES` comes out. What is most certain is asked first:
the class, the service's error code, the HTTP status, a status name before the message, the cause; and only then whole
words of the message, never parts of words.
"""

from __future__ import annotations

import sys

from flowemf_schemas import names

_TIMEOUT = names.ERROR_TIMEOUT
_CONNECTION = names.ERROR_CONNECTION
_AUTHENTICATION = names.ERROR_AUTHENTICATION
_THROTTLING = names.ERROR_THROTTLING
_RATE_LIMIT = names.ERROR_RATE_LIMIT

_MOST_CAUSES = 8
_MESSAGE_CHARACTERS = 2000

# Names of exception classes and of services' error codes, which are one vocabulary: botocore makes classes of codes.
_BY_NAME = {
    name: error_type
    for error_type, listed in {
        _TIMEOUT: (
            "TimeoutError Timeout TimeoutException ConnectTimeout ReadTimeout WriteTimeout PoolTimeout"
            " ReadTimeoutError ConnectTimeoutError APITimeoutError APITimeout ServerTimeoutError"
            " ConnectionTimeoutError SocketTimeoutError ModelTimeoutException RequestTimeout RequestTimeoutException"
            " DeadlineExceeded DeadlineExceededError GatewayTimeout TimeLimitExceeded timeout_error"
        ),
        _CONNECTION: (
            "ConnectionError ConnectError ReadError WriteError CloseError NetworkError TransportError ProtocolError"
            " RemoteProtocolError ProxyError ProxyConnectionError EndpointConnectionError ConnectionClosedError"
            " HTTPClientError APIConnectionError NewConnectionError NameResolutionError MaxRetryError SSLError"
            " SSLCertVerificationError SSLZeroReturnError gaierror herror ClientConnectionError ClientConnectorError"
            " ServerDisconnectedError ClientOSError ServerConnectionError ConnectionClosed IncompleteRead"
            " RemoteDisconnected ChunkedEncodingError ServiceUnavailable ServiceUnavailableError"
            " ServiceUnavailableException BadGateway"
        ),
        _AUTHENTICATION: (
            "AuthenticationError PermissionDeniedError NoCredentialsError PartialCredentialsError"
            " CredentialRetrievalError TokenRetrievalError UnauthorizedSSOTokenError SSOTokenLoadError NoAuthTokenError"
            " AccessDenied AccessDeniedException UnrecognizedClient UnrecognizedClientException ExpiredToken"
            " ExpiredTokenException InvalidClientTokenId InvalidSignatureException SignatureDoesNotMatch"
            " IncompleteSignature MissingAuthenticationToken MissingAuthenticationTokenException AuthFailure"
            " NotAuthorized NotAuthorizedException UnauthorizedException UnauthorizedOperation Unauthorized"
            " Unauthenticated PermissionDenied Forbidden ForbiddenException authentication_error permission_error"
        ),
        _THROTTLING: (
            "Throttling ThrottlingException ThrottledException ThrottlingError TooManyRequestsException"
            " ServiceQuotaExceededException ModelThrottledException RequestLimitExceeded BandwidthLimitExceeded"
            " LimitExceededException ProvisionedThroughputExceededException RequestThrottled"
            " RequestThrottledException EC2ThrottledException PriorRequestNotComplete SlowDown ResourceExhausted"
            " OverloadedError overloaded_error"
        ),
        _RATE_LIMIT: "RateLimitError RateLimitExceeded RateLimitException TooManyRequests rate_limit_error",
    }.items()
    for name in listed.split()
}
_BY_PREFIX = (
    ("AccessDenied", _AUTHENTICATION),
    ("UnrecognizedClient", _AUTHENTICATION),
    ("ExpiredToken", _AUTHENTICATION),
)

# The canonical status names of Google's APIs, gRPC and Genkit (https://grpc.io/docs/guides/status-codes/).
_BY_STATUS_NAME = {
    "DEADLINE_EXCEEDED": _TIMEOUT,
    "UNAVAILABLE": _CONNECTION,
    "UNAUTHENTICATED": _AUTHENTICATION,
    "PERMISSION_DENIED": _AUTHENTICATION,
    "RESOURCE_EXHAUSTED": _THROTTLING,
}
_BY_HTTP_STATUS = {
    401: _AUTHENTICATION,
    403: _AUTHENTICATION,
    407: _AUTHENTICATION,
    408: _TIMEOUT,
    429: _RATE_LIMIT,
    502: _CONNECTION,
    503: _CONNECTION,
    504: _TIMEOUT,
    529: _THROTTLING,  # Anthropic: overloaded
}

# Whole words, in the order in which they are looked for; " " separates the words of a phrase.
_BY_WORDS = (
    (_RATE_LIMIT, ("rate limit", "rate limited", "rate limits", "ratelimit", "too many requests")),
    (
        _THROTTLING,
        ("throttled", "throttling", "throttle", "quota exceeded", "exceeded your quota", "resource exhausted"),
    ),
    (_TIMEOUT, ("timeout", "timed out", "deadline exceeded", "time out")),
    (
        _AUTHENTICATION,
        (
            "unauthorized",
            "unauthenticated",
            "authentication",
            "access denied",
            "permission denied",
            "forbidden",
            "invalid api key",
            "credentials",
            "expired token",
            "not authorized",
        ),
    ),
    (
        _CONNECTION,
        (
            "connection refused",
            "connection reset",
            "connection aborted",
            "connection closed",
            "connection error",
            "connection lost",
            "broken pipe",
            "name resolution",
            "network is unreachable",
            "no route to host",
            "could not connect",
            "failed to connect",
        ),
    ),
)


def is_cancellation(error: BaseException) -> bool:
    """Tell whether somebody stopped the work, rather than the work failing.

    >>> is_cancellation(GeneratorExit())
    True
    """
    if isinstance(error, GeneratorExit):
        return True
    # A class that can be raised has been imported; asyncio itself costs 50 ms and need not be there.
    for module, name in (
        ("asyncio", "CancelledError"),
        ("trio", "Cancelled"),
        ("concurrent.futures", "CancelledError"),
    ):
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(error, kind):
            return True
    return False


def error_type(error: object) -> str:
    """Name the type of an error.

    >>> error_type(TimeoutError("model took too long"))
    'Timeout'
    >>> error_type("failed to generate: no author found")
    'GenericError'
    >>> error_type(None)
    'Unknown'

    Args:
        error: an exception, a class name, an error code, a message, or None.

    Returns:
        One of `names.ERROR_TYPES`.
    """
    if isinstance(error, BaseException):
        try:
            return _of_exception(error)
        except Exception:
            return names.ERROR_GENERIC
    if isinstance(error, str) and error.strip():
        return _of_text(error)
    return names.ERROR_UNKNOWN


def _of_exception(error: BaseException) -> str:
    seen: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if seen is None:
            break
        found = _by_class(type(seen)) or _by_code(seen) or _by_http_status(seen) or _by_status_name(_message(seen))
        if found:
            return found
        seen = seen.__cause__
    return _by_words(_message(error)) or names.ERROR_GENERIC


def _of_text(text: str) -> str:
    if text in names.ERROR_TYPES:
        return text
    found = _by_name(text.rpartition(".")[2]) or _by_status_name(text) or _by_name(text.partition(":")[0].strip())
    if not found and text.isascii() and text.isdigit() and len(text) == 3:
        found = _BY_HTTP_STATUS.get(int(text))
    return found or _by_words(text) or names.ERROR_GENERIC


def _by_class(kind: type[BaseException]) -> str | None:
    for each in kind.__mro__:
        found = _by_name(each.__name__)
        if found:
            return found
    return None


def _by_name(name: str) -> str | None:
    if name in _BY_NAME:
        return _BY_NAME[name]
    return next((error_type for prefix, error_type in _BY_PREFIX if name.startswith(prefix)), None)


def _by_code(error: BaseException) -> str | None:
    """Read botocore's `response["Error"]["Code"]`, gRPC's `code()` and the `status` of Google and Genkit errors."""
    response = getattr(error, "response", None)
    details = response.get("Error") if isinstance(response, dict) else None
    code = details.get("Code") if isinstance(details, dict) else None
    if isinstance(code, str) and code:
        return _by_name(code) or _by_name(code.rpartition(".")[2])
    status = getattr(error, "code", None)
    status = status() if callable(status) else status
    for candidate in (getattr(status, "name", status), getattr(error, "status", None), getattr(error, "type", None)):
        found = (_BY_STATUS_NAME.get(candidate) or _by_name(candidate)) if isinstance(candidate, str) else None
        if found:
            return found
    return None


def _by_http_status(error: BaseException) -> str | None:
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        metadata = response.get("ResponseMetadata")
        status = metadata.get("HTTPStatusCode") if isinstance(metadata, dict) else None
        return _BY_HTTP_STATUS.get(status) if isinstance(status, int) else None
    candidates = (
        *(getattr(error, name, None) for name in ("status_code", "http_status", "status", "code")),
        *(getattr(response, name, None) for name in ("status_code", "status")),
    )
    statuses = (_BY_HTTP_STATUS.get(each) for each in candidates if type(each) is int)
    return next((status for status in statuses if status), None)


def _by_status_name(message: str) -> str | None:
    """Read the status name with which Genkit and gRPC begin a message: `RESOURCE_EXHAUSTED: quota`."""
    status = message.partition(":")[0].strip()
    return _BY_STATUS_NAME.get(status)


def _by_words(message: str) -> str | None:
    letters = (character if character.isalnum() else " " for character in message[:_MESSAGE_CHARACTERS].lower())
    words = f" {' '.join(''.join(letters).split())} "
    for error_type_found, phrases in _BY_WORDS:
        if any(f" {phrase} " in words for phrase in phrases):
            return error_type_found
    return None


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""
