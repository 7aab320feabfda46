"""Which names, statuses and words stand for which error type: the tables, and how a text is looked up in them.

A text goes in; an error type comes out, or None where the text says nothing. Names are those of exception classes and
of services' error codes, which are one vocabulary: botocore makes classes of codes. A name given as `package.Name`
counts only in that package.
"""

from __future__ import annotations

from flowemf_schemas import names

_NAMES = {
    names.ERROR_TIMEOUT: (
        "TimeoutError Timeout TimeoutException ConnectTimeout ReadTimeout WriteTimeout PoolTimeout"
        " ReadTimeoutError ConnectTimeoutError APITimeoutError APITimeout ServerTimeoutError RequestTimeoutError"
        " ConnectionTimeoutError SocketTimeoutError FutureTimeoutError TimeoutExpired ModelTimeoutException"
        " RequestTimeout RequestTimeoutException DeadlineExceeded DeadlineExceededError GatewayTimeout"
        " GatewayTimeoutError ServiceRequestTimeoutError ServiceResponseTimeoutError TimeLimitExceeded"
        " SoftTimeLimitExceeded timeout_error"
    ),
    names.ERROR_CONNECTION: (
        "ConnectionError ConnectError NetworkError ProtocolError RemoteProtocolError ProxyError ProxyConnectionError"
        " httpx.TransportError httpx2.TransportError httpcore.ProtocolError EndpointConnectionError"
        " ConnectionClosedError HTTPClientError APIConnectionError NewConnectionError NameResolutionError SSLError"
        " gaierror herror ClientConnectionError ClientPayloadError ServiceRequestError ServiceResponseError"
        " WebSocketConnectionClosedError ConnectionClosed BrokenResourceError IncompleteRead IncompleteReadError"
        " RemoteDisconnected ChunkedEncodingError ServiceUnavailable ServiceUnavailableError"
        " ServiceUnavailableException BadGateway BadGatewayError"
    ),
    names.ERROR_AUTHENTICATION: (
        "AuthenticationError PermissionDeniedError NoCredentialsError PartialCredentialsError CredentialsError"
        " CredentialRetrievalError TokenRetrievalError UnauthorizedSSOTokenError SSOTokenLoadError NoAuthTokenError"
        " LoginRefreshRequired LoginInsufficientPermissions LoginTokenLoadError LoginAuthorizationCodeError"
        " RefreshWithMFAUnsupportedError WorkloadIdentityError ClientAuthenticationError DefaultCredentialsError"
        " RefreshError AccessDenied AccessDeniedException UnrecognizedClient UnrecognizedClientException ExpiredToken"
        " ExpiredTokenException InvalidAccessKeyId InvalidClientTokenId InvalidSignatureException InvalidToken"
        " SignatureDoesNotMatch IncompleteSignature MissingAuthenticationToken MissingAuthenticationTokenException"
        " RequestExpired RequestTimeTooSkewed AuthFailure NotAuthorized NotAuthorizedException UnauthorizedException"
        " UnauthorizedOperation UnauthorizedError Unauthorized Unauthenticated PermissionDenied Forbidden"
        " ForbiddenError ForbiddenException authentication_error permission_error invalid_api_key"
    ),
    # Among them every code that botocore itself takes for throttling.
    names.ERROR_THROTTLING: (
        "Throttling ThrottlingException ThrottledException ThrottlingError TooManyRequestsException"
        " ServiceQuotaExceededException ModelThrottledException RequestLimitExceeded BandwidthLimitExceeded"
        " LimitExceededException ProvisionedThroughputExceededException TransactionInProgressException"
        " RequestThrottled RequestThrottledException EC2ThrottledException PriorRequestNotComplete SlowDown"
        " ResourceExhausted OverloadedError overloaded_error"
    ),
    names.ERROR_RATE_LIMIT: (
        "RateLimitError RateLimitExceeded RateLimitException TooManyRequests TooManyRequestsError rate_limit_error"
        " rate_limit_exceeded insufficient_quota"
    ),
    # These say clearly that it was something else, whatever their message goes on about.
    names.ERROR_GENERIC: (
        "ValidationException ValidationError ParamValidationError BadRequest BadRequestError BadRequestException"
        " NotFound NotFoundError ResourceNotFoundException UnprocessableEntityError invalid_request_error"
        " not_found_error"
    ),
}
BY_NAME = {name: error_type for error_type, listed in _NAMES.items() for name in listed.split()}

BY_PREFIX = (
    ("AccessDenied", names.ERROR_AUTHENTICATION),
    ("UnrecognizedClient", names.ERROR_AUTHENTICATION),
    ("ExpiredToken", names.ERROR_AUTHENTICATION),
)

# A mistake in the program or a file that is not there. Neither the message nor an exception that was being handled just
# then says anything about it: KeyError("timeout") is no timeout, and Python's "Permission denied" is about a file.
MISTAKES = (
    LookupError,
    TypeError,
    AttributeError,
    NameError,
    ImportError,
    SyntaxError,
    AssertionError,
    ArithmeticError,
    NotImplementedError,
    RecursionError,
    MemoryError,
    UnicodeError,
    PermissionError,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
)

# The canonical status names of Google's APIs, gRPC and Genkit (https://grpc.io/docs/guides/status-codes/).
BY_STATUS_NAME = {
    "DEADLINE_EXCEEDED": names.ERROR_TIMEOUT,
    "UNAVAILABLE": names.ERROR_CONNECTION,
    "UNAUTHENTICATED": names.ERROR_AUTHENTICATION,
    "PERMISSION_DENIED": names.ERROR_AUTHENTICATION,
    "RESOURCE_EXHAUSTED": names.ERROR_THROTTLING,
}

