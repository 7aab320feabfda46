"""Clients of AWS services, and the Region and account they belong to, from the standard configuration of AWS.

The name of a service goes in; a client comes out, and the account whose credentials it uses. Nothing is sent yet.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from typing import TYPE_CHECKING, Any

import boto3
from botocore import exceptions as sdk
from botocore.config import Config

from flowemf_processor.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30
# A handler's invocation has seconds, and the services that it writes to answer in milliseconds.
_HANDLERS_CONNECT_SECONDS, _HANDLERS_READ_SECONDS = 2, 5
_HANDLERS_ATTEMPTS = 4
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
        The client, which checks no parameters, and the account, empty where that is not known. Nothing was sent yet.

    Raises:
        ConfigurationError: there is no Region or there are no credentials, or one of the settings is malformed.
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
            "no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose an AWS_PROFILE, or "
            "run where a role provides them (to look at the requests without any, use --dry-run)"
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
    retries = {"mode": "standard", "total_max_attempts": _HANDLERS_ATTEMPTS}
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
    except (sdk.BotoCoreError, ValueError) as error:
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
