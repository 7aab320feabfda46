"""Reads one line.

A line goes in; an event, a rejection with its reasons, or the remark that this is ordinary log comes out.
"""

from __future__ import annotations

from typing import Any

from flowemf_processor.core.conditions import Conditions
from flowemf_processor.core.document import BrokenLineError, may_be_metric, read_document
from flowemf_processor.core.measure import measurements_of
from flowemf_processor.model import Event, Incomplete, Line, Other, Record, Rejected
from flowemf_schemas import names
from flowemf_schemas.rules import Finding, finding, metadata_of
from flowemf_schemas.verdicts import Scope

_CLOUDWATCHS_OWN = Conditions()


def parse(line: Line, *, received_ms: int, conditions: Conditions = _CLOUDWATCHS_OWN) -> Record:
    """Read one line.

    Args:
        line: the line, with its position.
        received_ms: the time that an event gets, in milliseconds since the epoch, of which neither the line itself nor
            its wrapper states one.
        conditions: what is demanded of the line beyond what CloudWatch does.

    Returns:
        `Event` for a metric line of which at least one datapoint can be used (or that defines none), `Rejected` for a
        metric line of which nothing can be used, `Incomplete` for the torn end of a source, `Other` for everything
        else.
    """
    if not may_be_metric(line.data):
        return _unless_torn(line, ())
    try:
        document = read_document(line)
    except BrokenLineError as broken:
        return _unless_torn(line, (broken.found,))
    if document is None:
        return Other(line.position)
    return _event(line, document, received_ms, conditions)


def _unless_torn(line: Line, findings: tuple[Finding, ...]) -> Record:
    """Judge what is no metric line. An unterminated line with a brace in it may become one when its rest is written."""
    if not line.terminated and b"{" in line.data:
        return Incomplete(line.position, (finding("line-incomplete", ""),))
    return Rejected(line.position, findings) if findings else Other(line.position)


def _event(line: Line, document: Any, received_ms: int, conditions: Conditions) -> Event | Rejected:
    also = (finding("objects-share-line", ""),) if line.is_shared else ()
    findings = tuple(conditions.judge(document, size_bytes=line.size_bytes, also=also))
    if any(each.scope is Scope.LINE for each in findings):
        return Rejected(line.position, findings)
    measurements = measurements_of(document, findings)
    if not measurements and any(each.scope is not Scope.NOTE for each in findings):
        return Rejected(line.position, findings)
    if line.origin.received_ms is not None:
        received_ms = line.origin.received_ms
    timestamp_ms = int(metadata_of(document).get(names.TIMESTAMP, received_ms))
    return Event(line.position, timestamp_ms, measurements, findings, line.origin)
