"""What guards a run against the lines it reads: conditions, a keeper of what was rejected, and a limit of series.

The choices of a user go in; one value comes out that every way through the pipeline takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.core.conditions import NO_CONDITIONS, Conditions
from flowemf_processor.core.unwrap import AUTO
from flowemf_schemas import limits

if TYPE_CHECKING:
    from flowemf_processor.pipeline.elsewhere import StartReader
    from flowemf_processor.ports import RejectsKeeper


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
