"""What a task does: it reads sources, and stretches of sources, with the core that reads them on one machine.

Numbers of tasks go in as Spark gives them out; rows come out: parts of aggregates, or events, and what was found.
"""

from __future__ import annotations

import pickle
from functools import lru_cache
from typing import TYPE_CHECKING

from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.blocks import binary
from flowemf_processor.core.decode import LineDecoder
from flowemf_processor.core.unwrap import EVENT_IDS, SeenEvents
from flowemf_processor.engines.spark.cutting import lines_of
from flowemf_processor.engines.spark.rows import EventRows, Kind, PartRows, Row, record_batches, row, rows_of
from flowemf_processor.engines.spark.works import (
    Fingerprint,
    FingerprintFound,
    Found,
    Still,
    Stretch,
    StretchFound,
    Task,
    Whole,
    WholeFound,
)
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.model import Mark, Rejection
from flowemf_processor.pipeline.chunks import Chunk, ChunkReader, moved, whole_lines
from flowemf_processor.pipeline.collecting import rarely_from_now_on
from flowemf_processor.pipeline.guards import Guards
from flowemf_processor.pipeline.reading import SourceReader
from flowemf_processor.pipeline.steps import events_of, steps_of
from flowemf_processor.pipeline.yields import AggregatesYield

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    import pyarrow

    from flowemf_processor.core.conditions import Conditions
    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.engines.spark.works import Listed, ReadingTerms, Work

_PIECE_BYTES = 1 << 20
_JUDGED_BYTES = 1 << 16  # by so much of its beginning a source is judged to be text


