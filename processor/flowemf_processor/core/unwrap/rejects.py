"""The lines of a rejects file, once somebody has mended them.

An object goes in; the text that was rejected comes out, with the time and the event id that it had. The schema
`rejects` describes the file.
"""

from __future__ import annotations

import base64
from typing import Any

from flowemf_processor.core.unwrap.pieces import Defect, Opened, Piece, milliseconds, text_bytes
from flowemf_processor.model import Origin
from flowemf_schemas import names


def of_object(document: dict[str, Any], data: bytes) -> Opened | None:  # noqa: ARG001 - one signature for all shapes
    """Open an object; None where it has another shape."""
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
