"""The Lambda function that transforms what goes through Firehose.

Records go in; each comes out as lines of JSON with what was found in them, dropped, or as one that could not be
processed, which Firehose keeps as it was
(https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html). No metrics are sent.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.unwrap import subscription
from flowemf_processor.core.unwrap.payload import PayloadError, opened_payload
from flowemf_processor.core.unwrap.pieces import Piece
from flowemf_processor.core.unwrap.values import load, milliseconds
from flowemf_processor.handlers import health
from flowemf_processor.handlers.annotation import OTHER, annotated
from flowemf_processor.handlers.call import call_of
from flowemf_processor.handlers.equipment import equipment
from flowemf_processor.handlers.records import records_of
from flowemf_processor.handlers.settings import METRICS
from flowemf_processor.model import Origin, Other, Position, Rejected
from flowemf_schemas import limits
from flowemf_schemas.rules import finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.handlers.call import Call
    from flowemf_processor.handlers.equipment import Equipment

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
            found = annotated(piece, source=self._account.name, received_ms=now_ms, conditions=self._kit.conditions)
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
