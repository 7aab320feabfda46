"""CloudWatch Logs: PutLogEvents, and the log group and stream that it writes to.

Batches go in; what the service answered comes out, sorted by what is now known, and for each event that it did not
take the reason why. What is known of the group comes out too, and it is made where that is wanted.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from botocore import exceptions as sdk

from flowemf_processor.core.log_batches import refused_events
from flowemf_processor.core.roads import NO_LOG_GROUP, STANDARD, Found, GroupFacts
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.model import Outcome, State
from flowemf_processor.sinks.aws import aws_client, outcome_of

if TYPE_CHECKING:
    from flowemf_processor.core.log_batches import LogStream
    from flowemf_processor.model import Batch

PERMISSION = "logs:PutLogEvents"

_GROUP_ATTEMPTS = 3
_EXISTS = "ResourceAlreadyExistsException"
_MISSING = "ResourceNotFoundException"


class LogsSink:
    """Sends batches with PutLogEvents, each once; sequence tokens are no longer needed, so several may be on their way.

    Args:
        client: boto3's client for CloudWatch Logs, which makes one attempt.
        account: the account whose log group it is; empty where that is not known.
        stream: where the lines go.
    """

    name = "logs"

    def __init__(self, client: Any, account: str, stream: LogStream) -> None:
        self._client = client
        meta = client.meta
        self.destination = " ".join(("logs", account, meta.region_name, meta.endpoint_url, stream.group, stream.name))
        """What a checkpoint calls it: the same lines may be owed to another stream."""

    def send(self, batch: Batch) -> Outcome:
        """Send one batch.

        Args:
            batch: a request inside every limit.

        Returns:
            What is known of it now; where it was accepted, also which of its events were not, and why.
        """
        try:
            answer = self._client.put_log_events(**batch.request)
        except sdk.ClientError as error:
            if error.response.get("Error", {}).get("Code") == _MISSING:
                return _no_log_group(error)
            return outcome_of(error, permission=PERMISSION)
        except sdk.BotoCoreError as error:
            return outcome_of(error, permission=PERMISSION)
        refused = refused_events(batch, answer.get("rejectedLogEventsInfo"))
        left_out: Counter[str] = Counter()
        for index, reason in refused.items():
            left_out[reason] += batch.parts[index]
        return Outcome(State.ACCEPTED, culprits=tuple(sorted(refused)), left_out=tuple(sorted(left_out.items())))


def _no_log_group(error: sdk.ClientError) -> Outcome:
    """Sort the answer that there is no such group or stream: nothing was taken, and somebody can make it."""
    said = error.response["Error"].get("Message", "")
    return Outcome(State.PENDING, NO_LOG_GROUP, f"{said}; make it, or add --create", by_configuration=True)


def connect(
    stream: LogStream, *, endpoint_url: str | None = None, region: str | None = None, connections: int = 1
) -> LogsSink:
    """Build the sink from the standard AWS configuration.

    Args:
        stream: where the lines go.
        endpoint_url: another endpoint than the Region's own.
        region: another Region than the configured one.
        connections: how many requests may be on their way at once.

    Returns:
        The sink; nothing has been sent yet.

    Raises:
        ConfigurationError: there is no Region or there are no credentials, or one of the settings is malformed.
    """
    client, account = aws_client("logs", endpoint_url=endpoint_url, region=region, connections=connections)
    return LogsSink(client, account, stream)


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
        self._client, _ = aws_client("logs", endpoint_url=endpoint_url, region=region, attempts=_GROUP_ATTEMPTS)
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
