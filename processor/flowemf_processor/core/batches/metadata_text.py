r"""Finds what repeats in a metric line: the member `_aws` without the digits of its timestamp.

A line goes in; the bytes before and behind the digits come out. Any other line that has both, around any thirteen
digits, has the same directives.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from flowemf_schemas import names

MEMBER = json.dumps(names.AWS).encode()
DIGITS = 13  # milliseconds since the epoch, of the years 2001 to 2286
ANY_DIGITS = b"1" * DIGITS
_TIMESTAMP = json.dumps(names.TIMESTAMP).encode()
_TIMESTAMP_MEMBER = re.compile(rb"%b\s*:\s*([0-9]{%d})(?=\s*[,}])" % (_TIMESTAMP, DIGITS))
_VALUE = re.compile(r"\s*:\s*")
_decode = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class MetadataText:
    """The member `_aws` of a line: its name, what separates it from its value, and the value.

    Attributes:
        before: up to the digits of the timestamp.
        behind: from there to the end.
    """

    before: bytes
    behind: bytes

    def with_digits(self, digits: bytes) -> bytes:
        """Write the member with a timestamp."""
        return self.before + digits + self.behind


def metadata_text(data: bytes) -> MetadataText | None:
    r"""Cut the member `_aws` out of a line.

    >>> metadata_text(b'{"_aws":{"Timestamp":1760000000000,"CloudWatchMetrics":[]},"a":1}').behind
    b',"CloudWatchMetrics":[]}'

    Args:
        data: a flawless metric line.

    Returns:
        None where the line is not of the usual kind: ASCII without escapes up to the end of the member, and one
        timestamp of thirteen digits.
    """
    start = data.find(MEMBER)
    if start < 0:
        return None
    try:
        text = data[start:].decode()
        separator = _VALUE.match(text, len(MEMBER))
        end = _decode(text, separator.end())[1] if separator else 0
    except ValueError:
        return None
    member = text[:end].encode()
    found = _TIMESTAMP_MEMBER.search(member)
    if found is None or member.count(_TIMESTAMP) > 1 or b"\\" in member or not member.isascii():
        return None
    return MetadataText(member[: found.start(1)], member[found.end(1) :])
