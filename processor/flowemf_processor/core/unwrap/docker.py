"""Docker's json-file log driver: one JSON object for each line of a container, or for each 16 KB of a longer one.

An object goes in; the log event or the part comes out. A `log` without a line ending is a part: Docker adds one to
everything else (https://docs.docker.com/engine/logging/drivers/json-file/).
"""

from __future__ import annotations

from typing import Any

from flowemf_processor.core.unwrap.pieces import Opened, Part, Piece, as_iso_milliseconds, name_of, text_bytes
from flowemf_processor.model import Origin

PART_BYTES = 16 * 1024
"""Docker cuts what is longer (https://github.com/moby/moby/blob/master/daemon/logger/copier.go)."""

_MEMBERS = {"log", "stream", "time"}
_WITH_ATTRIBUTES = _MEMBERS | {"attrs"}


def of_object(document: dict[str, Any], data: bytes) -> Opened | None:  # noqa: ARG001 - one signature for all shapes
    """Open an object; None where it has another shape."""
    log = document.get("log")
    if type(log) is not str or not _MEMBERS <= document.keys() <= _WITH_ATTRIBUTES:
        return None
    part = Part(("docker", name_of(document["stream"])), is_last=log.endswith("\n"))
    return Opened((Piece(text_bytes(log), Origin(as_iso_milliseconds(document["time"])), part),))
