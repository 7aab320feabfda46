"""Opens the data of a record: base64, mostly of gzip.

A text goes in; the lines that it holds come out. What decompresses to more than it may is not held: `limits` says how
much that is.
"""

from __future__ import annotations

import base64
import binascii
import zlib

from flowemf_processor.core.blocks import objects_of
from flowemf_schemas import limits

_NEWLINE = b"\n"
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW_BITS = 31  # what tells zlib to expect gzip's header


class PayloadError(Exception):
    """The data cannot be opened; carries the reason of the table of verdicts, and a place."""

    def __init__(self, reason: str, where: str) -> None:
        super().__init__(where)
        self.reason = reason
        self.where = where


def opened_payload(text: str, *, room_bytes: int = limits.PAYLOAD_BYTES) -> list[bytes]:
    r"""Open the data of a record.

    >>> opened_payload("e30Ke30=")
    [b'{}', b'{}']

    Args:
        text: base64.
        room_bytes: how large its data may be when decompressed.

    Returns:
        Its lines, and JSON documents that follow each other without a line ending one by one.

    Raises:
        PayloadError: it is no base64, damaged, or too large.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PayloadError("base64-invalid", f"{len(text):,} characters ({error})") from None
    if data.startswith(_GZIP):
        data = _decompressed(data, room_bytes)
    if data.count(_NEWLINE) > limits.EVENTS_PER_WRAPPER:  # to cut it up would take a hundred times its size
        raise PayloadError("wrapper-too-large", f"{data.count(_NEWLINE):,} lines")
    lines = data.removesuffix(_NEWLINE).split(_NEWLINE)
    return [document for line in lines for document in objects_of(line.removesuffix(b"\r"))]


def _decompressed(data: bytes, room_bytes: int) -> bytes:
    """Decompress gzip, which may have several members, within the limit."""
    opened = bytearray()
    rest = data
    while rest:
        member = zlib.decompressobj(_GZIP_WINDOW_BITS)
        try:
            opened += member.decompress(rest, room_bytes + 1 - len(opened))
        except zlib.error as error:
            raise PayloadError("payload-damaged", f"{len(data):,} bytes of gzip ({error})") from None
        if len(opened) > room_bytes:
            raise PayloadError("payload-too-large", f"{len(data):,} bytes of gzip")
        if not member.eof:
            raise PayloadError("payload-damaged", f"{len(data):,} bytes of gzip that end too early")
        rest = member.unused_data.lstrip(b"\x00")  # zeros may pad what follows the last member
    return bytes(opened)
