"""Takes the lines of a source out of what is wrapped around them.

Physical lines go in; log events come out as lines, with their place and what their wrapper says of them, and records
where there is nothing left to parse: duplicates, control messages, wrappers that cannot be opened.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from flowemf_processor.core.unwrap import formats, state
from flowemf_processor.core.unwrap.formats import could_be_wrapped
from flowemf_processor.core.unwrap.gathering import Gathered, Gatherer
from flowemf_processor.core.unwrap.parts import PartKeeper
from flowemf_processor.core.unwrap.pieces import Defect, NoEvent
from flowemf_processor.model import UNWRAPPED, Duplicate, Incomplete, Line, Origin, Other, Position, Rejected
from flowemf_schemas import limits
from flowemf_schemas.rules import finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.core.unwrap.duplicates import SeenEvents
    from flowemf_processor.core.unwrap.pieces import Opened, Part, Piece
    from flowemf_processor.model import Record

_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")
_BEGINNINGS_OF_TIME = {b"0000-00-00T"[:length] for length in range(1, 12)}
_BEGINS_LEVEL = re.compile(rb"\[[A-Z]{0,8}(?:\]|\]\t.*)?", re.DOTALL)
_BEGINS_EVENT = b"EVENTS\t"
_ENDS_DOCUMENT = (b"}", b"]")


@dataclass(slots=True)
class _Room:
    """How much more one line may hold, in all its wrappers: each level can multiply what the one before it held."""

    events: int = limits.EVENTS_PER_WRAPPER
    size_bytes: int = 2 * limits.PAYLOAD_BYTES

    def takes(self, opened: Opened) -> bool:
        """Make use of the room, if there is enough."""
        self.events -= len(opened.pieces)
        self.size_bytes -= opened.held_bytes
        return not self.is_used_up

    @property
    def is_used_up(self) -> bool:
        """Whether more was to be held than there is room for."""
        return self.events < 0 or self.size_bytes < 0


@dataclass(slots=True)
class _Place:
    """Where in a line the unwrapper is.

    Attributes:
        line: the position of the physical line.
        terminated: whether what is opened has an end.
        origin: what the wrappers so far said.
        stream: of which streams of which wrappers this is.
        levels: how many wrappers have been opened.
        numbers: gives the numbers of the log events of this line, where there may be many.
        room: how much more this line may hold.
    """

    line: Position
    terminated: bool
    origin: Origin = UNWRAPPED
    stream: tuple[str, ...] = ()
    levels: int = 0
    numbers: Iterator[int] | None = None
    room: _Room = field(default_factory=_Room)

    def next_position(self) -> Position:
        """Give the position of the next log event."""
        return replace(self.line, event=next(self.numbers)) if self.numbers else self.line


class Unwrapper:
    """Unwraps the lines of one source.

    Args:
        source: what the user calls it.
        form: the shape that the user named; `formats.NAMES` has those that there are.
        seen: knows the log events that were read before; None takes each as new.
    """

    def __init__(self, source: str, *, form: str = formats.AUTO, seen: SeenEvents | None = None) -> None:
        self._source = source
        self._form = form
        self._seen = seen
        self._parts = PartKeeper()
        self._gatherer = Gatherer(has_documents=formats.has_documents(form))

    def is_concerned(self, data: bytes) -> bool:
        """Tell whether `unwrap` has to see a line; whoever skips it for one that it need not see loses nothing."""
        if self._form == formats.RAW:
            return False
        return self._gatherer.is_open or self._form != formats.AUTO or could_be_wrapped(data)

    def unwrap(self, line: Line) -> list[Line | Record]:
        """Take the log events out of a line.

        Args:
            line: the next line of the source.

        Returns:
            Lines to be parsed, and records of which nothing has to be parsed. None at all if the line only begins or
            goes on with something. A line without an end that has something to wait for gives `Incomplete`: go back
            to the state before it then, and give the line again when there is more of it.
        """
        if self._form == formats.RAW or (line.terminated and not self.is_concerned(line.data)):
            return [line]
        goes_on = self._gatherer.is_open
        gathered = self._gatherer.feed(line)
        if not line.terminated and goes_on and not _is_end(line, gathered):
            return [_incomplete(line.position)]
        found: list[Line | Record] = []
        for each in gathered:
            if isinstance(each, Line):
                found += _with_text(self._opened_line(each), each)
            else:
                found += _with_text(self._opened_text(each), each.line)
        if not line.terminated and _may_be_torn(line.data, found):
            return [_incomplete(line.position)]
        return found

    def unfinished(self) -> list[Incomplete]:
        """Say what waits for more than this source holds; it is not given up."""
        since = self._gatherer.waits_since
        begun = [Incomplete(since, (finding("part-waiting", ""),))] if since else []
        return [*begun, *self._parts.unfinished()]

    def give_up(self) -> list[Rejected]:
        """Give up what waits, since nothing more will come: the file was rotated away."""
        since, data = self._gatherer.waits_since, b"\n".join(line.data for line in self._gatherer.lines)
        self._gatherer = Gatherer(has_documents=formats.has_documents(self._form))
        missing = (finding("part-missing", ""),)
        begun = [Rejected(since, missing, Line(since, data, len(data), terminated=True))] if since else []
        return [*begun, *self._parts.give_up_all()]

    def state(self) -> bytes:
        """Write down what waits, for a mark."""
        return state.written(self._parts, self._gatherer)

    def restore(self, written_down: bytes) -> None:
        """Go on from what `state` wrote down."""
        state.restore(written_down, self._source, self._parts, self._gatherer)

    # --- Opening ------------------------------------------------------------------------------------------------------

    def _opened_line(self, line: Line) -> list[Line | Record]:
        place = _Place(line.position, line.terminated)
        if line.size_bytes > len(line.data):  # it was cut: what is left of it cannot be opened
            if could_be_wrapped(line.data):
                return [_rejected(place, "wrapper-too-large", f"{line.size_bytes:,} bytes")]
            return [line]
        opened = formats.recognised(line.data, self._form)
        if opened is not None:
            return list(self._taken_out(opened, place))
        if formats.has_raw_lines(self._form):
            return [line]
        return [_rejected(place, "format-mismatch", self._form) if line.terminated else _incomplete(line.position)]

    def _opened_text(self, gathered: Gathered) -> list[Line | Record]:
        place = _Place(gathered.line.position, terminated=True)
        if not gathered.is_whole:
            return [_rejected(place, "truncated", f"{gathered.line.size_bytes:,} bytes were kept")]
        if gathered.line.size_bytes > limits.WRAPPER_BYTES:
            return [_rejected(place, "wrapper-too-large", f"{gathered.line.size_bytes:,} bytes")]
        opened = formats.recognised(gathered.line.data, self._form)
        if opened is not None:
            return list(self._taken_out(opened, place))
        return [record for line in gathered.lines for record in self._opened_line(line)]

    def _taken_out(self, opened: Opened, place: _Place) -> Iterator[Line | Record]:
        if place.levels >= limits.WRAPPER_LEVELS:
            yield _rejected(place, "wrapped-too-deep", "")
            return
        if not place.room.takes(opened):
            yield _rejected(place, "wrapper-too-large", f"{len(opened.pieces):,} more log events")
            return
        if opened.holds_many and place.numbers is None:
            place = replace(place, numbers=count(1))
        for piece in opened.pieces:
            if isinstance(piece, Defect):
                rejected = _rejected(place, piece.reason, piece.where)
                text = Line(rejected.position, piece.data, len(piece.data), terminated=True, origin=place.origin)
                yield replace(rejected, text=text) if piece.data else rejected
            elif isinstance(piece, NoEvent):
                yield Other(place.next_position())
            else:
                yield from self._followed(piece, place)

    def _followed(self, piece: Piece, place: _Place) -> Iterator[Line | Record]:
        """Follow a log event, or a part of one, to the next wrapper inside it."""
        event_id = piece.origin.event_id
        if event_id and self._seen is not None and not self._seen.is_new(event_id, piece.data):
            yield Duplicate(place.next_position())
            return
        inner = _Place(
            place.line,
            place.terminated or not piece.ends_with_line,
            _together(place.origin, piece.origin),
            place.stream,
            place.levels + 1,
            place.numbers,
            place.room,
        )
        if piece.part is None:
            yield from self._opened_event(piece.data, len(piece.data), inner)
        else:
            yield from self._put_together(piece, piece.part, inner)

    def _put_together(self, piece: Piece, part: Part, place: _Place) -> Iterator[Line | Record]:
        if not place.terminated:  # how much of the part is there nobody knows
            yield _incomplete(place.line)
            return
        stream = (place.origin.log_group, place.origin.log_stream, *place.stream, *part.stream)
        whole = self._parts.add(piece.data, replace(part, stream=stream), place.next_position(), place.origin)
        if whole is None:
            yield from self._parts.give_up(place.line.line)
            return
        first = replace(place, line=whole.position, origin=whole.origin, stream=stream, numbers=None)
        yield from self._opened_event(whole.data, whole.size_bytes, first)

    def _opened_event(self, data: bytes, size_bytes: int, place: _Place) -> Iterator[Line | Record]:
        could_be = could_be_wrapped(data) and size_bytes == len(data)
        if could_be and place.room.is_used_up:  # to open it would cost as much as if there were room for what it holds
            yield _rejected(place, "wrapper-too-large", "the wrapper around this one")
            return
        opened = formats.recognised(data) if could_be else None
        if opened is not None:
            yield from self._taken_out(opened, place)
            return
        kept = data[: limits.EVENT_BYTES]
        yield Line(place.next_position(), kept, size_bytes, place.terminated, place.origin)


def _together(outer: Origin, inner: Origin) -> Origin:
    """Say what two wrappers say; the outer one was put on last, and knows when the event was taken in.

    The inner one knows the event best: a record of Kinesis has an id, and so has each of the log events in it.
    """
    return Origin(
        inner.received_ms if outer.received_ms is None else outer.received_ms,
        outer.log_group or inner.log_group,
        outer.log_stream or inner.log_stream,
        inner.event_id or outer.event_id,
        outer.from_log_group or inner.from_log_group,
    )


def _with_text(found: list[Line | Record], text: Line) -> list[Line | Record]:
    """Say of what was rejected which text it was, since a text may end lines behind its beginning."""
    return [replace(each, text=text) if isinstance(each, Rejected) and each.text is None else each for each in found]


def _rejected(place: _Place, reason: str, where: str) -> Rejected:
    return Rejected(place.next_position(), (finding(reason, where),))


def _incomplete(position: Position) -> Incomplete:
    return Incomplete(position, (finding("line-incomplete", ""),))


def _is_end(line: Line, gathered: list[Gathered | Line]) -> bool:
    """Tell whether a line without an end nevertheless ends what was gathered."""
    return line.data.strip() in _ENDS_DOCUMENT or any(isinstance(each, Gathered) and each.is_whole for each in gathered)


def _may_be_torn(data: bytes, found: list[Line | Record]) -> bool:
    """Tell a line without an end that begins like a shape of text: its event may not even have begun yet."""
    begins_so = (
        data[:11].translate(_ANY_DIGIT) in _BEGINNINGS_OF_TIME
        or (data != b"" and _BEGINS_EVENT.startswith(data[: len(_BEGINS_EVENT)]))
        or _BEGINS_LEVEL.fullmatch(data) is not None
    )
    [only] = found if len(found) == 1 else [None]
    return begins_so and not (isinstance(only, Line) and only.data.startswith(b"{"))
