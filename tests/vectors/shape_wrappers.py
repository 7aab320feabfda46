"""Wraps lines as Docker, containerd, Lambda, Fluent Bit and CloudWatch Logs do, without any code of ours.

Lines go in; what these would write comes out.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable
from typing import Any

TIME_MS = 1_760_000_000_000
TIME = "2025-10-09T08:53:20"
"""The same time as text."""
REQUEST = "8f507cfc-1c43-4a0b-9d3e-0a6a2d1f5b7c"
TEXT = "INFO nothing to see"
GROUP, STREAM = "/aws/lambda/shop", "2025/10/09/[$LATEST]0123456789abcdef"


# --- Metric lines -----------------------------------------------------------------------------------------------------


def emf(value: float | dict[str, Any], *, name: str = "A", timestamp_ms: int | None = TIME_MS, **more: Any) -> str:
    """Write a metric line of one metric."""
    directive = {"Namespace": "App", "Dimensions": [[]], "Metrics": [{"Name": name}]}
    metadata = {"CloudWatchMetrics": [directive]}
    if timestamp_ms is not None:
        metadata["Timestamp"] = timestamp_ms  # type: ignore[assignment]
    return compact({"_aws": metadata, name: value, **more})


def compact(document: Any) -> str:
    """Write JSON as programs do."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


# --- What is put around them ------------------------------------------------------------------------------------------


def docker(log: str, *, stream: str = "stdout") -> str:
    """Write a line of the json-file log driver."""
    return compact({"log": log, "stream": stream, "time": f"{TIME}.082640485Z"})


def cri(tag: str, content: bytes | str, *, stream: str = "stdout") -> bytes:
    """Write a line of containerd."""
    content = content.encode() if isinstance(content, str) else content
    return f"{TIME}.669794202Z {stream} {tag} ".encode() + content


def pod(number: int, **members: Any) -> str:
    """Write a line of Fluent Bit with the metadata of a pod."""
    metadata = {"pod_name": f"chat-{number}", "namespace_name": "shop", "container_name": "chat"}
    return compact({"date": TIME_MS / 1000, **members, "kubernetes": metadata})


def firelens(log: str, **members: str) -> str:
    """Write a line of FireLens."""
    container = {"container_id": "c0ffee", "container_name": "/ecs-chat"}
    return compact({"source": "stdout", "log": log, **container, **members})


def event(number: int, message: str, *, ids: bool = True) -> dict[str, Any]:
    """Give a log event as FilterLogEvents gives it."""
    found = {"timestamp": TIME_MS, "message": message, "ingestionTime": TIME_MS + number}
    return {"logStreamName": STREAM, **found, "eventId": f"3{number:055}"} if ids else found


def data_message(messages: Iterable[str], *, first_id: int = 1) -> dict[str, Any]:
    """Give what a subscription delivers."""
    events = [
        {"id": f"3{number:055}", "timestamp": TIME_MS + number, "message": message}
        for number, message in enumerate(messages, start=first_id)
    ]
    return {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": GROUP,
        "logStream": STREAM,
        "subscriptionFilters": ["all"],
        "logEvents": events,
    }


CONTROL = {
    "messageType": "CONTROL_MESSAGE",
    "owner": "CloudwatchLogs",
    "logGroup": "",
    "logStream": "",
    "subscriptionFilters": [],
    "logEvents": [{"id": "", "timestamp": TIME_MS, "message": "CWL CONTROL MESSAGE: Checking health of destination."}],
}


def packed(document: Any) -> str:
    """Give base64 of gzip."""
    return base64.b64encode(gzip.compress(compact(document).encode(), mtime=0)).decode()


def kinesis(*payloads: str) -> dict[str, Any]:
    """Give what Lambda is given of a stream."""
    return {
        "Records": [
            {
                "kinesis": {
                    "data": payload,
                    "sequenceNumber": str(number),
                    "approximateArrivalTimestamp": TIME_MS / 1000,
                },
                "eventSource": "aws:kinesis",
                "eventID": f"shardId-000000000000:{number}",
            }
            for number, payload in enumerate(payloads)
        ]
    }


def firehose(*payloads: str) -> dict[str, Any]:
    """Give what Lambda is given of a delivery stream."""
    records = [
        {"recordId": str(number), "approximateArrivalTimestamp": TIME_MS, "data": payload}
        for number, payload in enumerate(payloads)
    ]
    return {"invocationId": "i", "deliveryStreamArn": "arn:aws:firehose:...", "region": "eu-west-1", "records": records}


def pretty(document: Any, indent: int = 4) -> list[str]:
    """Write JSON as the AWS CLI does."""
    return json.dumps(document, indent=indent).split("\n")


def plain(text: str) -> str:
    """Give base64 alone."""
    return base64.b64encode(text.encode()).decode()


LONG = emf(7, Reply="ä€😀" * 4)
"""A metric line with characters of two, three and four bytes."""
