"""CloudWatch Logs by PutLogEvents.

Batches go in; what the service answered comes out, sorted by what is now known, and for each event that it did not
take the reason why.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from botocore import exceptions as sdk

from flowemf_processor.core.log_batches import refused_events
from flowemf_processor.core.roads import NO_LOG_GROUP
from flowemf_processor.model import Outcome, State
from flowemf_processor.sinks.answers import outcome_of
from flowemf_processor.sinks.aws_client import aws_client

if TYPE_CHECKING:
    from flowemf_processor.core.log_batches import LogStream
    from flowemf_processor.model import Batch

PERMISSION = "logs:PutLogEvents"


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
            if error.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
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
