"""Reads the JSON of a line that may be a metric line.

A line goes in; its document comes out, or None where it is no metric document, or what is wrong with its text.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from flowemf_schemas import limits, names
from flowemf_schemas.rules import Finding, finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.model import Line

NESTING_LEVELS = 512
"""How deep a line may nest. The JSON parsers give up at about 1,000 levels, at different ones for each Python
version."""

_MARKER = names.CLOUDWATCH_METRICS.encode()
_QUOTED_AWS = json.dumps(names.AWS).encode()
_MARKER_KEYS = (names.AWS, names.CLOUDWATCH_METRICS)
_ESCAPED_LETTER = re.compile(rb"\\u00([4-7][0-9a-fA-F])")
_ESCAPE = re.compile(rb"\\.")
_BRACKETS = re.compile(rb"[\[\]{}]")
_TRUNCATED_SUFFIX = "[Truncated...]"  # the CloudWatch agent and AWS's OpenTelemetry distribution append this
# What is left of true, false, null or a number that was cut off, and an escape that was.
_TORN_TOKEN = re.compile(r"-|\.|[eE][+-]?|t(ru?)?|f(a(ls?)?)?|n(ul?)?")
_TORN_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{0,4}\Z")
_DIGITS_READ_EXACTLY = 4000  # Python refuses to read integers of more than 4,300 digits


class BrokenLineError(Exception):
    """The text of the line is at fault; carries the finding."""

    def __init__(self, found: Finding) -> None:
        super().__init__(found.message)
        self.found = found


def may_be_metric(data: bytes) -> bool:
    r"""Look for the members' names before anything is parsed, since most lines are no metrics; escapes may hide them.

    >>> may_be_metric(b'{"level": "INFO"}'), may_be_metric(b'{"\\u005faws": {"CloudWatch\\u004detrics": []}}')
    (False, True)

    Args:
        data: the line.

    Returns:
        Whether `read_document` has to look at it.
    """
    if _MARKER in data or _QUOTED_AWS in data:
        return True
    return b"\\u00" in data and _MARKER in _ESCAPED_LETTER.sub(_letter, data)


def _letter(escape: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escape[1].decode())


def read_document(line: Line) -> Any:
    """Parse the JSON of a line.

    Args:
        line: one that `may_be_metric`.

    Returns:
        The document: any JSON value; None where the line turns out to be ordinary log.

    Raises:
        BrokenLineError: the text is at fault.
    """
    if line.size_bytes > limits.EVENT_BYTES:
        raise BrokenLineError(finding("line-too-large", f"{line.size_bytes:,} bytes"))
    refuse_deep_nesting(line.data)
    text = _text(line.data)
    constants: list[str] = []
    repeated: list[tuple[dict[str, Any], str]] = []
    try:
        document = _loads(text, constants, repeated)
    except json.JSONDecodeError as error:
        return _not_json(text, error)
    if type(document) is dict and not any(key in document for key in _MARKER_KEYS):
        return None
    if constants:
        raise BrokenLineError(finding("not-a-number", f"the line holds {constants[0]}"))
    if repeated:
        _refuse_repetition(document, repeated)
    _refuse_surrogates(line.data, document)
    return document


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and data.lstrip().startswith(b"{"):
            raise _truncated(len(data)) from None
        raise BrokenLineError(finding("invalid-utf-8", f"byte {error.start + 1:,} of the line")) from None


def _loads(text: str, constants: list[str], repeated: list[tuple[dict[str, Any], str]]) -> Any:
    """Parse, and list the constants that JSON does not know and the objects in which a member stands twice, with it."""

    def constant(spelled: str) -> None:
        constants.append(spelled)

    def build(members: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(members)
        if len(built) < len(members):
            repeated.append((built, _first_repeated(name for name, _ in members)))
        return built

    try:
        return json.loads(text, object_pairs_hook=build, parse_constant=constant)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of more digits than Python is willing to read: only its metric is at fault
        constants.clear()
        repeated.clear()
        return json.loads(text, object_pairs_hook=build, parse_constant=constant, parse_int=_integer)


def _first_repeated(member_names: Iterable[str]) -> str:
    """Give the first of the names that stand twice; one does."""
    return next(name for name, count in Counter(member_names).items() if count > 1)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS_READ_EXACTLY else float(digits)


def _not_json(text: str, error: json.JSONDecodeError) -> None:
    """Say what is wrong with text that is not JSON; None where it is ordinary log that happens to say "_aws"."""
    if names.CLOUDWATCH_METRICS not in text and not text.lstrip().startswith("{"):
        return
    if text.rstrip().endswith(_TRUNCATED_SUFFIX) or _ends_early(text, error):
        raise _truncated(len(text.encode())) from None
    raise BrokenLineError(finding("not-json", f"column {error.colno:,}: {error.msg}")) from None


def _truncated(kept_bytes: int) -> BrokenLineError:
    return BrokenLineError(finding("truncated", f"{kept_bytes:,} bytes were kept"))


def _ends_early(text: str, error: json.JSONDecodeError) -> bool:
    """Tell a text that stops too soon from one that goes wrong on its way."""
    if not text.lstrip().startswith("{"):
        return False
    rest = text[error.pos :].strip()
    return (
        not rest
        or error.msg.startswith("Unterminated string")
        or _TORN_TOKEN.fullmatch(rest) is not None
        or _TORN_ESCAPE.search(text[-6:]) is not None
    )


def refuse_deep_nesting(data: bytes) -> None:
    """Count the levels before a parser recurses into them: in one pass, whatever the line holds."""
    if data.count(b"{") + data.count(b"[") <= NESTING_LEVELS:
        return
    outside_strings = b"".join(_ESCAPE.sub(b"", data).split(b'"')[::2])
    depth = 0
    for bracket in _BRACKETS.findall(outside_strings):
        depth += 1 if bracket in b"[{" else -1
        if depth > NESTING_LEVELS:
            raise BrokenLineError(finding("nesting-too-deep", ""))


def _refuse_repetition(document: Any, repeated: Iterable[tuple[dict[str, Any], str]]) -> None:
    """Refuse a member that stands twice where CloudWatch reads: at the root, in the metadata and in targets."""
    if type(document) is not dict:
        return
    read = [document, *_objects(document.get(names.AWS)), *_objects(document.get(names.CLOUDWATCH_METRICS))]
    read += [value for value in document.values() if type(value) is dict]
    read_ids = {id(each) for each in read}
    for suspect, member in repeated:
        if id(suspect) in read_ids:
            raise BrokenLineError(finding("duplicate-key", f"member {json.dumps(member)[:80]}"))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Walk through all objects inside a value."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if type(each) is dict:
            yield each
            waiting.extend(each.values())
        elif type(each) is list:
            waiting.extend(each)


def _refuse_surrogates(data: bytes, document: Any) -> None:
    r"""Refuse half a character (an escape such as a lone \\ud800): no UTF-8 can carry it on to anywhere."""
    if b"\\ud" not in data and b"\\uD" not in data:
        return
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BrokenLineError(finding("invalid-utf-8", "an escape of half a character")) from None
