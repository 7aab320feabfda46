"""Makes requests of what all tasks have gathered.

Parts of aggregates go in, sorted by series and period; requests come out, and an account of what must not be sent.
"""

from __future__ import annotations

import pickle
import sys
from collections import Counter
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING

from flowemf_processor.core.admission import SeriesCap
from flowemf_processor.core.ledger import DestinationAccount
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.core.partials import merged
from flowemf_processor.engines.spark.rows import Kind, Row, column, record_batches, row
from flowemf_processor.engines.spark.works import Still
from flowemf_processor.pipeline.collecting import rarely_from_now_on
from flowemf_processor.pipeline.epochs import EPOCH_GROUPS
from flowemf_processor.pipeline.guards import Gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow

    from flowemf_processor.core.partials import Part
    from flowemf_processor.model import Series


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