class ReadTasks:
    """Carries out tasks, wherever Spark calls it.

    Args:
        tasks: all of them.
        terms: how they read.
    """

    def __init__(self, tasks: Sequence[Task], terms: ReadingTerms) -> None:
        self._tasks = tasks
        self._terms = terms

    def __call__(self, batches: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        """Carry out those whose numbers stand in the first column."""
        rarely_from_now_on()
        reader = _TaskReader(self._terms)
        numbers = (number for batch in batches for number in batch.column(0).to_pylist())
        return record_batches(each for number in numbers for each in reader.rows(self._tasks[number]))


@lru_cache(1)
def _chunk_reader(conditions: Conditions, keeps_rejections: bool) -> ChunkReader:
    """Keep what was learned of directives as long as the process lives; Spark ends it when a task fails."""
    return ChunkReader(conditions, AggregatesYield(), keeps_rejections=keeps_rejections)


class _TaskReader:
    """Reads what tasks say."""

    def __init__(self, terms: ReadingTerms) -> None:
        self._terms = terms
        self._clock = Still(terms.received_ms)
        self._chunks = _chunk_reader(terms.conditions, terms.keeps_rejections)

    def rows(self, task: Task) -> Iterator[Row]:
        """Carry out a task."""
        known = {} if task.window is None else {EVENT_IDS: Mark(EVENT_IDS, 0, 0, "", task.window)}
        for work in task.works:
            found = yield from self._read(work, known if task.window is not None else {})
            yield row(Kind.FOUND, work.listed.number, pickle.dumps(found))

    def _read(self, work: Work, known: dict[str, Mark]) -> Generator[Row, None, Found]:
        """Give rows, and return what was found."""
        if isinstance(work, Whole):
            return (yield from self._whole(work.listed, known))
        if isinstance(work, Stretch):
            return (yield from self._stretch(work))
        return _fingerprint(work)

    # --- Sources that are read whole ----------------------------------------------------------------------------------

    def _whole(self, listed: Listed, known: dict[str, Mark]) -> Generator[Row, None, WholeFound]:
        terms, seen = self._terms, SeenEvents()
        found = WholeFound(listed.number, terms.new_ledger())
        keeper = _Kept()
        guards = Guards(
            terms.conditions,
            rejects=keeper if terms.keeps_rejections else None,
            form=terms.form,
            refuses_extracted=terms.refuses_extracted,
        )
        marks = _Marks({mark.source: mark for mark in listed.marks} | known)
        gathered = EventRows(listed.number) if terms.gives_events else PartRows(listed.number, guards)
        road = None if isinstance(gathered, EventRows) else gathered.road
        is_complete = True
        try:
            for step in steps_of([listed], found.ledger, self._clock, marks, None, guards, road, seen=seen):
                is_complete = is_complete and not step.findings
                marks.update(step.marks)
                found.marks.update((mark.source, mark) for mark in step.marks if mark.source != EVENT_IDS)
                yield from gathered.rows(step, keeper.taken() if terms.gives_events else [])
        except ConfigurationError as error:
            found.error = str(error)
            return found
        yield from gathered.rest()
        window = marks.mark(EVENT_IDS)
        if window is not None:
            known[EVENT_IDS] = window
        found.first_ids, found.window = bytes(seen.first), window.state if window else b""
        found.rejections = keeper.taken()
        found.is_complete = is_complete and not found.ledger.incomplete_records
        return found

    # --- Sources that are read in stretches ---------------------------------------------------------------------------

    def _stretch(self, stretch: Stretch) -> Generator[Row, None, StretchFound]:
        listed = stretch.listed
        found = StretchFound(listed.number, stretch.start_bytes, None)
        try:
            lines = lines_of(stretch)
            found.start_bytes = lines.start_bytes
        except TryAgainLaterError:  # whoever reads the source whole says what is wrong
            return found
        if binary(lines.data[:_JUDGED_BYTES] if stretch.start_bytes == 0 else lines.tail):
            return found
        read = self._chunks.read(Chunk(listed.name, lines.start_bytes, lines.data, self._terms.received_ms))
        if read is None:
            return found
        found.ledger = ledger = self._terms.new_ledger()
        account = ledger.open_source(listed.name)
        account.lines, account.read_bytes = read.lines, len(lines.data)
        for record in read.records:
            ledger.count(record)
        ledger.count_flawless(metric_records=read.metric_records, other_records=read.other_records, values=read.values)
        found.rejections = sorted(read.rejections, key=_place)
        yield from rows_of(listed.number, read.yielded)
        if lines.tail:
            yield from self._tail(listed, lines.tail, found, ledger)
        return found

    def _tail(self, listed: Listed, tail: bytes, found: StretchFound, ledger: Ledger) -> Iterator[Row]:
        """Read what stands behind the last line ending, as the end of any source is read."""
        account, own = ledger.sources[0], self._terms.new_ledger()
        lines_before, bytes_before = account.lines, found.start_bytes + account.read_bytes
        keeper = _Kept()
        guards = Guards(self._terms.conditions, rejects=keeper)
        aggregator = Aggregator()
        for step in SourceReader(_Tail(listed.name, tail), ledger=own, clock=self._clock, guards=guards).steps():
            keeper.keep(step.rejections)
            for event in events_of(step):
                aggregator.add(event)
        ledger.include(own, lines_before=lines_before)
        if self._terms.keeps_rejections:
            found.rejections += [moved(each, lines_before, bytes_before) for each in keeper.taken()]
        account.lines += own.sources[0].lines
        account.read_bytes += own.sources[0].read_bytes
        yield from rows_of(listed.number, aggregator.close())


def _fingerprint(work: Fingerprint) -> FingerprintFound:
    """Say how far a source is read when all its lines are, and when what stands behind them is, too."""
    listed = work.listed
    found = FingerprintFound(listed.number)
    decoder = LineDecoder(listed.name)
    try:
        for stretch in whole_lines(listed.pieces(), _PIECE_BYTES):
            if stretch.endswith(b"\n"):
                decoder.skip_lines(len(stretch), stretch.count(b"\n"), stretch)
                continue
            found.marks.append(decoder.mark(""))
            decoder.pass_over(stretch)
            decoder.consume_unfinished()
        found.marks.append(decoder.mark(""))
    except TryAgainLaterError:  # whoever reads the source whole says what is wrong
        found.marks.clear()
    return found


def _place(rejection: Rejection) -> tuple[int, int]:
    return rejection.line.position.offset_bytes, rejection.line.position.event


class _Kept:
    """Keeps rejections until somebody takes them."""

    def __init__(self) -> None:
        self._rejections: list[Rejection] = []

    def keep(self, rejections: Iterable[Rejection]) -> None:
        """Keep what was read just now."""
        self._rejections += rejections

    def settle(self) -> None:
        """Do nothing: whoever takes them makes them safe."""

    def taken(self) -> list[Rejection]:
        """Give what was kept, once."""
        taken, self._rejections = self._rejections, []
        return taken


class _Marks:
    """Knows the marks that the driver knows."""

    def __init__(self, marks: dict[str, Mark]) -> None:
        self._marks = marks

    def mark(self, source: str) -> Mark | None:
        """Give the mark of a source."""
        return self._marks.get(source)

    def update(self, marks: Iterable[Mark]) -> None:
        """Remember how far a source has been read; the driver does, when all is delivered."""
        self._marks.update((mark.source, mark) for mark in marks)


class _Tail:
    """What stands behind the last line ending of a source."""

    identities: Sequence[str] = ()
    rewindable = False
    size_bytes = None

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self._data = data

    def pieces(self) -> Iterator[bytes]:
        """Give it."""
        return iter((self._data,))