BY_HTTP_STATUS = {
    401: names.ERROR_AUTHENTICATION,
    403: names.ERROR_AUTHENTICATION,
    407: names.ERROR_AUTHENTICATION,
    408: names.ERROR_TIMEOUT,
    429: names.ERROR_RATE_LIMIT,
    502: names.ERROR_CONNECTION,
    503: names.ERROR_CONNECTION,
    504: names.ERROR_TIMEOUT,
    529: names.ERROR_THROTTLING,  # Anthropic: overloaded
}
BY_HTTP_STATUS_IN_WORDS = {str(status): error_type for status, error_type in BY_HTTP_STATUS.items()}

# Whole words in a row, in the order in which they are looked for. "timeout" alone is none of them: a message may well
# be about a parameter of that name.
PHRASES = (
    (
        names.ERROR_RATE_LIMIT,
        ("rate limit", "rate limited", "rate limits", "ratelimit", "ratelimited", "too many requests"),
    ),
    (
        names.ERROR_THROTTLING,
        (
            "throttled",
            "throttling",
            "quota exceeded",
            "exceeded quota",
            "exceeded your quota",
            "exceeded your current quota",
            "resource exhausted",
            "model is overloaded",
            "model overloaded",
        ),
    ),
    (
        names.ERROR_TIMEOUT,
        (
            "timed out",
            "deadline exceeded",
            "timeout exceeded",
            "timeout expired",
            "timeout error",
            "timeout after",
            "timeout while",
            "timeout waiting",
            "timeout occurred",
            "timeout reached",
            "gateway timeout",
            "request timeout",
            "response timeout",
            "read timeout",
            "write timeout",
            "connect timeout",
            "connection timeout",
            "socket timeout",
            "operation timeout",
            "execution timeout",
            "model timeout",
            "server timeout",
            "upstream timeout",
        ),
    ),
    (
        names.ERROR_AUTHENTICATION,
        (
            "unauthorized",
            "unauthenticated",
            "not authorized",
            "authentication failed",
            "authentication failure",
            "authentication error",
            "authentication required",
            "failed to authenticate",
            "could not authenticate",
            "access denied",
            "permission denied",
            "403 forbidden",
            "invalid api key",
            "incorrect api key",
            "invalid credentials",
            "missing credentials",
            "no credentials",
            "unable to locate credentials",
            "credentials expired",
            "expired credentials",
            "expired token",
            "token expired",
            "token has expired",
        ),
    ),
    (
        names.ERROR_CONNECTION,
        (
            "connection refused",
            "connection reset",
            "connection aborted",
            "connection closed",
            "connection error",
            "connection failed",
            "connection lost",
            "broken pipe",
            "name resolution",
            "name or service not known",
            "network is unreachable",
            "network unreachable",
            "no route to host",
            "could not connect",
            "failed to connect",
            "cannot connect",
            "max retries exceeded",
            "service unavailable",
            "bad gateway",
        ),
    ),
)
# What a message can be as a whole.
WHOLE = {
    "timeout": names.ERROR_TIMEOUT,
    "forbidden": names.ERROR_AUTHENTICATION,
    "unavailable": names.ERROR_CONNECTION,
}
# Words before an HTTP status in a message: "HTTP 429", "status 429", "Error code: 429".
BEFORE_STATUS = frozenset(("http", "status", "code"))


# --- Looking a text up

# Words end at everything that is neither a letter nor a digit; the "_" belongs to names.
_NO_NAME = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) == "_")}
_NO_WORD = {**_NO_NAME, ord("_"): " "}


def by_class_name(kind: type) -> str | None:
    """Look up the name of a class, by itself or within its package."""
    package = kind.__module__.partition(".")[0]
    return _by_name(kind.__name__) or BY_NAME.get(f"{package}.{kind.__name__}")


def _by_name(name: str) -> str | None:
    return BY_NAME.get(name) or next((found for prefix, found in BY_PREFIX if name.startswith(prefix)), None)


def by_code(code: str) -> str | None:
    """Look a code up in each form that services send it.

    `com.amazonaws.bedrock#ThrottlingException`, `ThrottlingException:http://...`, `botocore.errorfactory.Throttling`,
    `throttlingException` in an event stream, `429` for an answer without a body.
    """
    if code in BY_HTTP_STATUS_IN_WORDS:
        return BY_HTTP_STATUS_IN_WORDS[code]
    name = code.rpartition("#")[2].partition(":")[0].strip().rpartition(".")[2]
    return BY_STATUS_NAME.get(name) or _by_name(name) or _by_name(name[:1].upper() + name[1:])


def by_status_name(message: str) -> str | None:
    """Read the status name with which Genkit and gRPC begin a message: `RESOURCE_EXHAUSTED: quota`."""
    return BY_STATUS_NAME.get(message.partition(":")[0].strip())


def by_words(message: str) -> str | None:
    """Look for names of classes and statuses in a message, then for an HTTP status, then for whole words."""
    for word in message.translate(_NO_NAME).split():
        # A plain word such as "Timeout" or "Forbidden" is no name.
        if not (word.isalpha() and (word.islower() or word.istitle())):
            found = BY_STATUS_NAME.get(word) or _by_name(word)
            if found:
                return found
    words = message.translate(_NO_WORD).lower().split()
    for index, word in enumerate(words):
        found = BY_HTTP_STATUS_IN_WORDS.get(word)
        if found and index and words[index - 1] in BEFORE_STATUS:
            return found
    text = f" {' '.join(words)} "
    for error_type_found, phrases in PHRASES:
        if any(f" {phrase} " in text for phrase in phrases):
            return error_type_found
    return WHOLE.get(text.strip())
