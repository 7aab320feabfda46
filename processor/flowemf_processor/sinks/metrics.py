"""CloudWatch by PutMetricData.

Batches go in; what the service answered comes out, sorted by what is now known: taken, refused for good, not sent, or
nobody knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore import exceptions as sdk
from botocore.config import Config

from flowemf_processor.errors import ConfigurationError
from flowemf_processor.model import Outcome, State

if TYPE_CHECKING:
    from flowemf_processor.model import Batch

_CONNECT_TIMEOUT_SECONDS = 5
_READ_TIMEOUT_SECONDS = 30

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


class MetricsSink:
    """Sends batches with PutMetricData, each once: the SDK's own retries would count a slow success twice."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.name = "metrics"

    @property
    def destination(self) -> str:
        """What a checkpoint calls this destination: the same data may be owed to another Region or endpoint."""
        return f"metrics {self._client.meta.region_name} {self._client.meta.endpoint_url}"

    def send(self, batch: Batch) -> Outcome:
        """Send one batch.

        Args:
            batch: a request inside every limit.

        Returns:
            What is known of it now.
        """
        try:
            self._client.put_metric_data(**batch.request)
        except sdk.ClientError as error:
            return _answered(error)
        except sdk.BotoCoreError as error:
            return _unanswered(error)
        return Outcome(State.ACCEPTED)


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


def _answered(error: sdk.ClientError) -> Outcome:
    """Sort an answer that is an error."""
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = f"{code}: {error.response.get('Error', {}).get('Message', '')}".strip(": ")
    if code in _THROTTLING or status == 429:
        return Outcome(State.PENDING, "throttled", f"{said}; run again later")
    if code in _IDENTITY or status in (401, 403):
        remedy = "the identity needs the permission cloudwatch:PutMetricData and valid credentials"
        return Outcome(State.PENDING, "access-denied", f"{said}; {remedy}", by_configuration=True)
    if code in _NOT_CLOUDWATCH or status == 404 or 300 <= status < 400:
        remedy = "this is not an endpoint of CloudWatch; check --endpoint-url"
        return Outcome(State.PENDING, "wrong-endpoint", f"{said}; {remedy}", by_configuration=True)
    if status >= 500 or status == 408 or code in _CUT_SHORT:
        return Outcome(State.AMBIGUOUS, f"http-{status}", f"{said}; the request may have been taken")
    return Outcome(State.REFUSED, code or f"http-{status}", said)


def connect(*, endpoint_url: str | None = None, region: str | None = None) -> MetricsSink:
    """Build the sink from the standard AWS configuration (environment, profile, container or instance role).

    Args:
        endpoint_url: another endpoint than the Region's own.
        region: another Region than the configured one.

    Returns:
        The sink; nothing has been sent yet.

    Raises:
        ConfigurationError: there is no Region or there are no credentials, or one of the settings is malformed.
    """
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT_SECONDS,
        read_timeout=_READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},
    )
    try:
        session = boto3.Session(region_name=region)
        client = session.client("cloudwatch", endpoint_url=endpoint_url, config=config)
        credentials = session.get_credentials()
    except sdk.NoRegionError:
        raise ConfigurationError("no AWS Region is configured; set AWS_REGION or give --region") from None
    except (sdk.BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"the AWS configuration cannot be used: {error}") from error
    if credentials is None:
        raise ConfigurationError(
            "no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose an AWS_PROFILE, or "
            "run where a role provides them (to look at the requests without any, use --dry-run)"
        )
    return MetricsSink(client)
