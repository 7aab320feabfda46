"""Reads the sources of a run on a cluster, portion by portion.

Sources go in; of each portion comes out where what it holds lies, and how far its sources are read. Everything that was
found is in the ledger then.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.core.unwrap import EVENT_IDS
from flowemf_processor.engines.spark.cutting import Cutter, listed, weight_bytes
from flowemf_processor.engines.spark.jobs import Job
from flowemf_processor.engines.spark.results import Window, result_of, whole_identity
from flowemf_processor.engines.spark.works import ReadingTerms, Task, Whole
from flowemf_processor.errors import ConfigurationError
from flowemf_processor.model import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowemf_processor.core.ledger import Ledger, SourceAccount
    from flowemf_processor.engines.spark.results import SourceResult
    from flowemf_processor.engines.spark.session import SessionGiver
    from flowemf_processor.engines.spark.works import Found, Listed
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.pipeline.reading import Progress
    from flowemf_processor.ports import Clock, MarkStore, Source

PORTION_BYTES = 256 << 20
"""So much is read before what it holds is delivered, at first: its requests have to fit into the driver's memory."""

REQUEST_BYTES = 256 << 20
"""How large the requests of a portion should be."""

_MOST_TIMES = 4  # what comes next may be less alike than what came before


@dataclass(frozen=True, slots=True)
class Portion:
    """What was read of some sources.

    Attributes:
        jobs: where it lies, each with the numbers of the sources that it must not be taken from.
        marks: how far the sources are read, by identity.
        weight_bytes: how much there was to read.
    """

    jobs: Sequence[tuple[Job, Sequence[int]]]
    marks: dict[str, Mark]
    weight_bytes: int


@dataclass(frozen=True, slots=True)
class Reading:
    """How a run reads.

    Attributes:
        ledger: where everything is counted.
        clock: gives the time that events without a timestamp get.
        progress: is told how many bytes have been read.
        guards: what guards the run against the lines it reads.
    """

    ledger: Ledger
    clock: Clock
    progress: Progress | None
    guards: Guards


