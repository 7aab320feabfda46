"""Makes requests of what all tasks have gathered.

Parts of aggregates go in, and a cluster sorts them by series and period; requests come out, for no more series than a
run may send, and an account of what must not be sent.
"""

from __future__ import annotations

import pickle
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.admission import SeriesCap
from flowemf_processor.core.ledger import DestinationAccount
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.core.partials import merged
from flowemf_processor.engines.spark.cutting import STRETCH_BYTES
from flowemf_processor.engines.spark.jobs import translated
from flowemf_processor.engines.spark.rows import SCHEMA, Kind, Row, column, record_batches, row
from flowemf_processor.engines.spark.session import without_warnings
from flowemf_processor.engines.spark.works import Still
from flowemf_processor.model import Aggregate, Tally
from flowemf_processor.pipeline.collecting import rarely_from_now_on
from flowemf_processor.pipeline.epochs import EPOCH_GROUPS
from flowemf_processor.pipeline.guards import Gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow

    from flowemf_processor.core.partials import Part
    from flowemf_processor.engines.spark.portions import Portion
    from flowemf_processor.engines.spark.session import SessionGiver
    from flowemf_processor.model import Batch, Series
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.ports import Clock


@dataclass(frozen=True, slots=True)
class MergingTerms:
    """On which terms requests are made.

    Attributes:
        now_ms: judges the age of data.
        relative_error: how far values may move so that fewer datums are needed.
        max_series: how many series a run may send.
        placed: digests of the series that may be sent; None where nobody knows yet whether there are too many.
    """

    now_ms: int
    relative_error: float
    max_series: int
    placed: frozenset[bytes] | None = None


@dataclass(slots=True)
class Judged:
    """What became of aggregates before there were requests of them.

    Attributes:
        account: what was extracted, and what of it must not be sent.
        datapoints: of the series with the most, where nobody knows yet whether there are too many.
    """

    account: DestinationAccount
    datapoints: dict[Series, int] = field(default_factory=dict)


# --- On the driver ----------------------------------------------------------------------------------------------------


class Requests:
    """Makes requests of what was read, for no more series than a run may send.

    Args:
        session: Spark.
        clock: judges the age of data.
        guards: how many series a run may send.
        relative_error: how far values may move so that fewer datums are needed.
    """

    def __init__(self, session: SessionGiver, clock: Clock, guards: Guards, relative_error: float) -> None:
        self._session = session
        self._clock = clock
        self._max_series = guards.max_series
        self._cap = SeriesCap(guards.max_series)
        self._relative_error = relative_error

    def of(self, portion: Portion) -> tuple[list[Batch], list[Judged]]:
        """Make the requests of a portion."""
        session = self._session()
        parts = [job.parts(without) for job, without in portion.jobs]
        tasks = min(session.sparkContext.defaultParallelism, 1 + portion.weight_bytes // STRETCH_BYTES)
        terms = MergingTerms(self._clock.now_ms(), self._relative_error, self._max_series)
        batches, judged = _made(session, parts, tasks, terms)
        if self._have_places(judged):
            return batches, judged
        return _made(session, parts, tasks, replace(terms, placed=self._cap.placed))

    def _have_places(self, judged: Iterable[Judged]) -> bool:
        """Give places to series, as far as there are any; tell whether all have got one."""
        found = [
            Aggregate(series, 0, ((0.0, Tally(1.0, datapoints)),))
            for each in judged
            for series, datapoints in each.datapoints.items()
        ]
        return all(has_place for _, has_place in self._cap.judge(found))


def _made(session: Any, parts: Sequence[Any], tasks: int, terms: MergingTerms) -> tuple[list[Batch], list[Judged]]:
    """Put parts together and make requests of them.

    Args:
        session: Spark.
        parts: data frames of parts.
        tasks: how many tasks are to do so.
        terms: on which terms.

    Returns:
        The requests, and what became of the aggregates that are not in them.
    """
    with without_warnings(), translated(session):
        together = parts[0]
        for each in parts[1:]:
            together = together.union(each)
        in_order = together.repartition(tasks, "series").sortWithinPartitions("series", "period_start_s")
        rows = in_order.mapInArrow(MergeParts(terms), SCHEMA).select("kind", "payload").collect()
    batches: list[Batch] = []
    judged: list[Judged] = []
    for kind, payload in rows:
        made = pickle.loads(payload)  # noqa: S301 - of our own tasks
        (batches if kind == Kind.REQUEST else judged).append(made)
    return batches, judged


# --- In a task --------------------------------------------------------------------------------------------------------


class MergeParts:
    """Makes requests, wherever Spark calls it.

    Args:
        terms: on which terms.
    """

    def __init__(self, terms: MergingTerms) -> None:
        self._terms = terms

    def __call__(self, batches: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        """Make requests of the parts of some series."""
        rarely_from_now_on()
        return record_batches(self._rows(batches))

    def _rows(self, batches: Iterable[pyarrow.RecordBatch]) -> Iterator[Row]:
        terms = self._terms
        judged = Judged(DestinationAccount(""))
        cap = SeriesCap(sys.maxsize) if terms.placed is None else SeriesCap(len(terms.placed), terms.placed)
        gate = Gate(judged.account, Still(terms.now_ms), cap, relative_error=terms.relative_error)
        datapoints: Counter[Series] = Counter()
        aggregates = merged(_parts(batches))
        while some := list(islice(aggregates, EPOCH_GROUPS)):
            passed = gate.passed(some)
            if terms.placed is None:
                for each in passed:
                    datapoints[each.series] += each.datapoints
            for batch in plan(passed):
                yield row(Kind.REQUEST, 0, pickle.dumps(batch))
        # One more than may be sent: whoever adds up those of all tasks sees that there are too many.
        judged.datapoints = dict(nsmallest(terms.max_series + 1, datapoints.items(), lambda each: (-each[1], each[0])))
        yield row(Kind.JUDGED, 0, pickle.dumps(judged))


def _parts(batches: Iterable[pyarrow.RecordBatch]) -> Iterator[Part]:
    for batch in batches:
        yield from zip(column(batch, "series"), column(batch, "period_start_s"), column(batch, "payload"), strict=True)
