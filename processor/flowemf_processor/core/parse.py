"""Reads one line.

A line goes in; an event, a rejection with its reasons, or the remark that this is ordinary log comes out.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.measure import measurements_of
from flowemf_processor.model import Event, Incomplete, Line, Other, Record, Rejected
from flowemf_schemas import limits, names
from flowemf_schemas.rules import Finding, examine, finding, metadata_of
from flowemf_schemas.verdicts import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NESTING_LEVELS = 512
"""How deep a line may nest. The JSON parsers give up at about 1,000 levels, at different ones for each Python
version."""

_MARKER = names.CLOUDWATCH_METRICS.encode()
_ESCAPED_ASCII = b"\\u00"
_TRUNCATED_SUFFIX = "[Truncated...]"  # the CloudWatch agent and AWS's OpenTelemetry distribution append this
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(rb"[\[\]{}]")
_MARKER_KEYS = (names.AWS, names.CLOUDWATCH_METRICS)


class _BrokenLineError(Exception):
    """The text of the line is at fault; carries the finding."""

    def __init__(self, found: Finding) -> None:
        super().__init__(found.message)
        self.found = found


def parse(line: Line, *, received_ms: int) -> Record:
    """Read one line.

    Args:
        line: the line, with its position.
        received_ms: the time that an event without a timestamp gets, in milliseconds since the epoch.

    Returns:
        `Event` for a metric line of which at least one datapoint can be used (or that defines none), `Rejected` for a
        metric line of which nothing can be used, `Incomplete` for the torn end of a source, `Other` for everything
        else.
    """
    if not _may_be_metric(line.data):
        return _unless_torn(line, ())
    try:
        document = _document(line)
    except _BrokenLineError as broken:
        return _unless_torn(line, (broken.found,))
    if document is None:
        return Other(line.position)
    return _event(line, document, received_ms)


def _may_be_metric(data: bytes) -> bool:
    """Look for the member's name before anything is parsed, since most lines are no metrics; escapes may hide it."""
    return _MARKER in data or (_ESCAPED_ASCII in data and data.lstrip().startswith(b"{"))


def _unless_torn(line: Line, findings: tuple[Finding, ...]) -> Record:
    """Judge what is no metric line. An unterminated line with a brace in it may become one when its rest is written."""
    if not line.terminated and b"{" in line.data:
        return Incomplete(line.position, (finding("line-incomplete", ""),))
    return Rejected(line.position, findings) if findings else Other(line.position)


def _event(line: Line, document: Any, received_ms: int) -> Event | Rejected:
    findings = tuple(examine(document, size_bytes=line.size_bytes))
    if any(each.scope is Scope.LINE for each in findings):
        return Rejected(line.position, findings)
    measurements = measurements_of(document, findings)
    if not measurements and any(each.scope is not Scope.NOTE for each in findings):
        return Rejected(line.position, findings)
    timestamp_ms = int(metadata_of(document).get(names.TIMESTAMP, received_ms))
    return Event(line.position, timestamp_ms, measurements, findings)


# --- From bytes to a document ---------------------------------------------------------------------------------------


def _document(line: Line) -> Any:
    """Parse the JSON of a line that may be a metric line; None where it turns out to be none."""
    if line.size_bytes > limits.EVENT_BYTES:
        raise _BrokenLineError(finding("line-too-large", f"{line.size_bytes:,} bytes"))
    _refuse_deep_nesting(line.data)
    text = _text(line.data)
    repeated: list[dict[str, Any]] = []

    def build(members: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(members)
        if len(built) < len(members):
            repeated.append(built)
        return built

    try:
        document = json.loads(text, object_pairs_hook=build, parse_constant=_refuse_constant)
    except ValueError as error:
        return _not_json(text, error)
    if not _is_metric_document(document):
        return None
    if repeated:
        _refuse_repetition(document, repeated)
    _refuse_surrogates(line.data, document)
    return document


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _BrokenLineError(finding("invalid-utf-8", f"byte {error.start + 1} of the line")) from None


def _refuse_constant(constant: str) -> float:
    raise _BrokenLineError(finding("not-a-number", f"the line holds {constant}"))


def _not_json(text: str, error: ValueError) -> None:
    """Say what is wrong with text that is not JSON; None where it never mentioned the member as JSON would."""
    if names.CLOUDWATCH_METRICS not in text:
        return
    if not isinstance(error, json.JSONDecodeError):  # an integer of more digits than Python is willing to read
        raise _BrokenLineError(finding("value-out-of-range", "a number of thousands of digits")) from None
    if text.rstrip().endswith(_TRUNCATED_SUFFIX) or _ends_early(text, error):
        raise _BrokenLineError(finding("truncated", f"{len(text.encode()):,} bytes were kept")) from None
    raise _BrokenLineError(finding("not-json", f"column {error.colno}: {error.msg}")) from None


def _ends_early(text: str, error: json.JSONDecodeError) -> bool:
    """Tell a text that stops too soon from one that goes wrong on its way."""
    return text.lstrip().startswith("{") and (
        error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
    )


def _is_metric_document(document: Any) -> bool:
    return type(document) is not dict or any(key in document for key in _MARKER_KEYS)


def _refuse_deep_nesting(data: bytes) -> None:
    if data.count(b"{") + data.count(b"[") <= NESTING_LEVELS:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub(b"", data)):
        depth += 1 if bracket in b"[{" else -1
        if depth > NESTING_LEVELS:
            raise _BrokenLineError(finding("nesting-too-deep", ""))


def _refuse_repetition(document: Any, repeated: list[dict[str, Any]]) -> None:
    """Refuse a member that stands twice where CloudWatch reads: at the root, in the metadata and in targets."""
    read = [document, *_objects(document.get(names.AWS)), *_objects(document.get(names.CLOUDWATCH_METRICS))]
    targets = [value for value in document.values() if type(value) is dict]
    for suspect in repeated:
        if any(suspect is each for each in (*read, *targets)):
            raise _BrokenLineError(finding("duplicate-key", f"an object with the member {_first_key(suspect)}"))


def _first_key(members: dict[str, Any]) -> str:
    return json.dumps(next(iter(members)))[:80]


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Walk through all objects inside a value."""
    inside: Iterable[Any] = ()
    if type(value) is dict:
        yield value
        inside = value.values()
    elif type(value) is list:
        inside = value
    for each in inside:
        yield from _objects(each)


def _refuse_surrogates(data: bytes, document: Any) -> None:
    r"""Refuse half a character (an escape such as a lone \\ud800): no UTF-8 can carry it on to anywhere."""
    if b"\\ud" not in data and b"\\uD" not in data:
        return
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _BrokenLineError(finding("invalid-utf-8", "an escape of half a character")) from None
