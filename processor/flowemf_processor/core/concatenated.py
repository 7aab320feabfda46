"""Finds where one JSON object ends and the next begins, on one line.

Firehose and others write objects without a line ending between them. A line goes in; its objects come out.
"""

from __future__ import annotations

import re

HINT = b'}{"'
"""What every boundary holds: most data can be told by it to have none."""

# Inside a string the quote would be the string's end, and behind the end of a string stands one of ,:]} or a space; so
# this can be nothing but a new object, wherever it is found.
_BOUNDARY = re.compile(rb'(?<=\})(?=\{"[^,:\]}\s])')


def objects_of(line: bytes) -> list[bytes]:
    r"""Cut a line that begins with an object where other objects begin.

    >>> objects_of(b'{"a": "}{"}{"b": 1}'), objects_of(b'INFO {"a": 1}{"b": 2}')
    ([b'{"a": "}{"}', b'{"b": 1}'], [b'INFO {"a": 1}{"b": 2}'])
    """
    return cut(line) if line.startswith(b"{") else [line]


def cut(part: bytes) -> list[bytes]:
    """Cut any part of a line that began with an object, where other objects begin."""
    return _BOUNDARY.split(part) if HINT in part else [part]
