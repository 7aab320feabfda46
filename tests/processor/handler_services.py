"""What a handler's function meets in AWS: events, CloudWatch, DynamoDB and S3 on loopback, and Lambda around it.

Log events and choices go in; the events that the services would send, a running function, and what it wrote come out.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from cloudwatch_server import CloudWatchServer
from lambda_runtime_api import Answer, Lambda
from s3_servers import moto

from flowemf_schemas.ledger_rules import examine_ledger
from flowemf_schemas.rules import examine

TABLE, BUCKET = "flowemf-event-ids", "rejected"
STREAM_ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/logs"
GROUP = "/shop"
REGION = "us-east-1"


# --- What the services send -------------------------------------------------------------------------------------------


def emf(metrics: Mapping[str, Any], *, namespaces: Iterable[str] = ("App",), timestamp_ms: int | None = None) -> str:
    """Write a metric line, by default of now, with one dimension set."""
    directives = [
        {"Namespace": namespace, "Dimensions": [["FlowName"]], "Metrics": [{"Name": name} for name in metrics]}
        for namespace in namespaces
    ]
    now_ms = time.time_ns() // 1_000_000 if timestamp_ms is None else timestamp_ms
    return json.dumps({"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": directives}, "FlowName": "chat", **metrics})


def data_message(messages: Iterable[str], *, first_id: int = 1) -> bytes:
    """Write what a subscription delivers; the events are numbered."""
    events = [
        {"id": f"{first_id + place:056}", "timestamp": time.time_ns() // 1_000_000, "message": message}
        for place, message in enumerate(messages)
    ]
    document = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": GROUP,
        "logStream": "task/1",
        "subscriptionFilters": ["flowemf"],
        "logEvents": events,
    }
    return gzip.compress(json.dumps(document).encode())


CONTROL_MESSAGE = gzip.compress(
    json.dumps(
        {
            "messageType": "CONTROL_MESSAGE",
            "owner": "CloudwatchLogs",
            "logGroup": "",
            "logStream": "",
            "subscriptionFilters": [],
            "logEvents": [
                {
                    "id": "",
                    "timestamp": 1_760_000_000_000,
                    "message": "CWL CONTROL MESSAGE: Checking health of destination",
                }
            ],
        }
    ).encode()
)


def logs_event(payload: bytes) -> dict[str, Any]:
    """Write what CloudWatch Logs sends to a function."""
    return {"awslogs": {"data": base64.b64encode(payload).decode()}}


def kinesis_event(payloads: Iterable[bytes], *, first: int = 1, age_seconds: float = 5) -> dict[str, Any]:
    """Write what a stream sends to a function; the records are numbered."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": sequence_number(first + place),
                    "data": base64.b64encode(payload).decode(),
                    "approximateArrivalTimestamp": time.time() - age_seconds,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000006:{sequence_number(first + place)}",
                "eventName": "aws:kinesis:record",
                "awsRegion": REGION,
                "eventSourceARN": STREAM_ARN,
            }
            for place, payload in enumerate(payloads)
        ]
    }


def sequence_number(record: int) -> str:
    """Give a record the number that its shard would."""
    return f"4959033827149025660855969253836157109592157598913{record:07}"


def firehose_event(payloads: Iterable[bytes]) -> dict[str, Any]:
    """Write what a delivery stream sends to a function."""
    return {
        "invocationId": "invoked123",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/logs",
        "region": REGION,
        "records": [
            {
                "data": base64.b64encode(payload).decode(),
                "recordId": f"4957254468347475:{place}",
                "approximateArrivalTimestamp": time.time_ns() // 1_000_000,
            }
            for place, payload in enumerate(payloads)
        ],
    }


# --- What it meets ----------------------------------------------------------------------------------------------------


class Services:
    """CloudWatch that can be told what to answer, and moto's DynamoDB and S3."""

    def __init__(self, cloudwatch: CloudWatchServer, moto_url: str) -> None:
        self.cloudwatch = cloudwatch
        self.moto_url = moto_url

    @cached_property
    def dynamodb(self) -> Any:
        """A client of the table's service."""
        return boto3.client("dynamodb", endpoint_url=self.moto_url, region_name=REGION)

    @cached_property
    def s3(self) -> Any:
        """A client of the bucket's service."""
        return boto3.client("s3", endpoint_url=self.moto_url, region_name=REGION)

    def environment(self, **settings: str) -> dict[str, str]:
        """Give a function its variables: settings without their prefix, in small letters."""
        return {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ENDPOINT_URL_CLOUDWATCH": self.cloudwatch.endpoint_url,
            "AWS_ENDPOINT_URL_DYNAMODB": self.moto_url,
            "AWS_ENDPOINT_URL_S3": self.moto_url,
            **{f"FLOWEMF_HANDLER_{name.upper()}": value for name, value in settings.items()},
        }

    def make_table(self) -> None:
        """Make the table as the templates do, without anything in it."""
        with contextlib.suppress(self.dynamodb.exceptions.ResourceNotFoundException):
            self.dynamodb.delete_table(TableName=TABLE)
        self.dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "event_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "event_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def states(self) -> dict[str, str]:
        """Give what the table holds: the state of each key."""
        items = self.dynamodb.scan(TableName=TABLE)["Items"]
        return {item["event_id"]["S"]: item["state"]["S"] for item in items}

    def end_claims(self) -> None:
        """Let the time pass after which a claim is over."""
        for key, state in self.states().items():
            if state == "claimed":
                self.dynamodb.update_item(
                    TableName=TABLE,
                    Key={"event_id": {"S": key}},
                    UpdateExpression="SET until_ms = :past",
                    ExpressionAttributeValues={":past": {"N": "1"}},
                )

    def sent(self, metric: str = "A") -> list[float]:
        """Give the values of a metric that CloudWatch has taken or seen, in ascending order."""
        counts = self.cloudwatch.values()
        return sorted(v for (_, name, v), count in counts.items() if name == metric for _ in range(int(count)))


@contextlib.contextmanager
def services() -> Iterator[Services]:
    """Run the services."""
    with CloudWatchServer() as cloudwatch, moto() as moto_url:
        yield Services(cloudwatch, moto_url)


# --- The function -----------------------------------------------------------------------------------------------------


def function(directory: Path, handler: str, environment: Mapping[str, str]) -> Lambda:
    """Run a handler under Lambda's own runtime interface client."""
    directory.mkdir(parents=True, exist_ok=True)
    # As Lambda sets it: then a thread of its own waits for the next event, and a signal finds the function listening.
    variables = {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13", **environment}
    return Lambda(directory, f"from flowemf_processor.handlers import {handler} as lambda_handler\n", variables)


def report_of(answer: Answer) -> dict[str, Any]:
    """Give the line of the last invocation: a valid metric line, whose ledger balances."""
    lines = [line for line in answer.written.splitlines() if line.startswith(b'{"_aws"')]
    report: dict[str, Any] = json.loads(lines[-1])
    assert examine(report) == []
    assert examine_ledger(report["ledger"]) == [], report["ledger"]
    return report
