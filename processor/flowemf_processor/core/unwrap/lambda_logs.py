"""What AWS Lambda puts around a function's lines: a prefix of text, or a JSON object with the line as its message.

Bytes or an object go in; the log event comes out. What Python prints stays as it is
(https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html); a metric document behind the
prefix is a valid one (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
"""

from __future__ import annotations

import json
import re
from typing import Any

from flowemf_processor.core.unwrap.pieces import (
    ISO_SECONDS,
    Opened,
    Piece,
    as_iso_milliseconds,
    iso_milliseconds,
    text_bytes,
)
from flowemf_processor.model import Origin

_REQUEST_IDS = ("requestId", "AWSRequestId")
_TIME = rb"(%s\.\d{3}Z)" % ISO_SECONDS
_REQUEST = rb"(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|undefined)"
_LEVEL = rb"(?:[A-Z]{4,8}[\t ])?"
# Node.js puts the time first, Python's logging the level; the bare prefix has no level at all.
_PREFIX = re.compile(rb"%s[\t ]%s[\t ]%s(.*)" % (_TIME, _REQUEST, _LEVEL), re.DOTALL)
_PYTHON_PREFIX = re.compile(rb"\[[A-Z]{4,8}\]\t%s\t(?:%s)?\t(.*)" % (_TIME, _REQUEST), re.DOTALL)
_MESSAGE = re.compile(r'"message"\s*:\s*(?=\{)')


def of_text(data: bytes) -> Opened | None:
    """Open a line with a prefix; None where it has another shape."""
    found = _PREFIX.fullmatch(data) or _PYTHON_PREFIX.fullmatch(data)
    if found is None:
        return None
    origin = Origin(iso_milliseconds(found[1].decode()), from_log_group=True)
    return Opened((Piece(found[2], origin, ends_with_line=True),))


def of_object(document: dict[str, Any], data: bytes) -> Opened | None:
    """Open an object; None where it has another shape."""
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
        try:
            value, end = json.JSONDecoder().raw_decode(text, found.end())
        except json.JSONDecodeError:
            continue
        if value == message:
            return text_bytes(text[found.end() : end])
    return json.dumps(message).encode()  # its name is spelled with an escape
