"""What container runtimes and their log routers put around lines: Docker, CRI, Fluent Bit, FireLens.

An object or a line goes in; the log event or the part comes out.
"""

from __future__ import annotations

import re
from typing import Any

from flowemf_processor.core.unwrap.pieces import (
    ISO_SECONDS,
    Opened,
    Part,
    Piece,
    as_iso_milliseconds,
    iso_milliseconds,
    milliseconds,
    name_of,
    text_bytes,
)
from flowemf_processor.model import Origin

# Docker cuts what is longer: https://github.com/moby/moby/blob/master/daemon/logger/copier.go
_DOCKER_PART_BYTES = 16 * 1024
_DOCKER_MEMBERS = {"log", "stream", "time"}
_DOCKER_ATTRIBUTES = _DOCKER_MEMBERS | {"attrs"}
_CRI_LINE = re.compile(
    rb"(%s(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([PF])(?::[^ ]*)?(?: (.*))?" % ISO_SECONDS, re.DOTALL
)
_LINE_MEMBERS = ("log", "message")
_TAGS = ("logtag", "_p")
_OF_FIRELENS = ("container_id", "container_name", "ecs_cluster", "partial_message")
_OF_A_POD = ("namespace_name", "pod_name", "pod_id", "container_name", "docker_id")


def of_docker(document: dict[str, Any], data: bytes) -> Opened | None:  # noqa: ARG001 - one signature for all shapes
    """Open an object of Docker's json-file driver; None for another shape.

    There is one for each line, or for each 16 KB of a longer one. A `log` without a line ending is a part: Docker adds
    one to everything else (https://docs.docker.com/engine/logging/drivers/json-file/).
    """
    log = document.get("log")
    if type(log) is not str or not _DOCKER_MEMBERS <= document.keys() <= _DOCKER_ATTRIBUTES:
        return None
    part = Part(("docker", name_of(document["stream"])), is_last=log.endswith("\n"))
    return Opened((Piece(text_bytes(log), Origin(as_iso_milliseconds(document["time"])), part),))


def of_cri(data: bytes) -> Opened | None:
    """Open a line as containerd and CRI-O write it: time, stream, tag and content; None for another shape.

    The tag is `P` for a part and `F` for the last one; a part may end inside a character
    (https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md).
    """
    found = _CRI_LINE.fullmatch(data)
    if found is None:
        return None
    part = Part(("cri", found[2].decode()), is_last=found[3] == b"F")
    origin = Origin(iso_milliseconds(found[1].decode()))
    return Opened((Piece(found[4] or b"", origin, part, ends_with_line=True),))


def of_fluent_bit(document: dict[str, Any], data: bytes) -> Opened | None:  # noqa: ARG001 - one signature for all shapes
    """Open an object of Fluent Bit or FireLens, with the line as `log` or `message`; None for another shape.

    FireLens numbers the parts of a long line (https://docs.docker.com/engine/logging/drivers/fluentd/), the CRI parser
    of Fluent Bit keeps their tag, and where it was Docker that split a line, a part is 16 KB without a line ending
    (https://docs.fluentbit.io/manual/data-pipeline/filters/kubernetes).
    """
    line = next((document[member] for member in _LINE_MEMBERS if type(document.get(member)) is str), None)
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
    return Part(stream, is_last=line.endswith("\n") or len(content) < _DOCKER_PART_BYTES)


def _pod(document: dict[str, Any]) -> tuple[str, ...]:
    metadata = document.get("kubernetes")
    return tuple(name_of(metadata.get(member)) for member in _OF_A_POD) if type(metadata) is dict else ()
