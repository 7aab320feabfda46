"""What the account says to whoever sets something up in it.

A request goes in; errors come out that say whether to mend the configuration or to try again later. Setting up twice
does no harm, so the SDK may try again by itself.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from botocore import exceptions as sdk

from flowemf_processor.errors import ConfigurationError, RefusedForGoodError, TryAgainLaterError
from flowemf_processor.model import State
from flowemf_processor.sinks.answers import outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTEMPTS = 4


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
