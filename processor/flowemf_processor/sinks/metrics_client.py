"""The client that carries a PutMetricData body of our own through botocore's endpoint, credentials and signature.

The body of a request goes in; botocore's answer or its exception comes out, after exactly one attempt.

botocore checks and serialises a request of 1,000 datums in 29 to 194 ms and compresses it at gzip's level 9 in as much
again; its own limits are none that we have not kept already. So an empty request goes through its serialiser, and the
real body takes its place before it is signed.
"""

from __future__ import annotations

import gzip
import json
import threading
from typing import Any

from flowemf_processor.sinks.aws_client import aws_client

_COMPRESSED_FROM_BYTES = 10_240  # what the SDK's own compression begins with, too
_GZIP_LEVEL = 1  # a tenth of the time of level 9 for a body that is a quarter larger
_STAND_IN: dict[str, Any] = {"Namespace": "x", "MetricData": [{"MetricName": "x"}]}
_JSON = "json"


class MetricsClient:
    """Sends bodies, from any number of threads.

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
        if not self._takes_json:
            return
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


def connect(*, endpoint_url: str | None, region: str | None, connections: int) -> MetricsClient:
    """Build the client from the standard AWS configuration (environment, profile, container or instance role).

    Args:
        endpoint_url: another endpoint than the Region's own.
        region: another Region than the configured one.
        connections: how many requests may be on their way at once.

    Returns:
        The client; nothing has been sent yet.

    Raises:
        ConfigurationError: there is no Region or there are no credentials, or one of the settings is malformed.
    """
    return MetricsClient(*aws_client("cloudwatch", endpoint_url=endpoint_url, region=region, connections=connections))
