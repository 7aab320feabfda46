"""CloudWatch by PutMetricData.

Batches go in; what the service answered comes out, sorted by what is now known: taken, refused for good, not sent, or
nobody knows.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from botocore import exceptions as sdk

from flowemf_processor.model import Outcome, State
from flowemf_processor.sinks import metrics_client
from flowemf_processor.sinks.answers import outcome_of

if TYPE_CHECKING:
    from flowemf_processor.model import Batch
    from flowemf_processor.sinks.metrics_client import MetricsClient

PERMISSION = "cloudwatch:PutMetricData"

# The service names the datum at fault, counted from 1, as in "The parameter MetricData.member.3.Value must be ...".
_CULPRIT = re.compile(r"MetricData\.member\.(\d{1,6})\b")

_PAGE = "text/html"
_NOT_THE_SERVICE = Outcome(
    State.AMBIGUOUS,
    "answered-by-another",
    "the answer is a web page, as a proxy sends it in place of the service; check --endpoint-url and the proxy",
)


class MetricsSink:
    """Sends batches with PutMetricData, each once: the SDK's own retries would count a slow success twice.

    Args:
        client: carries the bodies.
    """

    name = "metrics"

    def __init__(self, client: MetricsClient) -> None:
        self._client = client

    @property
    def destination(self) -> str:
        """What a checkpoint calls it: the same data may be owed to another account, Region or endpoint."""
        return " ".join(("metrics", self._client.account, self._client.region, self._client.endpoint_url))

    def send(self, batch: Batch) -> Outcome:
        """Send one batch.

        Args:
            batch: a request inside every limit.

        Returns:
            What is known of it now; of a refusal, also which datums the service names.
        """
        try:
            media_type = self._client.put(batch.body)
        except (sdk.ClientError, sdk.BotoCoreError) as error:
            return _with_culprits(outcome_of(error, permission=PERMISSION), len(batch.parts))
        return _NOT_THE_SERVICE if media_type == _PAGE else Outcome(State.ACCEPTED)


def _with_culprits(outcome: Outcome, datums: int) -> Outcome:
    if outcome.state is not State.REFUSED:
        return outcome
    named = {int(number) - 1 for number in _CULPRIT.findall(outcome.message)}
    return replace(outcome, culprits=tuple(sorted(index for index in named if 0 <= index < datums)))


def connect(*, endpoint_url: str | None = None, region: str | None = None, connections: int = 1) -> MetricsSink:
    """Build the sink from the standard AWS configuration; see `metrics_client.connect`.

    Args:
        endpoint_url: another endpoint than the Region's own.
        region: another Region than the configured one.
        connections: how many requests may be on their way at once.

    Returns:
        The sink; nothing has been sent yet.

    Raises:
        ConfigurationError: there is no Region or there are no credentials, or one of the settings is malformed.
    """
    return MetricsSink(metrics_client.connect(endpoint_url=endpoint_url, region=region, connections=connections))
