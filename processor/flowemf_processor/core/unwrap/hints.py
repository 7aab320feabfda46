"""Tells lines that cannot be wrapped from lines that may be, for a fraction of what opening them costs.

The bytes of a line go in; whether it has to be looked at comes out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Sequence

_RAW = b'{"' + names.AWS.encode() + b'"'
_MARKER = names.CLOUDWATCH_METRICS.encode()
# A wrapper that holds one whole event and nothing else to remember need not be opened unless there are metrics in it:
# it is one record either way. The others are told by a member that each of them has.
_MEMBERS = (
    "log", "logtag", "_p", "kubernetes", "eventId", "ingestionTime", "logEvents", "messageType", "awslogs",
    "Records", "records", "events", names.REJECTS,
)  # fmt: skip
# One pattern that begins with a quote costs a third of looking for each member by itself.
_ANY_MEMBER = re.compile(f'"(?:{"|".join(map(re.escape, _MEMBERS))})"'.encode())
_DIGITS = b"0123456789"
_STREAMS = (b" stdout ", b" stderr ")
_STREAM = b" std"  # what both begin with
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
        if data.startswith(_RAW):
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
    may_be_stream = _STREAM in text and any(stream in text for stream in _STREAMS)
    return may_be_stream or _MARKER in text or _ANY_MEMBER.search(text) is not None
