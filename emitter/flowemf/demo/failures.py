"""The failures that an application meets when it calls models, one for each error type.

A rotation gives one exception after the other; their classes are named, and their messages worded, like those of the
libraries that raise them.
"""

from __future__ import annotations

from itertools import cycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ENDPOINT = "https://bedrock-runtime.us-east-1.amazonaws.com"


class ReadTimeoutError(Exception):
    """Named like botocore's."""


class EndpointConnectionError(Exception):
    """Named like botocore's."""


class RateLimitError(Exception):
    """Named like that of the SDKs of OpenAI and Anthropic, with the HTTP status that they carry."""

    status_code = 429


class ClientError(Exception):
    """Named like botocore's, with the service's answer as `response`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"An error occurred ({code}) when calling the Converse operation: {message}")
        self.response = {"Error": {"Code": code, "Message": message}}

    @property
    def is_throttling(self) -> bool:
        """Whether the same call may succeed a little later."""
        return self.response["Error"]["Code"] == "ThrottlingException"


class AccessDeniedException(ClientError):  # noqa: N818 - the name is the point
    """Named like the class that botocore makes of this error code."""


class UnusableAnswerError(ValueError):
    """The application's own: the model has answered, but not with what was asked for."""


def _timeout() -> Exception:
    return ReadTimeoutError(f'Read timeout on endpoint URL: "{_ENDPOINT}"')


def _connection() -> Exception:
    return EndpointConnectionError(f'Could not connect to the endpoint URL: "{_ENDPOINT}"')


def _authentication() -> Exception:
    return AccessDeniedException("AccessDeniedException", "You don't have access to the model with the specified ID.")


def _throttling() -> Exception:
    return ClientError("ThrottlingException", "Too many tokens, please wait before trying again.")


def _rate_limit() -> Exception:
    return RateLimitError("Number of requests has exceeded your per-minute limit")


def _generic() -> Exception:
    return UnusableAnswerError("the answer is not the JSON object that was asked for")


KINDS: tuple[Callable[[], Exception], ...] = (
    _throttling,
    _timeout,
    _rate_limit,
    _connection,
    _generic,
    _authentication,
)


def rotation() -> Iterator[Exception]:
    """Give a new exception each time, one kind after the other, so that a short run meets all of them."""
    return (kind() for kind in cycle(KINDS))
