"""Reads one source in steps, and accounts for it.

A source goes in; its records come out, and after each step the marks that say how far it has been read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.blocks import binary
from flowemf_processor.core.decode import LineDecoder
from flowemf_processor.core.parse import parse
from flowemf_processor.core.rewriting import rejection_of
from flowemf_processor.core.unwrap import AUTO, RAW, SeenEvents, Unwrapper
from flowemf_processor.errors import ConfigurationError, SourceFaultError, TryAgainLaterError
from flowemf_processor.model import Event, Incomplete, Line
from flowemf_processor.pipeline.blocks import joined, read_block
from flowemf_processor.pipeline.chunks import Chunk, Stretch
from flowemf_processor.pipeline.elsewhere import is_large
from flowemf_processor.pipeline.guards import NO_GUARDS
from flowemf_processor.ports import FollowedSource, PositionedSource
from flowemf_schemas.rules import finding

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from flowemf_processor.core.batches import BatchRoad
    from flowemf_processor.core.ledger import Ledger, SourceAccount
    from flowemf_processor.model import Mark, Record, Rejection
    from flowemf_processor.pipeline.elsewhere import Elsewhere
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.ports import Clock, MarkStore, Source
    from flowemf_schemas.rules import Finding

Progress = Callable[[int], None]
"""Is told how many bytes have just been read."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one piece of a source gave.

    Attributes:
        records: the records that ended in it.
        findings: what is to be said of the source as a whole.
        marks: how far the source has been read after these records, under each of its identities.
        rejections: what these records lost.
        closes_epoch: whether it is time to deliver what was gathered.
        yielded: what has become of the events of a chunk that was read elsewhere.
    """

    records: Sequence[Record]
    findings: Sequence[Finding] = ()
    marks: Sequence[Mark] = ()
    rejections: Sequence[Rejection] = ()
    closes_epoch: bool = False
    yielded: Any = None


def _place(rejection: Rejection) -> tuple[int, int]:
    return rejection.line.position.offset_bytes, rejection.line.position.event


class SourceReader:
    """Reads one source from where an earlier run stopped, or from its beginning.

    Args:
        source: what to read.
        ledger: where everything is counted.
        clock: gives the time that events without a timestamp get.
        marks: knows how far earlier runs got; None reads from the beginning, and steps have no marks.
        progress: is told of every piece.
        guards: what is demanded of each line, and who keeps what is rejected.
        seen: knows the log events that the run has read before, from whatever source.
        road: reads flawless lines together and gives their values to its taker; steps have the other records then. None
            reads each line by itself, and steps have every record.
        keeps_text: whether events are to carry their lines.
        elsewhere: reads whole chunks in place of the road, as long as that can be done apart.
    """

    def __init__(  # noqa: PLR0913 - each is chosen by somebody else
        self,
        source: Source,
        *,
        ledger: Ledger,
        clock: Clock,
        marks: MarkStore | None = None,
        progress: Progress | None = None,
        guards: Guards = NO_GUARDS,
        seen: SeenEvents | None = None,
        road: BatchRoad | None = None,
        keeps_text: bool = False,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._source = source
        self._keeps_text = keeps_text
        self._ledger = ledger
        self._received_ms = clock.now_ms()
        self._marks = marks
        self._progress = progress
        self._guards = guards
        self._rejections: list[Rejection] = []
        self._account: SourceAccount = ledger.open_source(source.name)
        self._seen = SeenEvents() if seen is None else seen
        self._road = road if guards.form in (AUTO, RAW) else None  # in any other form every line is wrapped
        self._elsewhere = elsewhere if guards.form in (AUTO, RAW) else None
        self._decoder = self._new_decoder()
        self._unwrapper = Unwrapper(source.name, form=guards.form, seen=self._seen)
        self._is_resumed = False  # of a source that knows its position by itself
        self._identities: Sequence[str] | None = None  # none before it is known where to go on: no mark may be set back

    def steps(self) -> Iterator[Step]:
        """Read the source to its end.

        Yields:
            Steps. A source that cannot be read gives a finding in place of the rest of its records.

        Raises:
            ConfigurationError: standard input does not begin with what was read under its identity before.
        """
        try:
            pieces = self._unread_pieces()
            self._identities = self._source.identities
            first = next(pieces, b"")
            yield self._step((), self._whole(first))
            unread: Iterator[bytes] = chain((first,), pieces)
            if self._elsewhere is not None and is_large(self._source) and self._decoder.is_between_lines:
                unread = yield from self._take_elsewhere(self._elsewhere, first, pieces)
            if self._road is not None and self._lies_ready:
                unread = joined(unread)
            yield from map(self._take, unread)
            yield from self._end()
        except TryAgainLaterError as error:
            fault = error if isinstance(error, SourceFaultError) else None
            if self._identities is None:  # the beginning, which is known, was not even passed over
                self._decoder = self._new_decoder()
            elif fault and fault.at_end:
                yield from self._end()
            yield self._step((), [finding(fault.reason if fault else "source-unreadable", str(error))])

    @property
    def _lies_ready(self) -> bool:
        """Whether it is all there, compressed or not: then small pieces are joined, and nothing is held up by that."""
        return self._source.rewindable and not isinstance(self._source, FollowedSource)

    def _new_decoder(self) -> LineDecoder:
        return LineDecoder(self._source.name, is_marked=self._marks is not None)

    def _take(self, piece: bytes) -> Step:
        block = self._decoder.feed_block(piece) if self._road is not None else None
        if block is not None and self._road is not None:
            read = read_block(block, self._road, self)
            self._ledger.count_flawless(
                metric_records=read.metric_records, other_records=read.other_records, values=read.values
            )
            return self._step(read.records)
        return self._step([record for line in self._decoder.feed(piece) for record in self.records(line)])

    def _take_elsewhere(
        self, elsewhere: Elsewhere, first: bytes, pieces: Iterator[bytes]
    ) -> Generator[Step, None, Iterator[bytes]]:
        """Let chunks be read elsewhere; give what is left to be read here."""
        decoder = self._decoder
        start = Chunk(self._source.name, decoder.offset_bytes, b"", self._received_ms)
        tasks = elsewhere.tasks(self._source, first, pieces, start, brings=self._marks is not None)
        told_bytes = len(first)
        while (task := tasks.next()) is not None:
            read = None if self.is_waiting() else elsewhere.read(task)
            if read is None:
                return tasks.unread(task)
            read = read.behind(decoder.lines)
            chunk = task.chunk
            if isinstance(chunk.data, Stretch):
                decoder.skip_lines(chunk.size_bytes, read.lines)
                self._tell(chunk.size_bytes - told_bytes)
                told_bytes = 0
            else:
                decoder.skip_lines(chunk.size_bytes, read.lines, chunk.data)
            self._ledger.count_flawless(
                metric_records=read.metric_records, other_records=read.other_records, values=read.values
            )
            self._rejections += read.rejections
            yield self._step(read.records, yielded=read.yielded)
        return tasks.unread()

    def _end(self) -> Iterator[Step]:
        line = self._decoder.unfinished()
        if line is not None:
            state, rejections = self._unwrapper.state(), len(self._rejections)
            records = self.records(line)
            torn = [record for record in records if isinstance(record, Incomplete)]
            if torn:  # the next run finds the whole line again, and what it belongs to must be as it was
                self._unwrapper.restore(state)
                del self._rejections[rejections:]
            else:
                self._decoder.consume_unfinished()
            yield self._step(torn or records)
        is_gone = isinstance(self._source, FollowedSource) and self._source.is_gone
        yield self._step(self._given_up() if is_gone else self._unwrapper.unfinished())

    def _given_up(self) -> list[Record]:
        """Give up what waits for something that will never come."""
        return [self._kept(each.text, each) if each.text else each for each in self._unwrapper.give_up()]

    def is_waiting(self) -> bool:
        """Tell whether something that goes on over several lines has begun."""
        return self._unwrapper.is_concerned(b"")

    def records(self, line: Line) -> list[Record]:
        """Unwrap a line and read what was in it; most lines are what they are."""
        unwrapped = self._unwrapper.unwrap(line)
        records = [self.parsed(each) if isinstance(each, Line) else self._kept(line, each) for each in unwrapped]
        if self._road is not None and len(unwrapped) == 1 and unwrapped[0] is line:
            [record] = records
            if isinstance(record, Event) and not record.findings:
                self._road.learn(line.data)
        return records

    def parsed(self, line: Line) -> Record:
        """Read a line that is not wrapped."""
        record = parse(line, received_ms=self._received_ms, conditions=self._guards.conditions)
        if self._keeps_text and isinstance(record, Event):
            record = replace(record, text=line.data)
        return self._kept(line, record)

    def _kept(self, line: Line, record: Record) -> Record:
        rejection = rejection_of(line, record, received_ms=self._received_ms) if self._guards.rejects else None
        if rejection is not None:
            self._rejections.append(rejection)
        return record

    def _whole(self, first: bytes) -> list[Finding]:
        """Judge the source as a whole, by what is unread of it."""
        if not first:
            has_come = self._decoder.offset_bytes or self._is_resumed
            may_come = isinstance(self._source, FollowedSource)
            return [] if has_come or may_come else [finding("source-empty", "")]
        if self._decoder.offset_bytes:
            return []
        found = binary(first)
        return [found] if found else []

    def _step(self, records: Sequence[Record], findings: Sequence[Finding] = (), yielded: Any = None) -> Step:
        for record in records:
            self._ledger.count(record)
        self._ledger.count_findings(findings)
        self._account.lines = self._decoder.lines - self._decoder.lines_passed_over
        self._account.read_bytes = self._decoder.offset_bytes - self._account.already_accepted_bytes
        rejections, self._rejections = sorted(self._rejections, key=_place), []  # a block's are not in order
        return Step(records, findings, list(self._reached()), rejections, yielded=yielded)

    def _reached(self) -> Iterator[Mark]:
        """Say how far the source has been read, and what has to be known to read on."""
        if self._identities is None or self._marks is None:
            return
        state = self._unwrapper.state()
        for identity in self._identities:
            if isinstance(self._source, PositionedSource):
                yield replace(self._source.mark(identity, self._decoder.lines), state=state)
            elif self._decoder.offset_bytes:  # else it says nothing, and sets back that of what was cut off meanwhile
                yield replace(self._decoder.mark(identity), state=state)
        seen = self._seen.mark()
        if seen is not None:
            yield seen

    # --- Going on from where an earlier run stopped ------------------------------------------------------------------

    def _unread_pieces(self) -> Iterator[bytes]:
        if isinstance(self._source, PositionedSource):
            for mark in self._known_marks():
                self._source.resume(mark)
                self._unwrapper.restore(mark.state)
                self._is_resumed = True
            return self._pieces()
        pieces = self._pieces()
        for mark in self._known_marks():
            rest = self._pass_over(pieces, mark)
            if rest is not None:
                return chain((rest,) if rest else (), pieces)
            if not self._source.rewindable:
                raise ConfigurationError(
                    f"{self._source.name}: does not begin with the {mark.offset_bytes:,} bytes that were read under "
                    f"the identity {mark.source!r} before; give this input another --source-id, or use --no-checkpoint"
                )
            self._decoder = self._new_decoder()
            pieces = self._pieces()
        return pieces

    def _known_marks(self) -> Iterator[Mark]:
        if self._marks is not None:
            for identity in self._source.identities:
                mark = self._marks.mark(identity)
                if mark is not None and mark.offset_bytes:
                    yield mark

    def _pass_over(self, pieces: Iterator[bytes], mark: Mark) -> bytes | None:
        """Skip what the mark covers; give the rest of the last piece, or None where the content differs."""
        left_bytes = mark.offset_bytes
        rest = b""
        while left_bytes:
            try:
                piece = next(pieces, b"")
            except SourceFaultError:  # it ends before the mark: other compressed data
                return None
            if not piece:
                return None
            self._decoder.pass_over(piece[:left_bytes])
            rest = piece[left_bytes:]
            left_bytes -= min(left_bytes, len(piece))
        if not self._decoder.resume(mark):
            return None
        self._unwrapper.restore(mark.state)
        self._account.already_accepted_bytes = mark.offset_bytes
        return rest

    def _pieces(self) -> Iterator[bytes]:
        """Open the source, and tell of every piece."""
        return self._told(self._source.pieces())

    def _told(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._tell(len(piece))
            yield piece

    def _tell(self, read_bytes: int) -> None:
        if self._progress is not None:
            self._progress(read_bytes)
