"""What `aws logs` prints: filter-log-events and get-log-events as JSON or text, and tail.

Objects, arrays and lines go in; log events come out, with their log stream and event id where these are printed
(https://docs.aws.amazon.com/cli/latest/reference/logs/).
"""

from __future__ import annotations

import re
from typing import Any

from flowemf_processor.core.unwrap.pieces import (
    ISO_SECONDS,
    NoEvent,
    Opened,
    Piece,
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


def of_object(document: dict[str, Any], data: bytes) -> Opened | None:  # noqa: ARG001 - one signature for all shapes
    """Open what filter-log-events or get-log-events gave, or one event of it; None for another shape."""
    events = document.get("events")
    if type(events) is list and _are_events(events):
        return Opened(tuple(_piece(event) for event in events), holds_many=True)
    is_event = _is_event(document) and any(member in document for member in _ID_MEMBERS)
    return Opened((_piece(document),)) if is_event else None


def of_array(documents: list[Any]) -> Opened | None:
    """Open the events alone, as `--query events` gives them; None for another shape."""
    is_list = _are_events(documents) and any(member in documents[0] for member in _ID_MEMBERS) if documents else False
    return Opened(tuple(_piece(event) for event in documents), holds_many=True) if is_list else None


def of_text(data: bytes) -> Opened | None:
    """Open a line of `--output text` or of tail; None where it has another shape."""
    found = EVENT_LINE.fullmatch(data)
    if found is not None:
        return Opened((_text_piece(found),))
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


def _piece(event: dict[str, Any]) -> Piece:
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


def _text_piece(found: re.Match[bytes]) -> Piece:
    event_id, taken_in, stream, only_taken_in, message, _ = found.groups()
    origin = Origin(
        milliseconds(int(taken_in or only_taken_in)),
        log_stream=(stream or b"").decode(errors="replace"),
        event_id=(event_id or b"").decode(),
        from_log_group=True,
    )
    return Piece(message.removesuffix(b"\n").removesuffix(b"\r"), origin)
