"""The Lambda functions that send metrics: behind a subscription of a log group, and behind a Kinesis stream.

What the service delivers goes in; when a handler returns, its metrics are in CloudWatch, but for those of records that
it names or raises for, which come again. One line of the handler's log says the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.unwrap.pieces import milliseconds
from flowemf_processor.errors import ConfigurationError, ProcessorError, TryAgainLaterError
from flowemf_processor.handlers import health
from flowemf_processor.handlers.dispatch import Dispatch
from flowemf_processor.handlers.intake import FORM, Intake, RecordsSource, records_of
from flowemf_processor.handlers.invocation import call_of, equipment
from flowemf_processor.pipeline.guards import Guards
from flowemf_processor.pipeline.reading import SourceReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowemf_processor.handlers.invocation import Call, Equipment
    from flowemf_processor.model import Outcome

_DESTINATION = "metrics"
_MS = 1000


def logs_subscription(event: Any, context: Any) -> None:
    """Handle an event of CloudWatch Logs; name it `flowemf_processor.handlers.logs_subscription`.

    Lambda calls it asynchronously: when it raises, the event comes again, twice by default, and then goes to the
    on-failure destination (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).

    Args:
        event: `{"awslogs": {"data": …}}`.
        context: Lambda's.

    Raises:
        ConfigurationError: the settings, the event or the permissions are wrong; Lambda calls again.
        TryAgainLaterError: not everything could be delivered; Lambda calls again.
    """
    kit = equipment()
    logs = event.get("awslogs") if isinstance(event, dict) else None
    if not isinstance(logs, dict) or not isinstance(logs.get("data"), str):
        raise ConfigurationError(
            "this is no event of a CloudWatch Logs subscription: it has no awslogs.data; connect the function to a "
            "subscription filter, or choose the handler of the service that calls it"
        )
    _Processing("logs_subscription", kit, call_of(context), "awslogs", [event]).run()


def kinesis(event: Any, context: Any) -> dict[str, Any]:
    """Handle a batch of a Kinesis stream; name it `flowemf_processor.handlers.kinesis`.

    Those before the first record that has to come again are done with
    (https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html). A record that cannot be
    read is counted and passed over: it must not keep its shard waiting.

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
    failed = _Processing("kinesis", kit, call_of(context), _stream_of(records), lines, iterator_age_ms=age_ms).run()
    # Lambda goes on from the lowest one in any case.
    return {
        "batchItemFailures": [
            {"itemIdentifier": _member(records[number - 1], "sequenceNumber")} for number in failed[:1]
        ]
    }


class _Processing:
    """One invocation.

    Args:
        handler: its name, for the log.
        kit: the settings and clients of this environment.
        call: the invocation.
        source: the name of what the records come from.
        records: each an object of a shape that a subscription delivers.
        iterator_age_ms: how long the oldest of them had waited, if that is known.
    """

    def __init__(
        self,
        handler: str,
        kit: Equipment,
        call: Call,
        source: str,
        records: Sequence[Any],
        *,
        iterator_age_ms: int | None = None,
    ) -> None:
        self._kit = kit
        self._call = call
        self._ledger = Ledger()
        self._source = RecordsSource(source, records, call.may_read)
        self._guards = Guards(kit.conditions, kit.rejects(self._ledger), FORM)
        self._records = len(records)
        self._report = health.Report(handler, call, self._ledger, kit.is_cold, iterator_age_ms=iterator_age_ms)
        kit.is_cold = False

    def run(self) -> list[int]:
        """Read and send; write the line.

        Returns:
            The numbers of the records, from 1, that have to come again; none where all is well.

        Raises:
            ConfigurationError: the configuration is wrong; every record has to come again.
            TryAgainLaterError: none of the records before the first one that failed was done with: it was the first.
        """
        try:
            undelivered = self._look() if self._kit.settings.source_extracted else self._deliver()
            self._report.returned = len(undelivered)
            if undelivered and undelivered[0] == 1:
                raise self._failure(len(undelivered))
        except Exception as error:
            self._report.returned = self._records
            self._report.error = str(error) if isinstance(error, ProcessorError) else repr(error)
            raise
        else:
            return undelivered
        finally:
            settings = self._kit.settings
            health.write(self._report, namespace=settings.health_namespace, now_ms=self._kit.clock.now_ms())

    def _look(self) -> list[int]:
        """Read and count what CloudWatch extracts by itself."""
        rejects = self._guards.rejects
        reader = SourceReader(self._source, ledger=self._ledger, clock=self._kit.clock, guards=self._guards)
        for step in reader.steps():
            if rejects is not None:
                rejects.keep(step.rejections)
        if rejects is not None:
            rejects.settle()
        return list(self._source.unread)

    def _deliver(self) -> list[int]:
        account = self._ledger.open_destination(_DESTINATION)
        event_ids = self._kit.event_ids(self._call.request_id)
        resend = self._kit.terms.resend
        intake = Intake(account, self._ledger, event_ids, claims_end_ms=self._call.dead_ms, resend=resend)
        dispatch = Dispatch(self._kit, account, self._call, self._kit.sink, event_ids)
        self._report.answers = dispatch.answers
        try:
            intake.read(self._source, self._guards, self._kit.clock)
        except ProcessorError:
            intake.give_up()
            dispatch.give_up(intake.portions)
            raise
        dispatch.send(intake.portions)
        dispatch.remember(intake.dropped)
        self._report.unremembered = dispatch.unremembered
        return sorted({*dispatch.undelivered, *intake.elsewhere, *self._source.unread})

    def _failure(self, undelivered: int) -> ProcessorError:
        """Say why the records have to come again."""
        answers: Mapping[str, Outcome] = self._report.answers
        reasons = "; ".join(f"{reason}: {answer.message}" for reason, answer in answers.items())
        message = f"{undelivered} of {self._records} records have to come again: {reasons or 'see the ledger'}"
        is_wrong = any(answer.by_configuration for answer in answers.values())
        return (ConfigurationError if is_wrong else TryAgainLaterError)(message)


def _member(record: Any, member: str) -> Any:
    """Give what Kinesis says of a record; None for a record of another shape."""
    inner = record.get("kinesis") if isinstance(record, dict) else None
    return inner.get(member) if isinstance(inner, dict) else None


def _stream_of(records: Sequence[Any]) -> str:
    arn = records[0].get("eventSourceARN") if records and isinstance(records[0], dict) else None
    return arn if isinstance(arn, str) else "kinesis"


def _oldest_age_ms(records: Sequence[Any], now_ms: int) -> int | None:
    arrivals = [milliseconds(_member(record, "approximateArrivalTimestamp"), per_unit=_MS) for record in records]
    known = [arrival for arrival in arrivals if arrival is not None]
    return max(0, now_ms - min(known)) if known else None
