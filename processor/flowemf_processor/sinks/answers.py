"""What is known of a request after an answer of AWS, or after none.

botocore's exceptions go in; outcomes come out: refused for good, certainly not taken, or nobody knows. For whoever
asks or sets something up, rather than sends, they become errors that say what to do.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from botocore import exceptions as sdk

from flowemf_processor.errors import ConfigurationError, RefusedForGoodError, TryAgainLaterError
from flowemf_processor.model import Outcome, State

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTEMPTS = 4
"""What does no harm twice, such as setting something up, the SDK may try so often by itself."""

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CommonErrors.html
_THROTTLING = frozenset(
    ("Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException")
)
_IDENTITY = frozenset(
    (
        "AccessDenied",
        "AccessDeniedException",
        "NotAuthorized",
        "OptInRequired",
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    )
)
_NOT_CLOUDWATCH = frozenset(("UnknownOperationException", "InvalidAction", "UnknownEndpoint", "NotFound"))
_CUT_SHORT = frozenset(("RequestAborted", "RequestAbortedException", "RequestTimeout", "RequestTimeoutException"))
_NOT_SENT = (sdk.EndpointConnectionError, sdk.ConnectTimeoutError, sdk.ProxyConnectionError)
# What a TLS handshake fails with, before anything of the request has left.
_HANDSHAKE = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "HANDSHAKE_FAILURE", "UNSUPPORTED_PROTOCOL")
_CREDENTIALS = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.TokenRetrievalError,
)


def outcome_of(error: sdk.ClientError | sdk.BotoCoreError, *, permission: str) -> Outcome:
    """Sort what went wrong with one request.

    Args:
        error: what botocore raised.
        permission: the action that the identity needs, such as `cloudwatch:PutMetricData`.

    Returns:
        What is known of the request now.
    """
    return _answered(error, permission) if isinstance(error, sdk.ClientError) else _unanswered(error)


def _unanswered(error: sdk.BotoCoreError) -> Outcome:
    """Sort a failure of which the service said nothing, by whether anything can have reached it."""
    if isinstance(error, _CREDENTIALS):
        return Outcome(State.PENDING, "no-credentials", f"{error}; set up AWS credentials", by_configuration=True)
    if isinstance(error, sdk.ParamValidationError):
        return Outcome(State.REFUSED, "invalid-parameter", str(error))
    is_handshake = isinstance(error, sdk.SSLError) and any(reason in str(error) for reason in _HANDSHAKE)
    if is_handshake or isinstance(error, _NOT_SENT):
        return Outcome(State.PENDING, "unreachable", f"{error}; check the endpoint and the network")
    return Outcome(State.AMBIGUOUS, "no-answer", f"{error}; the request may have been taken")


def _answered(error: sdk.ClientError, permission: str) -> Outcome:
    """Sort an answer that is an error."""
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = f"{code}: {error.response.get('Error', {}).get('Message', '')}".strip(": ")
    if code in _THROTTLING or status == 429:
        return Outcome(State.PENDING, "throttled", f"{said}; run again later")
    if code in _IDENTITY or status in (401, 403):
        remedy = f"the identity needs the permission {permission} and valid credentials"
        return Outcome(State.PENDING, "access-denied", f"{said}; {remedy}", by_configuration=True)
    if code in _NOT_CLOUDWATCH or status == 404 or 300 <= status < 400:
        remedy = "this is not an endpoint of the service; check --endpoint-url"
        return Outcome(State.PENDING, "wrong-endpoint", f"{said}; {remedy}", by_configuration=True)
    if status >= 500 or status == 408 or code in _CUT_SHORT:
        return Outcome(State.AMBIGUOUS, f"http-{status}", f"{said}; the request may have been taken")
    return Outcome(State.REFUSED, code or f"http-{status}", said)


@contextlib.contextmanager
def asked(permission: str) -> Iterator[None]:
    """Turn the SDK's errors into ours.

    Args:
        permission: the action that the identity needs.

    Raises:
        ConfigurationError: the identity, the endpoint or the permission is wrong.
        RefusedForGoodError: the service will never take this.
        TryAgainLaterError: the service or the way to it fails.
    """
    try:
        yield
    except (sdk.ClientError, sdk.BotoCoreError) as error:
        outcome = outcome_of(error, permission=permission)
        message = f"{permission}: {outcome.message}"
        if outcome.by_configuration:
            raise ConfigurationError(message) from error
        if outcome.state is State.REFUSED:
            raise RefusedForGoodError(message) from error
        raise TryAgainLaterError(message) from error
