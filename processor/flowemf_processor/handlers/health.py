"""The one line that each invocation of a handler writes: its ledger, and metrics of its health.

A ledger and what became of the records go in; a line in Embedded Metric Format comes out, which CloudWatch Logs
extracts from the handler's own log.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowemf_processor.model import State
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.handlers.invocation import Call
    from flowemf_processor.model import Outcome

_COUNT, _MILLISECONDS = "Count", "Milliseconds"
_STATES = {
    names.DATAPOINTS_ACCEPTED: State.ACCEPTED,
    names.DATAPOINTS_REFUSED: State.REFUSED,
    names.DATAPOINTS_PENDING: State.PENDING,
    names.DATAPOINTS_AMBIGUOUS: State.AMBIGUOUS,
}


@dataclass(slots=True)
class Report:
    """What is to be said of an invocation.

    Attributes:
        handler: which one.
        call: the invocation.
        ledger: what was read and what became of it.
        is_cold: whether it is the first one of its environment.
        returned: how many records have to come again, or could not be transformed.
        iterator_age_ms: how long the oldest record had waited, where a stream says that.
        unremembered: how many event ids the ledger of them does not know as what they are.
        answers: by reason code, the first answer of the destination that was not a yes.
        failures: why records could not be transformed, and how many for each reason.
        error: what ended the invocation; empty where it ended well.
    """

    handler: str
    call: Call
    ledger: Ledger
    is_cold: bool
    returned: int = 0
    iterator_age_ms: int | None = None
    unremembered: int = 0
    answers: Mapping[str, Outcome] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    error: str = ""


def line_of(report: Report, *, namespace: str, now_ms: int) -> dict[str, Any]:
    """Make the document.

    Args:
        report: what is to be said.
        namespace: where the metrics go.
        now_ms: the time.

    Returns:
        A document that CloudWatch extracts.
    """
    metrics = _metrics(report)
    definitions = [
        {names.NAME: name, names.UNIT: _MILLISECONDS if name == names.ITERATOR_AGE else _COUNT} for name in metrics
    ]
    directive = {
        names.NAMESPACE: namespace,
        names.DIMENSIONS: [[names.FUNCTION_NAME]],
        names.METRICS: definitions,
    }
    return {
        names.AWS: {names.TIMESTAMP: now_ms, names.CLOUDWATCH_METRICS: [directive]},
        names.FUNCTION_NAME: report.call.function_name,
        **metrics,
        **_properties(report),
    }


def write(report: Report, *, namespace: str, now_ms: int) -> None:
    """Write the line to standard output, at once and whole; see `line_of`."""
    sys.stdout.write(json.dumps(line_of(report, namespace=namespace, now_ms=now_ms), separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _metrics(report: Report) -> dict[str, int]:
    ledger = report.ledger
    metrics = {
        names.RECORDS_READ: ledger.records,
        names.RECORDS_REJECTED: ledger.rejected_records,
        names.RECORDS_DUPLICATE: ledger.duplicate_records,
        names.RECORDS_RETURNED: report.returned,
        names.INVOCATIONS_FAILED: int(bool(report.error)),
    }
    for name, state in _STATES.items():
        metrics[name] = sum(each.datapoints[state] for each in ledger.destinations)
    if report.iterator_age_ms is not None:
        metrics[names.ITERATOR_AGE] = report.iterator_age_ms
    return metrics


def _properties(report: Report) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "handler": report.handler,
        names.REQUEST_ID: report.call.request_id,
        "cold_start": report.is_cold,
        "ledger": report.ledger.as_json(),
    }
    if report.answers:
        properties["answers"] = {reason: answer.message for reason, answer in report.answers.items()}
    if report.unremembered:
        properties["unremembered_event_ids"] = report.unremembered
    if report.failures:
        properties["failures"] = dict(report.failures)
    if report.error:
        properties["error"] = report.error
    return properties
