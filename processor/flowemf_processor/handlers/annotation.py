"""Says in each log event what was found in it, for Firehose to pass on.

A log event goes in; a line of JSON comes out that holds it unchanged, with an object `flowemf` beside it.
`flowemf replay` reads such lines, and still knows the event's id and that it came out of a log group.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.parse import parse
from flowemf_processor.core.unwrap import Unwrapper
from flowemf_processor.model import Event, Incomplete, Line, Position, Rejected
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.core.conditions import Conditions
    from flowemf_processor.core.unwrap.pieces import Piece
    from flowemf_processor.model import Record
    from flowemf_schemas.rules import Finding

ANNOTATION = "flowemf"
METRIC, REJECTED, PART, OTHER = "metric", "rejected", "part", "other"


@dataclass(frozen=True, slots=True)
class Annotated:
    """A log event, and what was found in it.

    Attributes:
        piece: the event as it came.
        records: what it holds: one record, unless its wrapper holds several.
        is_bare: whether it is one metric document without a wrapper.
    """

    piece: Piece
    records: Sequence[Record]
    is_bare: bool

    @property
    def kind(self) -> str:
        """What it is for whoever chooses by that."""
        if any(isinstance(each, Event) for each in self.records):
            return METRIC
        if any(isinstance(each, Rejected) for each in self.records):
            return REJECTED
        is_part = not self.records or any(isinstance(each, Incomplete) for each in self.records)
        return PART if is_part else OTHER

    def line(self) -> bytes:
        """Write it as one line, without its ending.

        An event of a log group gets the form in which `aws logs filter-log-events` gives it. What came from elsewhere
        stays as it is; a metric document gets one member more.
        """
        origin, text = self.piece.origin, self.piece.data.decode(errors="surrogateescape")
        if origin.from_log_group:
            event = {
                "logGroupName": origin.log_group,
                "logStreamName": origin.log_stream,
                "eventId": origin.event_id,
                "timestamp": origin.received_ms,
                "message": text,
                ANNOTATION: self._annotation(),
            }
            return json.dumps(event, separators=(",", ":")).encode()
        if self.is_bare and f'"{ANNOTATION}"' not in text:
            member = json.dumps(self._annotation(), separators=(",", ":")).encode()
            return self.piece.data.rstrip()[:-1] + f',"{ANNOTATION}":'.encode() + member + b"}"
        return self.piece.data

    def _annotation(self) -> dict[str, Any]:
        events = [each for each in self.records if isinstance(each, Event)]
        namespaces = dict.fromkeys(each.namespace for event in events for each in event.measurements)
        findings = [found for each in self.records if isinstance(each, (Event, Rejected)) for found in each.findings]
        return {
            "kind": self.kind,
            "namespaces": list(namespaces),
            "findings": [_finding(each) for each in findings],
        }


def annotated(piece: Piece, *, source: str, received_ms: int, conditions: Conditions) -> Annotated:
    """Look into a log event.

    Args:
        piece: the event.
        source: what a ledger calls where it came from.
        received_ms: the time, for events that state none.
        conditions: what is demanded of metric lines.

    Returns:
        The event with what was found in it.
    """
    line = Line(Position(source, 1, 0), piece.data, len(piece.data), terminated=True, origin=piece.origin)
    unwrapped = Unwrapper(source).unwrap(line)
    records = [
        parse(each, received_ms=received_ms, conditions=conditions) if isinstance(each, Line) else each
        for each in unwrapped
    ]
    is_bare = unwrapped == [line] and isinstance(records[0], Event) and names.CLOUDWATCH_METRICS.encode() in line.data
    return Annotated(piece, records, is_bare)


def _finding(found: Finding) -> dict[str, str]:
    return {"reason": found.reason, "scope": found.scope.value, "message": found.message, "hint": found.hint}
