"""CloudWatch by PutMetricData.

Batches go in; what the service answered comes out, sorted by what is now known: taken, refused for good, not sent, or
nobody knows.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore import exceptions as sdk

from flowemf_processor.model import Outcome, State
from flowemf_processor.sinks.aws import aws_client, outcome_of

if TYPE_CHECKING:
    from flowemf_processor.model import Batch

PERMISSION = "cloudwatch:PutMetricData"

# The service names the datum at fault, counted from 1, as in "The parameter MetricData.member.3.Value must be ...".
_CULPRIT = re.compile(r"MetricData\.member\.(\d{1,6})\b")

_PAGE = "text/html"
_NOT_THE_SERVICE = Outcome(
    State.AMBIGUOUS,
    "answered-by-another",
    "the answer is a web page, as a proxy sends it in place of the service; check --endpoint-url and the proxy",
)

_COMPRESSED_FROM_BYTES = 10_240  # what the SDK's own compression begins with, too
_GZIP_LEVEL = 1  # a tenth of the time of level 9 for a body that is a quarter larger
_STAND_IN: dict[str, Any] = {"Namespace": "x", "MetricData": [{"MetricName": "x"}]}
_JSON = "json"


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
    """Build the sink from the standard AWS configuration (environment, profile, container or instance role).

    Args:
        endpoint_url: another endpoint than the Region's own.
        region: another Region than the configured one.
        connections: how many requests may be on their way at once.

    Returns:
        The sink; nothing has been sent yet.

    Raises:
        ConfigurationError: there is no Region or there are no credentials, or one of the settings is malformed.
    """
    client, account = aws_client("cloudwatch", endpoint_url=endpoint_url, region=region, connections=connections)
    return MetricsSink(MetricsClient(client, account))


class MetricsClient:
    """Carries bodies of our own through botocore's endpoint, credentials and signature, from any number of threads.

    botocore checks and serialises a request of 1,000 datums in 29 to 194 ms and compresses it at gzip's level 9 in as
    much again; its own limits are none that we have not kept already. So an empty request goes through its serialiser,
    and the real body takes its place before it is signed.

    Args:
        client: a CloudWatch client of boto3 that makes one attempt and checks no parameters.
        account: the account whose metrics these are; empty where that is not known.
    """

    def __init__(self, client: Any, account: str) -> None:
        self._client = client
        self.account = account
        self._own = threading.local()
        self.region: str = client.meta.region_name
        self.endpoint_url: str = client.meta.endpoint_url
        # The body is JSON. Should botocore choose another protocol for this service one day, it serialises by itself.
        self._takes_json = client.meta.service_model.resolved_protocol == _JSON
        if self._takes_json:
            client.meta.events.register("before-call.cloudwatch.PutMetricData", self._put_body)

    def put(self, body: bytes) -> str:
        """Send one request.

        Args:
            body: the parameters of PutMetricData as JSON, inside every limit.

        Returns:
            The media type of the answer, which was a yes.

        Raises:
            ClientError: the service has answered with an error.
            BotoCoreError: there was no answer that could be read.
        """
        if self._takes_json:
            self._own.body = body
            answer = self._client.put_metric_data(**_STAND_IN)
        else:
            answer = self._client.put_metric_data(**json.loads(body))
        media_type: str = answer["ResponseMetadata"]["HTTPHeaders"].get("content-type", "")
        return media_type.partition(";")[0]

    def _put_body(self, params: dict[str, Any], **_: object) -> None:
        body: bytes = self._own.body
        if len(body) >= _COMPRESSED_FROM_BYTES:
            body = _compressed(body)
            params["headers"]["Content-Encoding"] = "gzip"
        params["body"] = body


def _compressed(body: bytes) -> bytes:
    try:
        from isal import igzip
    except ImportError:  # there are no wheels for every processor
        return gzip.compress(body, _GZIP_LEVEL, mtime=0)
    return igzip.compress(body, _GZIP_LEVEL, mtime=0)
