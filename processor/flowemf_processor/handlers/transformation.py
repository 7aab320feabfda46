"""The Lambda function that transforms what goes through Firehose.

Records go in; each comes out as lines of JSON with what was found in them, dropped, or as one that could not be
processed, which Firehose keeps as it was
(https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html). No metrics are sent.

A line holds a log event unchanged, with an object `flowemf` beside it: `flowemf replay` reads such lines, and still
knows the event's id and that it came out of a log group.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.parse import parse
from flowemf_processor.core.unwrap import Unwrapper, subscription
from flowemf_processor.core.unwrap.pieces import Piece, load, milliseconds
from flowemf_processor.core.unwrap.subscription import PayloadError, opened_payload
from flowemf_processor.handlers import health
from flowemf_processor.handlers.intake import records_of
from flowemf_processor.handlers.invocation import call_of, equipment
from flowemf_processor.handlers.settings import METRICS
from flowemf_processor.model import Event, Incomplete, Line, Origin, Other, Position, Rejected
from flowemf_schemas import limits, names
from flowemf_schemas.rules import finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.core.conditions import Conditions
    from flowemf_processor.handlers.invocation import Call, Equipment
    from flowemf_processor.model import Record
    from flowemf_schemas.rules import Finding

ANNOTATION = "flowemf"
METRIC, REJECTED, PART, OTHER = "metric", "rejected", "part", "other"
OK, DROPPED, FAILED = "Ok", "Dropped", "ProcessingFailed"
OUT_OF_TIME, RESPONSE_TOO_LARGE = "out-of-time", "response-too-large"
_FRAME_BYTES = 80  # a record of the answer without its id and its data, and what parts it from the next one


def firehose(event: Any, context: Any) -> dict[str, Any]:
    """Handle records of a delivery stream; name it `flowemf_processor.handlers.firehose`.

    Args:
        event: `{"records": [{"recordId": …, "data": …}, …]}`.
        context: Lambda's.

    Returns:
        `records`, each with `recordId`, `result` and, where that is `Ok`, `data`.

    Raises:
        ConfigurationError: the settings or the event are wrong.
    """
    kit = equipment()
    records = records_of(event, "records", "Firehose")
    arn = event.get("deliveryStreamArn")
    return _Transformation(kit, call_of(context), arn if isinstance(arn, str) else "firehose").run(records)


class _FailedError(Exception):
    """A record cannot be processed; carries the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Transformation:
    """One invocation."""

    def __init__(self, kit: Equipment, call: Call, source: str) -> None:
        self._kit = kit
        self._call = call
        self._ledger = Ledger()
        self._account = self._ledger.open_source(source)
        self._report = health.Report("firehose", call, self._ledger, kit.is_cold)
        self._keeps_all = kit.settings.firehose_keep != METRICS
        self._room_bytes = int(limits.LAMBDA_RESPONSE_BYTES)
        kit.is_cold = False

    def run(self, records: list[Any]) -> dict[str, Any]:
        """Transform the records and write the line; whatever happens to one, the others have their answers."""
        self._room_bytes -= _FRAME_BYTES + sum(_FRAME_BYTES + len(json.dumps(_record_id(each))) for each in records)
        failures: Counter[str] = Counter()
        answers: list[dict[str, Any]] = []
        for record in records:
            answer, reason = self._judged(record)
            answers.append(answer)
            failures.update([reason] if reason else ())
        self._report.returned, self._report.failures = failures.total(), failures
        namespace = self._kit.settings.health_namespace
        health.write(self._report, namespace=namespace, now_ms=self._kit.clock.now_ms())
        return {"records": answers}

    def _judged(self, record: Any) -> tuple[dict[str, Any], str]:
        try:
            return self._answer(record), ""
        except _FailedError as error:
            return {"recordId": _record_id(record), "result": FAILED}, error.reason

    def _answer(self, record: Any) -> dict[str, Any]:
        if self._call.left_seconds() <= 0:
            raise _FailedError(OUT_OF_TIME)
        self._account.lines += 1
        lines = list(self._lines(record))
        if not lines:
            return {"recordId": _record_id(record), "result": DROPPED}
        data = base64.b64encode(b"".join(line + b"\n" for line in lines)).decode()
        if len(data) > self._room_bytes:
            raise _FailedError(RESPONSE_TOO_LARGE)
        self._room_bytes -= len(data)
        return {"recordId": _record_id(record), "result": OK, "data": data}

    def _lines(self, record: Any) -> Iterator[bytes]:
        """Give the lines of a record that are to be passed on."""
        now_ms = self._kit.clock.now_ms()
        for piece in self._pieces(record):
            found = _annotated(piece, source=self._account.name, received_ms=now_ms, conditions=self._kit.conditions)
            for each in found.records:
                self._ledger.count(each)
            if self._keeps_all or found.kind != OTHER:
                yield found.line()

    def _pieces(self, record: Any) -> Iterator[Piece]:
        """Open a record: the log events of a subscription, or lines that somebody has put into the stream."""
        data = record.get("data") if isinstance(record, dict) else None
        if not isinstance(data, str):
            raise self._rejected("format-mismatch", "a record without data")
        try:
            lines = opened_payload(data)
        except PayloadError as error:
            raise self._rejected(error.reason, error.where) from error
        arrived_ms = milliseconds(record.get("approximateArrivalTimestamp"))
        for line in lines:
            document = load(line) if b'"messageType"' in line else None
            opened = subscription.of_object(document, line) if isinstance(document, dict) else None
            if opened is None:
                yield Piece(line, Origin(arrived_ms))
                continue
            if len(opened.pieces) > limits.EVENTS_PER_WRAPPER:
                raise self._rejected("wrapper-too-large", f"{len(opened.pieces):,} log events")
            for piece in opened.pieces:
                if isinstance(piece, Piece):
                    yield piece
                else:  # the service checks whether the destination can be reached
                    self._ledger.count(Other(self._place()))

    def _rejected(self, reason: str, where: str) -> _FailedError:
        self._ledger.count(Rejected(self._place(), (finding(reason, where),)))
        return _FailedError(reason)

    def _place(self) -> Position:
        return Position(self._account.name, self._account.lines, 0)


def _record_id(record: Any) -> Any:
    """Give the id by which Firehose knows a record."""
    return record.get("recordId") if isinstance(record, dict) else None


@dataclass(frozen=True, slots=True)
class _Annotated:
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


def _annotated(piece: Piece, *, source: str, received_ms: int, conditions: Conditions) -> _Annotated:
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
    return _Annotated(piece, records, is_bare)


def _finding(found: Finding) -> dict[str, str]:
    return {"reason": found.reason, "scope": found.scope.value, "message": found.message, "hint": found.hint}
