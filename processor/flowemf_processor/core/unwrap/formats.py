"""The shapes by name, and which of them a text has.

A text goes in; what its wrapper holds comes out, or None for a line that stands for itself. Each shape is recognised by
what it looks like, never by where it lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flowemf_processor.core.unwrap import (
    cloudwatch_cli,
    cri,
    docker,
    fluent_bit,
    lambda_logs,
    rejects,
    s3_export,
    subscription,
)
from flowemf_processor.core.unwrap.pieces import Opened, is_emf, load


@dataclass(frozen=True, slots=True)
class Format:
    """A family of shapes.

    Attributes:
        of_text: opens lines of text.
        of_object: opens JSON objects.
        of_array: opens JSON arrays.
        has_documents: whether its JSON may be written over several lines.
        has_raw_lines: whether a line without a wrapper is one of its shapes too.
    """

    of_text: Callable[[bytes], Opened | None] | None = None
    of_object: Callable[[dict[str, Any], bytes], Opened | None] | None = None
    of_array: Callable[[list[Any]], Opened | None] | None = None
    has_documents: bool = False
    has_raw_lines: bool = False


AUTO = "auto"
RAW = "raw"

# Where two could open the same text, the first one does: they are ordered from the most particular to the least.
_FORMATS = {
    "rejects": Format(of_object=rejects.of_object),
    "docker": Format(of_object=docker.of_object),
    "cri": Format(of_text=cri.of_text),
    "lambda": Format(of_text=lambda_logs.of_text, of_object=lambda_logs.of_object, has_raw_lines=True),
    "fluent-bit": Format(of_object=fluent_bit.of_object),
    "s3-export": Format(of_text=s3_export.of_text),
    "aws-logs": Format(
        of_text=cloudwatch_cli.of_text,
        of_object=cloudwatch_cli.of_object,
        of_array=cloudwatch_cli.of_array,
        has_documents=True,
    ),
    "subscription": Format(of_object=subscription.of_object, has_documents=True),
}
NAMES = (AUTO, RAW, *_FORMATS)
"""What a format may be called; `auto` recognises each line by itself, `raw` opens nothing."""


def recognised(data: bytes, name: str = AUTO) -> Opened | None:
    """Open a wrapper.

    Args:
        data: a text.
        name: of `NAMES`, to try nothing else.

    Returns:
        What it holds; None where it has no such shape.
    """
    formats = tuple(_FORMATS.values()) if name == AUTO else (_FORMATS[name],)
    first = data[:1]
    if first == b"{" or data.startswith(b"[{"):
        return _of_json(load(data), data, formats)
    for each in formats:
        opened = each.of_text(data) if each.of_text else None
        if opened is not None:
            return opened
    return None


def has_documents(name: str) -> bool:
    """Tell whether JSON of this format may be written over several lines."""
    return name == AUTO or (name != RAW and _FORMATS[name].has_documents)


def has_raw_lines(name: str) -> bool:
    """Tell whether a line without a wrapper fits this format."""
    return name in (AUTO, RAW) or _FORMATS[name].has_raw_lines


def _of_json(document: Any, data: bytes, formats: Iterable[Format]) -> Opened | None:
    for each in formats:
        opened = None
        if type(document) is dict and each.of_object and not is_emf(document):
            opened = each.of_object(document, data)
        elif type(document) is list and each.of_array:
            opened = each.of_array(document)
        if opened is not None:
            return opened
    return None
