"""Tells lines that cannot be wrapped from lines that may be, for a fraction of what opening them costs.

The bytes of a line go in; whether it has to be looked at comes out.
"""

from __future__ import annotations

import re

from flowemf_schemas import names

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
_STREAM_WITHIN_BYTES = 64
_EVENTS = b"EVENTS\t"
# What is found in many lines at once: each of them alone is of no use unless one of these is somewhere among them.
_ANYWHERE = (
    _MARKER, *_STREAMS, b" \n", b" \r", b"\n[{", b"\n[\n", b"\n[\r", b"\n{\n", b"\n{\r", b"\n" + _EVENTS,
)  # fmt: skip


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


def any_could_be_wrapped(lines: bytes) -> bool:
    r"""Tell whether any of many lines could be wrapped, faster than line by line.

    >>> any_could_be_wrapped(b'INFO a\n{"level":"INFO"}'), any_could_be_wrapped(b'INFO a\n{"log":"a"}')
    (False, True)

    Args:
        lines: with line endings between them.

    Returns:
        False only if `could_be_wrapped` says so of each.
    """
    text = b"\n%b\n" % lines
    return any(hint in text for hint in _ANYWHERE) or _ANY_MEMBER.search(text) is not None
