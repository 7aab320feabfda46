"""What a subscription of a log group delivers: to Lambda, through Kinesis, through Firehose.

An object goes in; log events come out. Payloads are base64, mostly of gzip, of a DATA_MESSAGE with log events; a
CONTROL_MESSAGE is the service's own (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html).
Records that somebody else has put into a stream hold lines.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import replace
from typing import Any

from flowemf_processor.core.blocks import objects_of
from flowemf_processor.core.unwrap.pieces import Defect, NoEvent, Opened, Piece, milliseconds, name_of, text_bytes
from flowemf_processor.model import Origin
from flowemf_schemas import limits

_NEWLINE = b"\n"
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW_BITS = 31  # what tells zlib to expect gzip's header


def of_object(document: dict[str, Any], data: bytes) -> Opened | None:  # noqa: ARG001 - one signature for all shapes
    """Open an event of Lambda, Kinesis or Firehose, or what was in one; None where it has another shape."""
    if "messageType" in document:
        return _of_message(document)
    logs = document.get("awslogs")
    if type(logs) is dict and type(logs.get("data")) is str:
        return _opened([(logs["data"], Origin(from_log_group=True))])
    for member, payload_of in (("Records", _of_kinesis), ("records", _of_firehose)):
        records = document.get(member)
        if type(records) is list and records:
            payloads = [payload_of(each) for each in records if type(each) is dict]
            known = [each for each in payloads if each is not None]
            if len(known) == len(records):
                return _opened(known)
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


def _of_kinesis(record: dict[str, Any]) -> tuple[str, Origin] | None:
    inner = record.get("kinesis")
    if type(inner) is not dict or type(inner.get("data")) is not str:
        return None
    arrived_ms = milliseconds(inner.get("approximateArrivalTimestamp"), per_unit=1000)
    return inner["data"], Origin(arrived_ms, event_id=name_of(record.get("eventID")))


def _of_firehose(record: dict[str, Any]) -> tuple[str, Origin] | None:
    if type(record.get("data")) is not str:
        return None
    return record["data"], Origin(milliseconds(record.get("approximateArrivalTimestamp")))


def _opened(payloads: list[tuple[str, Origin]]) -> Opened:
    """Open payloads, all of which share the room that one line has."""
    pieces: list[Piece | Defect] = []
    room_bytes = int(limits.PAYLOAD_BYTES)
    for payload, origin in payloads:
        try:
            lines = opened_payload(payload, room_bytes=room_bytes)
        except PayloadError as error:
            pieces.append(Defect(error.reason, error.where, _alone(payload)))
            continue
        room_bytes = max(0, room_bytes - sum(map(len, lines)))  # what is not compressed may hold more
        pieces += [Piece(line, _numbered(origin, number)) for number, line in enumerate(lines)]
    return Opened(tuple(pieces), holds_many=True)


def _numbered(origin: Origin, number: int) -> Origin:
    """Give each line of a record an id of its own: the same line twice in one record is no duplicate."""
    return replace(origin, event_id=f"{origin.event_id}/{number}") if origin.event_id else origin


# --- Payloads ---------------------------------------------------------------------------------------------------------


class PayloadError(Exception):
    """The data cannot be opened; carries the reason of the table of verdicts, and a place."""

    def __init__(self, reason: str, where: str) -> None:
        super().__init__(where)
        self.reason = reason
        self.where = where


def opened_payload(text: str, *, room_bytes: int = limits.PAYLOAD_BYTES) -> list[bytes]:
    r"""Open the data of a record.

    >>> opened_payload("e30Ke30=")
    [b'{}', b'{}']

    Args:
        text: base64.
        room_bytes: how large its data may be when decompressed.

    Returns:
        Its lines, and JSON documents that follow each other without a line ending one by one.

    Raises:
        PayloadError: it is no base64, damaged, or too large.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PayloadError("base64-invalid", f"{len(text):,} characters ({error})") from None
    if data.startswith(_GZIP):
        data = _decompressed(data, room_bytes)
    if data.count(_NEWLINE) > limits.EVENTS_PER_WRAPPER:  # to cut it up would take a hundred times its size
        raise PayloadError("wrapper-too-large", f"{data.count(_NEWLINE):,} lines")
    lines = data.removesuffix(_NEWLINE).split(_NEWLINE)
    return [document for line in lines for document in objects_of(line.removesuffix(b"\r"))]


def _decompressed(data: bytes, room_bytes: int) -> bytes:
    """Decompress gzip, which may have several members, within the limit."""
    opened = bytearray()
    rest = data
    while rest:
        member = zlib.decompressobj(_GZIP_WINDOW_BITS)
        try:
            opened += member.decompress(rest, room_bytes + 1 - len(opened))
        except zlib.error as error:
            raise PayloadError("payload-damaged", f"{len(data):,} bytes of gzip ({error})") from None
        if len(opened) > room_bytes:
            raise PayloadError("payload-too-large", f"{len(data):,} bytes of gzip")
        if not member.eof:
            raise PayloadError("payload-damaged", f"{len(data):,} bytes of gzip that end too early")
        rest = member.unused_data.lstrip(b"\x00")  # zeros may pad what follows the last member
    return bytes(opened)