class PortionReader:
    """Reads the sources of one run.

    Args:
        session: Spark, where it is needed.
        marks: knows how far earlier runs got; None where nothing is remembered.
        reading: how the run reads.
        gives_events: whether events are wanted one by one.
    """

    def __init__(self, session: SessionGiver, marks: MarkStore | None, reading: Reading, *, gives_events: bool) -> None:
        self._session = session
        self._marks = marks
        self._ledger = reading.ledger
        self._progress = reading.progress
        self._guards = guards = reading.guards
        self._terms = ReadingTerms(
            guards.conditions,
            guards.form,
            guards.refuses_extracted,
            guards.rejects is not None,
            reading.clock.now_ms(),
            type(reading.ledger),
            gives_events,
        )
        self._cutter = Cutter(self._terms, is_marked=marks is not None)
        self._window = Window(marks.mark(EVENT_IDS) if marks is not None else None)
        self._accounts: dict[int, SourceAccount] = {}
        self._wanted_bytes = PORTION_BYTES

    def portions(self, sources: Iterable[Source]) -> Iterator[list[Listed]]:
        """Divide sources, each of which stays whole; what needs not be read again is accounted for and left out."""
        portion: list[Listed] = []
        portion_bytes = 0
        for number, source in enumerate(sources):
            self._accounts[number] = self._ledger.open_source(source.name)
            if self._is_known(number, source):
                continue
            each = listed(number, source, self._marks)
            weight = weight_bytes(each)
            if portion and portion_bytes + weight > self._wanted_bytes:
                yield portion
                portion, portion_bytes = [], 0
            portion.append(each)
            portion_bytes += weight
        if portion:
            yield portion

    def adapt(self, portion: Portion, request_bytes: int) -> None:
        """Make the next portion as large as its requests may be, if they are to what was read as these are."""
        ratio = REQUEST_BYTES / max(request_bytes, 1)
        most_bytes = _MOST_TIMES * self._wanted_bytes
        self._wanted_bytes = max(PORTION_BYTES, min(int(portion.weight_bytes * ratio), most_bytes))

    @contextlib.contextmanager
    def read(self, sources: Sequence[Listed]) -> Iterator[Portion]:
        """Read a portion, and count what was found.

        Args:
            sources: the portion.

        Yields:
            What was read, as long as the block lasts.

        Raises:
            ConfigurationError: a line has been extracted by CloudWatch already, and the guards refuse that.
            TryAgainLaterError: Spark gave up, or what was rejected cannot be kept.
        """
        session = self._session()
        with contextlib.ExitStack() as open_jobs:
            tasks = self._cutter.tasks(sources, session.sparkContext.defaultParallelism)
            first = open_jobs.enter_context(Job(session, tasks, self._terms))
            results, again = self._judged(sources, first.found())
            jobs: list[tuple[Job, Sequence[int]]] = [(first, [each.number for each in again])]
            if again:
                in_order = Task(tuple(Whole(each) for each in again), self._window.state)
                second = open_jobs.enter_context(Job(session, [in_order], self._terms))
                results |= self._read_in_order(again, second.found())
                jobs.append((second, ()))
            marks = self._counted([results[each.number] for each in sources])
            yield Portion(jobs, marks, sum(map(weight_bytes, sources)))

    def _is_known(self, number: int, source: Source) -> bool:
        """Whether an earlier run has delivered a source that cannot have changed; nobody need ask for it then."""
        whole = whole_identity(source) if self._marks is not None else None
        mark = self._marks.mark(whole) if self._marks is not None and whole is not None else None
        if mark is None:
            return False
        self._accounts[number].already_accepted_bytes = mark.offset_bytes
        return True

    def _judged(
        self, sources: Sequence[Listed], found: Iterable[Found]
    ) -> tuple[dict[int, SourceResult], list[Listed]]:
        """Say what is known of each source, and which have to be read again: whole, in order, knowing of each other.

        Those are sources that could not be read in stretches; that hold log events which were read before, so that it
        matters in which order they are read; and, behind the first of these, all with log events that have ids.
        """
        by_number: defaultdict[int, list[Found]] = defaultdict(list)
        for each in found:
            by_number[each.number].append(each)
        results: dict[int, SourceResult] = {}
        again: list[Listed] = []
        for source in sources:
            result = result_of(source, by_number[source.number], is_marked=self._marks is not None)
            if result is None or (result.first_ids and (again or not self._window.has_none_of(result.first_ids))):
                again.append(source)
            else:
                results[source.number] = result
                self._window.extend(result.window)
        return results, again

    def _read_in_order(self, sources: Sequence[Listed], found: Iterable[Found]) -> dict[int, SourceResult]:
        by_number = {each.number: each for each in found}
        results = {}
        for source in sources:
            result = result_of(source, [by_number[source.number]], is_marked=True)
            assert result is not None  # noqa: S101 - it was read whole, of which something is always known
            results[source.number] = result
            self._window.replace(result.window)
        return results

    def _counted(self, results: Sequence[SourceResult]) -> dict[str, Mark]:
        """Count what was found, once it is known that the run goes on."""
        error = next((each.error for each in results if each.error), None)
        if error is not None:
            raise ConfigurationError(error)
        marks: dict[str, Mark] = {}
        for result in results:
            account = self._accounts[result.source.number]
            account.lines, account.read_bytes = result.lines, result.read_bytes
            account.already_accepted_bytes = result.already_accepted_bytes
            for ledger, lines_before in result.ledgers:
                self._ledger.include(ledger, lines_before=lines_before)
            if self._guards.rejects is not None:
                self._guards.rejects.keep(result.rejections)
            if self._progress is not None:
                self._progress(result.read_bytes + result.already_accepted_bytes)
            marks |= result.marks
        changed = self._window.mark()
        return marks | {changed.source: changed} if changed else marks
