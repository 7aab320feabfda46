"""What AWS answers to a reader, as errors of ours.

Exceptions of the SDK go in; exceptions come out that say whether to mend the configuration or to try again later.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as UnreachableError

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator

READING = Config(retries={"mode": "standard", "total_max_attempts": 6}, connect_timeout=10, read_timeout=60)
"""Reading twice does no harm, so the SDK may try again by itself, with growing pauses."""

# The service asks for patience: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and the errors of
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html
_LATER = {"SlowDown", "RequestTimeout", "ThrottlingException", "LimitExceededException", "ServiceUnavailableException"}


def error_code(error: ClientError) -> str:
    """Give the service's code for an error."""
    code: str = error.response.get("Error", {}).get("Code", "")
    return code


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the SDK's errors into ours.

    Args:
        what: the name of what is read, with which the message begins.

    Raises:
        ConfigurationError: it does not exist, is not allowed, or nobody is signed in.
        TryAgainLaterError: the service or the way to it fails.
    """
    try:
        yield
    except ClientError as error:
        raise _of_an_answer(what, error.response) from error
    except (HTTPClientError, UnreachableError) as error:
        raise TryAgainLaterError(f"{what}: {error}") from error
    except (BotoCoreError, ValueError) as error:  # no credentials, no Region, an endpoint that is no URL
        raise ConfigurationError(f"{what}: {str(error).rstrip('.')}; check how AWS is configured") from error


def _of_an_answer(what: str, response: Any) -> ConfigurationError | TryAgainLaterError:
    code = response.get("Error", {}).get("Code", "unknown error")
    message = response.get("Error", {}).get("Message", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    if code in _LATER or status >= 500:
        return TryAgainLaterError(f"{what}: the service answers {code}: {message}")
    return ConfigurationError(f"{what}: the service answers {code}: {message}; check the name and the permissions")
