"""What guards a run against the lines it reads, and a destination against what it would not take.

The choices of a user go in, and one value comes out that every way through the pipeline takes. Closed aggregates go
through the gate; those that may be sent come out, and the others are counted as refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.core.admission import TOO_MANY_SERIES, Admission
from flowemf_processor.core.conditions import NO_CONDITIONS, Conditions
from flowemf_processor.core.metric_batches import merged
from flowemf_processor.core.unwrap import AUTO
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowemf_processor.core.admission import SeriesCap
    from flowemf_processor.core.ledger import DestinationAccount
    from flowemf_processor.model import Aggregate
    from flowemf_processor.pipeline.elsewhere import StartReader
    from flowemf_processor.ports import Clock, RejectsKeeper


@dataclass(frozen=True, slots=True)
class Guards:
    """What guards a run.

    Attributes:
        conditions: what is demanded of each line.
        rejects: keeps what records lost; None where nobody wants it.
        form: the shape that every line must have; `core.unwrap.NAMES` has those that there are.
        max_series: how many series a run may send to a destination that keeps, and bills, each.
        refuses_extracted: whether to stop at a line whose metrics CloudWatch Logs has extracted already, since the
            destination would count them a second time.
        engine: reads large sources in several places at once; None reads everything in this process.
    """

    conditions: Conditions = NO_CONDITIONS
    rejects: RejectsKeeper | None = None
    form: str = AUTO
    max_series: int = limits.SERIES_PER_RUN
    refuses_extracted: bool = False
    engine: StartReader | None = None


NO_GUARDS = Guards()
"""CloudWatch's own rules, and the default limit of series."""


class Gate:
    """Judges the aggregates of a run, epoch by epoch.

    Args:
        account: where everything is counted.
        clock: judges the age of data.
        cap: bounds how many series may pass in all.
        relative_error: how far values may move so that fewer datums are needed; 0 for exactly the numbers read.
    """

    def __init__(
        self, account: DestinationAccount, clock: Clock, cap: SeriesCap, *, relative_error: float = 0.0
    ) -> None:
        self._account = account
        self._clock = clock
        self._cap = cap
        self._relative_error = relative_error

    def passed(self, aggregates: Iterable[Aggregate]) -> list[Aggregate]:
        """Count aggregates as extracted, and leave out those that the destination would refuse or that go too far.

        Args:
            aggregates: what was gathered.

        Returns:
            What may be sent, in the same order.
        """
        admission = Admission(self._clock.now_ms())
        sendable: list[Aggregate] = []
        for aggregate in aggregates:
            datapoints = aggregate.datapoints
            self._account.extracted += datapoints
            reason = admission.refusal(aggregate)
            if reason is None:
                sendable.append(aggregate)
            else:
                self._account.refuse(reason, datapoints)
        placed = [each for each, has_place in self._cap.judge(sendable) if has_place or self._refuse(each)]
        return [merged(each, self._relative_error) for each in placed] if self._relative_error else placed

    def _refuse(self, aggregate: Aggregate) -> bool:
        self._account.refuse(TOO_MANY_SERIES, aggregate.datapoints)
        return False
