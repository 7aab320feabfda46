"""Log events as CloudWatch Logs gives them out: what `aws logs` prints, what is exported to S3, lines of Lambda.

Objects, arrays and lines go in; log events come out, with their log stream and event id where these are stated.
"""

from __future__ import annotations

import json
import re
from typing import Any

from flowemf_processor.core.unwrap.pieces import (
    ISO_SECONDS,
    NoEvent,
    Opened,
    Piece,
    as_iso_milliseconds,
    iso_milliseconds,
    milliseconds,
    name_of,
    text_bytes,
)
from flowemf_processor.model import Origin

EVENT_LINE = re.compile(
    rb"EVENTS\t(?:(\d{14,})\t(\d{13})\t([^\t]*)|(\d{13}))\t(.*)\t(\d{13})",
    re.DOTALL,
)
"""`--output text`: event id, time of ingestion, log stream (filter-log-events) or time of ingestion alone
(get-log-events); then the message, which may end with a line ending of its own, and its time."""

_TAIL_DETAILED = re.compile(rb"(%s\.\d{6}\+00:00) (\S+) (.*)" % ISO_SECONDS, re.DOTALL)
# --format json writes whole seconds where the milliseconds are 0, and what is no JSON behind the stream.
_TAIL_JSON = re.compile(rb"(%s\+00:00) (\S+) (.*)" % ISO_SECONDS, re.DOTALL)
_TAIL_SHORT = re.compile(rb"(%s)() (.*)" % ISO_SECONDS, re.DOTALL)
# The streams that were searched, and the tokens of the next page.
_NO_EVENT = re.compile(rb"SEARCHEDLOGSTREAMS\t.*|b/\d+(?:/s)?\tf/\d+(?:/s)?|NEXTTOKEN\t.*")
_ID_MEMBERS = ("eventId", "ingestionTime")

_S3_LINE = re.compile(rb"(%s\.\d{3}Z) (.*)" % ISO_SECONDS, re.DOTALL)

_REQUEST_IDS = ("requestId", "AWSRequestId")
_TIME = rb"(%s\.\d{3}Z)" % ISO_SECONDS
_REQUEST = rb"(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|undefined)"
_LEVEL = rb"(?:[A-Z]{4,8}[\t ])?"
# Node.js puts the time first, Python's logging the level; the bare prefix has no level at all.
_PREFIX = re.compile(rb"%s[\t ]%s[\t ]%s(.*)" % (_TIME, _REQUEST, _LEVEL), re.DOTALL)
_PYTHON_PREFIX = re.compile(rb"\[[A-Z]{4,8}\]\t%s\t(?:%s)?\t(.*)" % (_TIME, _REQUEST), re.DOTALL)
# Behind a letter a quote is the end of a string, and before a colon that string is a name: an object follows.
_MESSAGE = re.compile(r'"message"\s*:\s*(?=\{)')


# --- What `aws logs` prints: https://docs.aws.amazon.com/cli/latest/reference/logs/ -----------------------------------


def of_cli_object(document: dict[str, Any], data: bytes) -> Opened | None:  # noqa: ARG001 - one signature for all shapes
    """Open what filter-log-events or get-log-events gave, or one event of it; None for another shape."""
    events = document.get("events")
    if type(events) is list and _are_events(events):
        return Opened(tuple(_cli_piece(event) for event in events), holds_many=True)
    is_event = _is_event(document) and any(member in document for member in _ID_MEMBERS)
    return Opened((_cli_piece(document),)) if is_event else None


def of_cli_array(documents: list[Any]) -> Opened | None:
    """Open the events alone, as `--query events` gives them; None for another shape."""
    is_list = _are_events(documents) and any(member in documents[0] for member in _ID_MEMBERS) if documents else False
    return Opened(tuple(_cli_piece(event) for event in documents), holds_many=True) if is_list else None


