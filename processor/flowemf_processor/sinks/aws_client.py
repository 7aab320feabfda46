"""Clients of AWS services, from the standard configuration of AWS.

The name of a service goes in; a client comes out, and the account whose credentials it uses.
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore import exceptions as sdk
from botocore.config import Config

from flowemf_processor.errors import ConfigurationError
from flowemf_processor.sinks.account import account_of

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30


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
    try:
        session = boto3.Session(region_name=region)
        client = session.client(service, endpoint_url=endpoint_url, config=config)
        credentials = session.get_credentials()
    except sdk.NoRegionError:
        raise ConfigurationError("no AWS Region is configured; set AWS_DEFAULT_REGION or give --region") from None
    except (sdk.BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"the AWS configuration cannot be used: {error}") from error
    if credentials is None:
        raise ConfigurationError(
            "no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose an AWS_PROFILE, or "
            "run where a role provides them (to look at the requests without any, use --dry-run)"
        )
    return client, account_of(credentials)
