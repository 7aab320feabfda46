"""The shapes by name: which lines may have one, and which of them a text has.

A line goes in, and whether it has to be looked at comes out, for a fraction of what opening it costs. A text goes in,
and what its wrapper holds comes out, or None for one that stands for itself. Each shape is recognised by what it looks
like, never by where it lies.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flowemf_processor.core.unwrap import cloudwatch_logs, containers, subscription
from flowemf_processor.core.unwrap.pieces import Defect, Opened, Piece, is_emf, load, milliseconds, text_bytes
from flowemf_processor.model import Origin
from flowemf_schemas import names

AUTO = "auto"
RAW = "raw"

_EMF_BEGINNING = b'{"' + names.AWS.encode() + b'"'
_MARKER = names.CLOUDWATCH_METRICS.encode()
# A wrapper that holds one whole event and nothing else to remember need not be opened unless there are metrics in it:
# it is one record either way. The others are told by a member that each of them has.
_MEMBERS = (
    "log", "logtag", "_p", "kubernetes", "eventId", "ingestionTime", "logEvents", "messageType", "awslogs",
    "Records", "records", "events", names.REJECTS,
)  # fmt: skip
# One pattern that begins with a quote costs a third of looking for each member by itself; where all that can follow
# the quote stands in front of the names, a quarter less.
_INITIALS = re.escape("".join({member[0] for member in _MEMBERS}))
_ANY_MEMBER = re.compile(f'"(?=[{_INITIALS}])(?:{"|".join(map(re.escape, _MEMBERS))})"'.encode())
_DIGITS = b"0123456789"
_STREAMS = (b" stdout ", b" stderr ")
_ANY_STREAM = re.compile(rb" std(?:out|err) ")  # half of what looking for their common beginning costs
_STREAM_WITHIN_BYTES = 64
_EVENTS = b"EVENTS\t"
_HEADS = {b"{", b"{\r", b"[", b"[\r", b"[{", _EVENTS[:2]}
_ENDINGS = {b" ", b"\r"}


def could_be_wrapped(data: bytes) -> bool:
    r"""Tell whether a line could be, or belong to, a wrapper; no if most of what makes a wrapper is missing.

    >>> could_be_wrapped(b'{"_aws":{}}'), could_be_wrapped(b'{"level":"INFO"}'), could_be_wrapped(b'{"log":"a\\n"}')
    (False, False, True)

    Args:
        data: the line, or the beginning of a long one.

    Returns:
        False only if the line is one record that stands for itself, as long as nothing before it waits for more.
    """
    first = data[:1]
    if first == b"{":
        if data.startswith(_EMF_BEGINNING):
            return False
        return _MARKER in data or _ANY_MEMBER.search(data) is not None or data == b"{"
    if first and first in _DIGITS:
        head = data[:_STREAM_WITHIN_BYTES]
        return _MARKER in data or data.endswith(b" ") or any(stream in head for stream in _STREAMS)
    if first == b"[":
        return _MARKER in data or data.startswith(b"[{") or data == b"["
    return first == b"E" and data.startswith(_EVENTS)


def any_could_be_wrapped(lines: Sequence[bytes], text: bytes) -> bool:
    r"""Tell whether any of many lines could be wrapped, faster than line by line.

    >>> several = [b"INFO a", b'{"level":"INFO"}']
    >>> any_could_be_wrapped(several, b"".join(several)), any_could_be_wrapped([b'{"log":"a"}'], b'{"log":"a"}')
    (False, True)

    Args:
        lines: without line feeds.
        text: all of them in one, with anything or nothing between them.

    Returns:
        False only if `could_be_wrapped` says so of each.
    """
    # The beginnings and ends of lines have few distinct values: to gather them takes a tenth of looking for each.
    if not _HEADS.isdisjoint({line[:2] for line in lines}) or not _ENDINGS.isdisjoint({line[-1:] for line in lines}):
        return True
    if _MARKER in text or _ANY_STREAM.search(text) is not None:
        return True
    return _ANY_MEMBER.search(text) is not None


# --- Which shape a text has -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Format:
    """A family of shapes.

    Attributes:
        of_text: opens lines of text.
        of_object: opens JSON objects.
        of_array: opens JSON arrays.
        has_documents: whether its JSON may be written over several lines.
        has_raw_lines: whether a line without a wrapper is one of its shapes too.
    """

    of_text: Callable[[bytes], Opened | None] | None = None
    of_object: Callable[[dict[str, Any], bytes], Opened | None] | None = None
    of_array: Callable[[list[Any]], Opened | None] | None = None
    has_documents: bool = False
    has_raw_lines: bool = False


def _of_rejects(document: dict[str, Any], data: bytes) -> Opened | None:  # noqa: ARG001 - one signature for all shapes
    """Open an object of a rejects file, once somebody has mended it; None where it has another shape."""
    if names.REJECTS not in document:
        return None
    # Its event id is not passed on: the record was seen before, and what was mended is to be read all the same.
    origin = Origin(milliseconds(document.get(names.REJECTS_RECEIVED_MS)))
    line, encoded = document.get(names.REJECTS_LINE), document.get(names.REJECTS_LINE_BASE64)
    if type(line) is str:
        return Opened((Piece(text_bytes(line), origin),))
    if type(encoded) is not str:
        return None
    try:
        return Opened((Piece(base64.b64decode(encoded, validate=True), origin),))
    except ValueError as error:
        return Opened((Defect("base64-invalid", f"{names.REJECTS_LINE_BASE64} ({error})"),))


# Where two could open the same text, the first one does: they are ordered from the most particular to the least.
_FORMATS = {
    "rejects": Format(of_object=_of_rejects),
    "docker": Format(of_object=containers.of_docker),
    "cri": Format(of_text=containers.of_cri),
    "lambda": Format(
        of_text=cloudwatch_logs.of_lambda_text, of_object=cloudwatch_logs.of_lambda_object, has_raw_lines=True
    ),
    "fluent-bit": Format(of_object=containers.of_fluent_bit),
    "s3-export": Format(of_text=cloudwatch_logs.of_s3_export),
    "aws-logs": Format(
        of_text=cloudwatch_logs.of_cli_text,
        of_object=cloudwatch_logs.of_cli_object,
        of_array=cloudwatch_logs.of_cli_array,
        has_documents=True,
    ),
    "subscription": Format(of_object=subscription.of_object, has_documents=True),
}
NAMES = (AUTO, RAW, *_FORMATS)
"""What a format may be called; `auto` recognises each line by itself, `raw` opens nothing."""


def recognised(data: bytes, name: str = AUTO) -> Opened | None:
    """Open a wrapper.

    Args:
        data: a text.
        name: of `NAMES`, to try nothing else.

    Returns:
        What it holds; None where it has no such shape.
    """
    formats = tuple(_FORMATS.values()) if name == AUTO else (_FORMATS[name],)
    first = data[:1]
    if first == b"{" or data.startswith(b"[{"):
        return _of_json(load(data), data, formats)
    for each in formats:
        opened = each.of_text(data) if each.of_text else None
        if opened is not None:
            return opened
    return None


def has_documents(name: str) -> bool:
    """Tell whether JSON of this format may be written over several lines."""
    return name == AUTO or (name != RAW and _FORMATS[name].has_documents)


def has_raw_lines(name: str) -> bool:
    """Tell whether a line without a wrapper fits this format."""
    return name in (AUTO, RAW) or _FORMATS[name].has_raw_lines


def _of_json(document: Any, data: bytes, formats: Iterable[Format]) -> Opened | None:
    for each in formats:
        opened = None
        if type(document) is dict and each.of_object and not is_emf(document):
            opened = each.of_object(document, data)
        elif type(document) is list and each.of_array:
            opened = each.of_array(document)
        if opened is not None:
            return opened
    return None
