"""AWS as whoever writes to it meets it: its clients, from the standard configuration, and what their answers mean.

The name of a service goes in; a client comes out, and the account whose credentials it uses. botocore's exceptions go
in; what is known of the request comes out, or, for whoever asks or sets something up, an error that says what to do.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from typing import TYPE_CHECKING, Any

import boto3
from botocore import exceptions as sdk
from botocore.config import Config

from flowemf_processor.errors import ConfigurationError, RefusedForGoodError, TryAgainLaterError
from flowemf_processor.model import Outcome, State

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTEMPTS = 4
"""So often the SDK may try by itself what does no harm twice, such as setting something up."""

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30
# A handler's invocation has seconds, and the services that it writes to answer in milliseconds.
_HANDLERS_CONNECT_SECONDS, _HANDLERS_READ_SECONDS = 2, 5
_NO_REGION = "no AWS Region is configured; set AWS_DEFAULT_REGION or give --region"

# AKIA of a user, ASIA of a role: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
_PREFIX_CHARACTERS = 4
_ACCOUNT_BYTES = 6
_ACCOUNT_MASK = 0x7FFF_FFFF_FF80
_ACCOUNT_SHIFT = 7


def aws_client(
    service: str, *, endpoint_url: str | None = None, region: str | None = None, connections: int = 1, attempts: int = 1
) -> tuple[Any, str]:
    """Build a client from the environment, a profile, or the role of a container or instance.

    Args:
        service: as boto3 calls it, such as `logs`.
        endpoint_url: another endpoint than the Region's own.
        region: another Region than the configured one.
        connections: how many requests may be on their way at once.
        attempts: how often the SDK tries a request; more than once only for what does no harm twice.

    Returns:
        The client, which checks no parameters, and the account, empty where that is not known. Nothing was sent to the
        service yet; a role may have been asked for.

    Raises:
        ConfigurationError: there is no Region or there are no credentials, or one of the settings is malformed.
        TryAgainLaterError: whoever gives the credentials cannot be reached.
    """
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        parameter_validation=False,
        disable_request_compression=True,
        max_pool_connections=connections,
    )
    with _configured():
        session = boto3.Session(region_name=region)
        client = session.client(service, endpoint_url=endpoint_url, config=config)
        credentials = session.get_credentials()
        if credentials is None:
            raise ConfigurationError(
                "no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose an AWS_PROFILE,"
                " or run where a role provides them (to look at the requests without any, use --dry-run)"
            )
        return client, account_of(credentials)


def repeating_client(service: str) -> Any:
    """Build a client for a handler's writes that may be repeated: what is written twice is the same item or object.

    Args:
        service: as boto3 calls it.

    Returns:
        The client, whose SDK tries again by itself, within seconds; nothing has been sent yet.

    Raises:
        ConfigurationError: there is no Region, or one of the settings is malformed.
    """
    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    config = Config(connect_timeout=_HANDLERS_CONNECT_SECONDS, read_timeout=_HANDLERS_READ_SECONDS, retries=retries)
    with _configured():
        return boto3.client(service, config=config)


def configured_region(region: str | None) -> str:
    """Give the Region that AWS is configured with.

    Args:
        region: another one, where the user named it.

    Raises:
        ConfigurationError: there is none.
    """
    with _configured():
        found = boto3.Session(region_name=region).region_name
    if not found:
        raise ConfigurationError(_NO_REGION)
    return str(found)


@contextlib.contextmanager
def _configured() -> Iterator[None]:
    """Turn what the SDK says of its configuration into an error of ours."""
    try:
        yield
    except sdk.NoRegionError:
        raise ConfigurationError(_NO_REGION) from None
    except (sdk.ConnectionError, sdk.HTTPClientError) as error:
        raise TryAgainLaterError(f"whoever gives the AWS credentials cannot be reached: {error}") from error
    except _CREDENTIALS as error:
        raise ConfigurationError(f"the AWS credentials cannot be used: {_remedied(error)}") from error
    except (sdk.BotoCoreError, sdk.ClientError, ValueError) as error:
        said = str(error).rstrip(".")
        raise ConfigurationError(
            f"the AWS configuration cannot be used: {said}; check AWS_PROFILE, ~/.aws/config and the options about AWS"
        ) from error


def account_of(credentials: Any) -> str:
    """Give the account of credentials.

    Most providers of credentials say it. Where they do not, the identifier of the access key carries it: all keys made
    since 2019 begin with the account's number in base 32. Asking STS would need a network that a private subnet may
    not have.

    Args:
        credentials: what botocore resolved.

    Returns:
        Twelve digits; an empty text where nothing can be known, as with made-up keys.
    """
    frozen = credentials.get_frozen_credentials()
    return str(getattr(frozen, "account_id", None) or "") or _carried_by(frozen.access_key or "")


def _carried_by(access_key: str) -> str:
    try:
        decoded = base64.b32decode(access_key[_PREFIX_CHARACTERS:])
    except (binascii.Error, ValueError):
        return ""
    if len(decoded) < _ACCOUNT_BYTES:
        return ""
    number = int.from_bytes(decoded[:_ACCOUNT_BYTES], "big")
    return f"{(number & _ACCOUNT_MASK) >> _ACCOUNT_SHIFT:012}"


# --- What answers mean ------------------------------------------------------------------------------------------------

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
    sdk.SSOError,
    sdk.LoginError,
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
        return Outcome(State.PENDING, "no-credentials", _remedied(error), by_configuration=True)
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
    if code == "NoSuchBucket":
        return Outcome(State.PENDING, "no-bucket", f"{said}; make it, or name another", by_configuration=True)
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


def _remedied(error: Exception) -> str:
    return f"{str(error).rstrip('.: ')}; sign in again with aws sso login, or set up AWS credentials"
