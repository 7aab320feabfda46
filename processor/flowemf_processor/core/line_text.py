"""Writes a metric record as the line that stands for it.

An event that carries its text goes in; one line of JSON comes out: the text as it was written, unless it lacks a
timestamp or has metrics that are not to be sent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flowemf_processor.core.rejection import load_exactly
from flowemf_schemas import names
from flowemf_schemas.verdicts import Scope

if TYPE_CHECKING:
    from flowemf_processor.model import Event

_NO_TIMESTAMP = "timestamp-missing"
# Outside of strings, which cannot hold them, line breaks mean no more than spaces do: https://www.rfc-editor.org/rfc/rfc8259#section-2
_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


def line_text(event: Event) -> bytes:
    """Write one metric record on one line.

    CloudWatch takes the time of ingestion where a line states none, and it extracts every directive. So a line without
    a timestamp is given the one that the event has, which is its wrapper's or that of reading; and directives of
    namespaces that may not be read are left out. Any other line stays byte by byte what it was.

    Args:
        event: one that carries its text.

    Returns:
        The line, without a line ending.
    """
    unwanted = {found.directive for found in event.findings if found.scope is Scope.DIRECTIVE}
    has_no_time = any(found.reason == _NO_TIMESTAMP for found in event.findings)
    if not unwanted and not has_no_time:
        return event.text.translate(_ONE_LINE)
    document = load_exactly(event.text)
    metadata = document.get(names.AWS, document)  # version 0 has it at the root
    if has_no_time:
        metadata[names.TIMESTAMP] = event.timestamp_ms
    metadata[names.CLOUDWATCH_METRICS] = [
        directive for index, directive in enumerate(metadata[names.CLOUDWATCH_METRICS]) if index not in unwanted
    ]
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
