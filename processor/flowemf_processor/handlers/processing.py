"""Takes the records of one invocation to CloudWatch, and accounts for them.

Records go in; the numbers of those come out that have to come again. One line of the handler's log says the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.core.ledger import Ledger
from flowemf_processor.errors import ConfigurationError, ProcessorError, TryAgainLaterError
from flowemf_processor.handlers import health
from flowemf_processor.handlers.dispatch import Dispatch
from flowemf_processor.handlers.intake import FORM, Intake, RecordsSource
from flowemf_processor.pipeline.guards import Guards
from flowemf_processor.pipeline.reading import SourceReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from flowemf_processor.handlers.call import Call
    from flowemf_processor.handlers.equipment import Equipment
    from flowemf_processor.model import Outcome

_DESTINATION = "metrics"


class Processing:
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
