"""The log group and stream that lines are written to.

Their names go in; what is known of them comes out, and they are made where that is wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore import exceptions as sdk

from flowemf_processor.core.roads import STANDARD, Found, GroupFacts
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.sinks.answers import outcome_of
from flowemf_processor.sinks.aws_client import aws_client

if TYPE_CHECKING:
    from flowemf_processor.core.log_batches import LogStream

_ATTEMPTS = 3
_EXISTS = "ResourceAlreadyExistsException"
_MISSING = "ResourceNotFoundException"


class LogGroup:
    """A log group and one stream of it.

    Args:
        stream: the names of both.
        endpoint_url: another endpoint than the Region's own.
        region: another Region than the configured one.

    Raises:
        ConfigurationError: there is no Region or there are no credentials, or one of the settings is malformed.
    """

    def __init__(self, stream: LogStream, *, endpoint_url: str | None = None, region: str | None = None) -> None:
        # Asking twice does no harm, nor does making what is there: the SDK may try again by itself.
        self._client, _ = aws_client("logs", endpoint_url=endpoint_url, region=region, attempts=_ATTEMPTS)
        self._stream = stream

    def facts(self) -> GroupFacts:
        """Look at the group.

        Returns:
            What is known of it; also where it cannot be seen.
        """
        group = self._stream.group
        try:
            pages = self._client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=group)
            for page in pages:
                for each in page["logGroups"]:
                    if each["logGroupName"] == group:
                        return _facts_of(each)
        except (sdk.ClientError, sdk.BotoCoreError) as error:
            return GroupFacts(group, _found(error), said=_said(error, "logs:DescribeLogGroups"))
        return GroupFacts(group, Found.MISSING, said=f"none of that name in {self._client.meta.region_name}")

    def make_group(self) -> None:
        """Make the group, of the standard class, where there is none.

        Raises:
            ConfigurationError: that is not allowed.
            TryAgainLaterError: the service cannot be reached.
        """
        self._make("create_log_group", "logs:CreateLogGroup", logGroupName=self._stream.group)

    def make_stream(self) -> None:
        """Make the stream where there is none; one that may not be made may be there nevertheless.

        Raises:
            ConfigurationError: there is no such group.
            TryAgainLaterError: the service cannot be reached.
        """
        names = {"logGroupName": self._stream.group, "logStreamName": self._stream.name}
        self._make("create_log_stream", "logs:CreateLogStream", may_be_forbidden=True, **names)

    def _make(self, operation: str, permission: str, *, may_be_forbidden: bool = False, **names: Any) -> None:
        try:
            getattr(self._client, operation)(**names)
        except (sdk.ClientError, sdk.BotoCoreError) as error:
            code = error.response["Error"].get("Code") if isinstance(error, sdk.ClientError) else ""
            found = _found(error)
            if code == _EXISTS or (may_be_forbidden and found is Found.FORBIDDEN):
                return
            group = self._stream.group
            if code == _MISSING:
                raise ConfigurationError(
                    f"log group {group}: there is none of that name in {self._client.meta.region_name}; check the "
                    "name, or add --create"
                ) from error
            kind = TryAgainLaterError if found is Found.UNREACHABLE else ConfigurationError
            raise kind(f"log group {group}: {_said(error, permission)}") from error


def _facts_of(group: dict[str, Any]) -> GroupFacts:
    # Who does not state a class knows no other: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
    log_class = group.get("logGroupClass", STANDARD)
    return GroupFacts(group["logGroupName"], Found.THERE, log_class, group.get("retentionInDays"))


def _found(error: sdk.ClientError | sdk.BotoCoreError) -> Found:
    is_answer = isinstance(error, sdk.ClientError)
    by_configuration = outcome_of(error, permission="").by_configuration
    return Found.FORBIDDEN if is_answer and by_configuration else Found.UNREACHABLE


def _said(error: sdk.ClientError | sdk.BotoCoreError, permission: str) -> str:
    return outcome_of(error, permission=permission).message
