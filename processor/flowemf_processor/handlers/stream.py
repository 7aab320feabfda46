"""The Lambda function behind a Kinesis stream.

A batch of records goes in; which of them have to come again comes out, so that those before are done with
(https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html). A record that cannot be read
is counted and passed over: it must not keep its shard waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowemf_processor.handlers.call import call_of
from flowemf_processor.handlers.equipment import equipment
from flowemf_processor.handlers.intake import records_of
from flowemf_processor.handlers.processing import Processing

if TYPE_CHECKING:
    from collections.abc import Sequence

_MS = 1000


def kinesis(event: Any, context: Any) -> dict[str, Any]:
    """Handle a batch of a Kinesis stream; name it `flowemf_processor.handlers.kinesis`.

    Args:
        event: `{"Records": [{"kinesis": {"data": …}}, …]}`.
        context: Lambda's.

    Returns:
        `batchItemFailures`, with the first record that has to come again, if there is one. Lambda takes note of it only
        where the event source mapping has `ReportBatchItemFailures`.

    Raises:
        ConfigurationError: the settings, the event or the permissions are wrong; Lambda calls again with all records.
        TryAgainLaterError: the first record could not be delivered; Lambda calls again with all records.
    """
    kit = equipment()
    records = records_of(event, "Records", "Kinesis")
    lines = [{"Records": [record]} for record in records]
    age_ms = _oldest_age_ms(records, kit.clock.now_ms())
    failed = Processing("kinesis", kit, call_of(context), _stream_of(records), lines, iterator_age_ms=age_ms).run()
    # Lambda goes on from the lowest one in any case.
    return {
        "batchItemFailures": [
            {"itemIdentifier": _member(records[number - 1], "sequenceNumber")} for number in failed[:1]
        ]
    }


def _member(record: Any, member: str) -> Any:
    """Give what Kinesis says of a record; None for a record of another shape."""
    inner = record.get("kinesis") if isinstance(record, dict) else None
    return inner.get(member) if isinstance(inner, dict) else None


def _stream_of(records: Sequence[Any]) -> str:
    arn = records[0].get("eventSourceARN") if records and isinstance(records[0], dict) else None
    return arn if isinstance(arn, str) else "kinesis"


def _oldest_age_ms(records: Sequence[Any], now_ms: int) -> int | None:
    arrivals = [_member(record, "approximateArrivalTimestamp") for record in records]
    known = [arrival for arrival in arrivals if isinstance(arrival, (int, float))]
    return max(0, round(now_ms - min(known) * _MS)) if known else None
