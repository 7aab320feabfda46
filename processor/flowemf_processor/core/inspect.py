"""Looks at a source as a whole, by its first bytes.

The first piece of a source goes in; a finding comes out where it is not a text log at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_schemas.rules import finding

if TYPE_CHECKING:
    from flowemf_schemas.rules import Finding

_ARCHIVES = {
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it first",
    b"\x04\x22\x4d\x18": "lz4 data: decompress it first",
}


def binary(first: bytes) -> Finding | None:
    """Find what no text log holds: the beginning of an archive, or NUL bytes; None for a source without any."""
    for magic, kind in _ARCHIVES.items():
        if first.startswith(magic):
            return finding("source-not-text", kind)
    place = first.find(b"\x00")
    return finding("source-not-text", f"byte {place + 1:,} is NUL") if place >= 0 else None
