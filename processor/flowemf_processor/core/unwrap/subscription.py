"""What a subscription of a log group delivers: to Lambda, through Kinesis, through Firehose.

An object goes in; log events come out. Payloads are base64, mostly of gzip, of a DATA_MESSAGE with log events; a
CONTROL_MESSAGE is the service's own (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html).
Records that somebody else has put into a stream hold lines.
"""

from __future__ import annotations

import json
from typing import Any

from flowemf_processor.core.unwrap.payload import PayloadError, opened_payload
from flowemf_processor.core.unwrap.pieces import Defect, NoEvent, Opened, Piece
from flowemf_processor.core.unwrap.values import milliseconds, name_of, text_bytes
from flowemf_processor.model import Origin


def of_object(document: dict[str, Any], data: bytes) -> Opened | None:  # noqa: ARG001 - one signature for all shapes
    """Open an event of Lambda, Kinesis or Firehose, or what was in one; None where it has another shape."""
    if "messageType" in document:
        return _of_message(document)
    logs = document.get("awslogs")
    if type(logs) is dict and type(logs.get("data")) is str:
        return Opened(tuple(_lines_of(logs["data"], Origin(from_log_group=True))), holds_many=True)
    for member, pieces_of in (("Records", _of_kinesis), ("records", _of_firehose)):
        records = document.get(member)
        if type(records) is list and records and all(type(each) is dict for each in records):
            found = [pieces_of(each) for each in records]
            if None not in found:
                return Opened(tuple(piece for pieces in found for piece in pieces or ()), holds_many=True)
    return None


def _alone(payload: str) -> bytes:
    """Wrap a record again: what was rejected must not bring its sound neighbours a second time."""
    return json.dumps({"records": [{"data": payload}]}).encode()


def _of_message(document: dict[str, Any]) -> Opened | None:
    if document["messageType"] == "CONTROL_MESSAGE":
        return Opened((NoEvent(),))
    events = document.get("logEvents")
    if type(events) is not list or not all(type(each) is dict and type(each.get("message")) is str for each in events):
        return None
    group, stream = name_of(document.get("logGroup")), name_of(document.get("logStream"))
    return Opened(tuple(_of_event(each, group, stream) for each in events), holds_many=True)


def _of_event(event: dict[str, Any], group: str, stream: str) -> Piece:
    origin = Origin(milliseconds(event.get("timestamp")), group, stream, name_of(event.get("id")), from_log_group=True)
    return Piece(text_bytes(event["message"]), origin)


def _of_kinesis(record: dict[str, Any]) -> list[Piece | Defect] | None:
    inner = record.get("kinesis")
    if type(inner) is not dict or type(inner.get("data")) is not str:
        return None
    arrived_ms = milliseconds(inner.get("approximateArrivalTimestamp"), per_unit=1000)
    return _lines_of(inner["data"], Origin(arrived_ms, event_id=name_of(record.get("eventID"))))


def _of_firehose(record: dict[str, Any]) -> list[Piece | Defect] | None:
    if type(record.get("data")) is not str:
        return None
    return _lines_of(record["data"], Origin(milliseconds(record.get("approximateArrivalTimestamp"))))


def _lines_of(payload: str, origin: Origin) -> list[Piece | Defect]:
    try:
        lines = opened_payload(payload)
    except PayloadError as error:
        return [Defect(error.reason, error.where, _alone(payload))]
    if origin.event_id:  # several lines of one record are not duplicates of one another
        origins = [Origin(origin.received_ms, event_id=f"{origin.event_id}/{number}") for number in range(len(lines))]
        return [Piece(line, each) for line, each in zip(lines, origins, strict=True)]
    return [Piece(line, origin) for line in lines]