def of_cli_text(data: bytes) -> Opened | None:
    """Open a line of `--output text` or of tail; None where it has another shape."""
    found = EVENT_LINE.fullmatch(data)
    if found is not None:
        return Opened((_cli_text_piece(found),))
    if _NO_EVENT.fullmatch(data):
        return Opened((NoEvent(),))
    found = _TAIL_DETAILED.fullmatch(data) or _TAIL_JSON.fullmatch(data) or _TAIL_SHORT.fullmatch(data)
    if found is None:
        return None
    origin = Origin(
        iso_milliseconds(found[1].decode()), log_stream=found[2].decode(errors="replace"), from_log_group=True
    )
    return Opened((Piece(found[3], origin, ends_with_line=True),))


def _is_event(value: Any) -> bool:
    return type(value) is dict and type(value.get("message")) is str


def _are_events(values: list[Any]) -> bool:
    return all(_is_event(each) for each in values)


def _cli_piece(event: dict[str, Any]) -> Piece:
    taken_in, written = milliseconds(event.get("ingestionTime")), milliseconds(event.get("timestamp"))
    origin = Origin(
        written if taken_in is None else taken_in,
        log_group=name_of(event.get("logGroupName")),
        log_stream=name_of(event.get("logStreamName")),
        event_id=name_of(event.get("eventId")),
        # Which only our own reading of a log group states: of this class CloudWatch extracts nothing.
        from_log_group=event.get("logGroupClass") != "INFREQUENT_ACCESS",
    )
    return Piece(text_bytes(event["message"]), origin)


def _cli_text_piece(found: re.Match[bytes]) -> Piece:
    event_id, taken_in, stream, only_taken_in, message, _ = found.groups()
    origin = Origin(
        milliseconds(int(taken_in or only_taken_in)),
        log_stream=(stream or b"").decode(errors="replace"),
        event_id=(event_id or b"").decode(),
        from_log_group=True,
    )
    return Piece(message.removesuffix(b"\n").removesuffix(b"\r"), origin)


# --- What is exported to S3 -------------------------------------------------------------------------------------------


def of_s3_export(data: bytes) -> Opened | None:
    """Open a line of an export: a time, a space and the message; None where it has another shape.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html
    """
    found = _S3_LINE.fullmatch(data)
    if found is None:
        return None
    origin = Origin(iso_milliseconds(found[1].decode()), from_log_group=True)
    return Opened((Piece(found[2], origin, ends_with_line=True),))


# --- What Lambda puts around a function's lines -----------------------------------------------------------------------


def of_lambda_text(data: bytes) -> Opened | None:
    """Open a line that a function wrote, with the prefix of its runtime; None where it has another shape.

    What Python prints has none (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html);
    a metric document behind the prefix is a valid one
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
    """
    found = _PREFIX.fullmatch(data) or _PYTHON_PREFIX.fullmatch(data)
    if found is None:
        return None
    origin = Origin(iso_milliseconds(found[1].decode()), from_log_group=True)
    return Opened((Piece(found[2], origin, ends_with_line=True),))


def of_lambda_object(document: dict[str, Any], data: bytes) -> Opened | None:
    """Open an object of Lambda's JSON log format, with the line as its message; None where it has another shape."""
    if "timestamp" not in document or not any(key in document for key in _REQUEST_IDS):
        return None
    message = document.get("message")
    origin = Origin(as_iso_milliseconds(document["timestamp"]), from_log_group=True)
    if type(message) is str:
        return Opened((Piece(text_bytes(message), origin),))
    return Opened((Piece(_source_text(data, message), origin),)) if type(message) is dict else None


def _source_text(data: bytes, message: dict[str, Any]) -> bytes:
    """Give the message as it was written: written anew, a member that stands twice would have vanished."""
    text = data.decode(errors="surrogateescape")
    for found in _MESSAGE.finditer(text):
        value, end = json.JSONDecoder().raw_decode(text, found.end())
        if value == message:
            return text_bytes(text[found.end() : end])
    return json.dumps(message).encode()  # its name is spelled with an escape
