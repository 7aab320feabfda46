"""Looks at a source as a whole, by its first bytes.

The first piece of a source goes in; a finding comes out where it is not a text log at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_schemas.rules import finding

if TYPE_CHECKING:
    from flowemf_schemas.rules import Finding

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
}


def compression(first: bytes) -> Finding | None:
    """Name the compression of a source, by its magic number; None for a source that is not compressed."""
    for magic, kind in _COMPRESSED.items():
        if first.startswith(magic):
            return finding("source-compressed", kind)
    return None


def binary(first: bytes) -> Finding | None:
    """Find NUL bytes, which no text log holds; None for a source without any."""
    place = first.find(b"\x00")
    return finding("source-not-text", f"byte {place + 1:,} is NUL") if place >= 0 else None
