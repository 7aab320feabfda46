"""AWS clients for writes that may be repeated: what is written twice is the same item or object.

The name of a service goes in; a client comes out whose SDK tries again by itself, within seconds.
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore import exceptions as sdk
from botocore.config import Config

from flowemf_processor.errors import ConfigurationError

_CONNECT_SECONDS = 2
_READ_SECONDS = 5
_ATTEMPTS = 4


def connect(service: str) -> Any:
    """Build a client from the standard AWS configuration.

    Args:
        service: as boto3 calls it.

    Returns:
        The client; nothing has been sent yet.

    Raises:
        ConfigurationError: there is no Region, or one of the settings is malformed.
    """
    retries = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    config = Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries=retries)
    try:
        return boto3.client(service, config=config)
    except (sdk.BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"the AWS configuration cannot be used: {error}") from error
