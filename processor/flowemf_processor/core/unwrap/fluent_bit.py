"""What Fluent Bit and FireLens put around a container's lines: a JSON object with the line as `log` or `message`.

An object goes in; the log event or the part comes out. FireLens numbers the parts of a long line
(https://docs.docker.com/engine/logging/drivers/fluentd/), the CRI parser of Fluent Bit keeps their tag, and where it
was Docker that split a line, a part is 16 KB without a line ending
(https://docs.fluentbit.io/manual/data-pipeline/filters/kubernetes).
"""

from __future__ import annotations

from typing import Any

from flowemf_processor.core.unwrap.docker import PART_BYTES
from flowemf_processor.core.unwrap.pieces import (
    Opened,
    Part,
    Piece,
    as_iso_milliseconds,
    milliseconds,
    name_of,
    text_bytes,
)
from flowemf_processor.model import Origin

_LINES = ("log", "message")
_TAGS = ("logtag", "_p")
_OF_FIRELENS = ("container_id", "container_name", "ecs_cluster", "partial_message")
_OF_A_POD = ("namespace_name", "pod_name", "pod_id", "container_name", "docker_id")


def of_object(document: dict[str, Any], data: bytes) -> Opened | None:  # noqa: ARG001 - one signature for all shapes
    """Open an object; None where it has another shape."""
    line = next((document[member] for member in _LINES if type(document.get(member)) is str), None)
    if line is None:
        return None
    content, origin = text_bytes(line), Origin(_received_ms(document))
    if any(tag in document for tag in _TAGS) or type(document.get("kubernetes")) is dict:
        return Opened((Piece(content, origin, _pod_part(document, line, content)),))
    if "log" not in document:
        return None
    if any(member in document for member in _OF_FIRELENS):
        return Opened((Piece(content, origin, _numbered_part(document)),))
    return Opened((Piece(content, origin),)) if content.lstrip()[:1] == b"{" else None


def _received_ms(document: dict[str, Any]) -> int | None:
    seconds = milliseconds(document.get("date"), per_unit=1000)
    return as_iso_milliseconds(document.get("time")) if seconds is None else seconds


def _numbered_part(document: dict[str, Any]) -> Part | None:
    if not _is_true(document.get("partial_message")):
        return None
    ordinal = name_of(document.get("partial_ordinal"))
    stream = ("firelens", name_of(document.get("container_id")), name_of(document.get("partial_id")))
    number = int(ordinal) if ordinal.isascii() and ordinal.isdigit() and len(ordinal) < 7 else 0
    return Part(stream, _is_true(document.get("partial_last")), number)


def _is_true(value: Any) -> bool:
    return value is True or value == "true"


def _pod_part(document: dict[str, Any], line: str, content: bytes) -> Part | None:
    stream = ("fluent-bit", *_pod(document), name_of(document.get("stream")))
    for tag in _TAGS:
        if tag in document:
            return Part(stream, is_last=name_of(document[tag]) != "P")
    return Part(stream, is_last=line.endswith("\n") or len(content) < PART_BYTES)


def _pod(document: dict[str, Any]) -> tuple[str, ...]:
    metadata = document.get("kubernetes")
    return tuple(name_of(metadata.get(member)) for member in _OF_A_POD) if type(metadata) is dict else ()
