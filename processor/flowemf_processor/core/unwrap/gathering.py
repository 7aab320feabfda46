"""Gathers what one command wrote over several lines: JSON with indentation, and log events that hold line endings.

Lines go in; texts that can be opened come out, each at the place of its first line. Of a list of log events one event
at a time is held, however long the list is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from flowemf_processor.core.unwrap.cloudwatch_logs import EVENT_LINE
from flowemf_processor.core.unwrap.pieces import ISO_SECONDS
from flowemf_processor.model import Line, Position
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Sequence


class Mode(str, Enum):
    """What is being gathered."""

    NOTHING = ""
    UNDECIDED = "undecided"
    """A line that consists of an opening bracket; the next one tells."""
    LIST = "list"
    """`{"events": [`, of which each event is given out by itself."""
    DOCUMENT = "document"
    """Another object or array, which is given out whole."""
    EVENT = "event"
    """A log event of `--output text` that goes on on the next line."""
    TAIL = "tail"
    """What `aws logs tail --format json` writes: time and stream, and JSON on the lines that follow."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Something to be opened.

    Attributes:
        line: the text, put into one line.
        lines: the lines that it was, each a record of its own if it turns out to be nothing that can be opened.
        is_whole: whether its end was there.
    """

    line: Line
    lines: Sequence[Line]
    is_whole: bool = True


_OPENINGS = (b"{", b"[")
_UNDECIDED = re.compile(rb"[{]|\[|\[[{]")
# What follows the opening bracket in the documents that are worth gathering.
_BEGINS_DOCUMENT = re.compile(
    rb'\[?\{"(?:events|searchedLogStreams|nextToken|awslogs|Records|records|invocationId|requestId|deliveryStreamArn'
    rb"|sourceKinesisStreamArn|messageType|owner|logGroup|logStream|logStreamName|subscriptionFilters|logEvents"
    rb'|ingestionTime|eventId)"'
)
_BEGINS_LIST = re.compile(rb'\{"events"\s*:\s*\[')
_TAIL_HEAD = re.compile(rb"%s(?:\.\d{6})?\+00:00 \S+ " % ISO_SECONDS)
_EVENT_HEAD = re.compile(rb"EVENTS\t(?:\d{14,}\t\d{13}\t[^\t]*|\d{13})\t")
_EVENT_END = re.compile(rb"\t\d{13}$")
_ESCAPE = re.compile(rb"\\.")
_INDENTED = b" \t}]"
_LEVEL_OF_EVENTS = 2
_OVERHEAD_BYTES = 200  # what a line takes beside its bytes


class Gatherer:
    """Gathers the lines of one source.

    Args:
        has_documents: whether anything may stand over several lines at all.
    """

    def __init__(self, *, has_documents: bool = True) -> None:
        self._has_documents = has_documents
        self.mode = Mode.NOTHING
        self.lines: list[Line] = []
        """The lines that are held."""
        self.level = 0
        """How many brackets are open."""
        self._held_bytes = 0

    @property
    def is_open(self) -> bool:
        """Whether the next line belongs to what was begun."""
        return self.mode is not Mode.NOTHING

    @property
    def waits_since(self) -> Position | None:
        """Where the first line stands that is held; None where nothing would be missed."""
        return self.lines[0].position if self.lines else None

    def restore(self, mode: Mode, lines: list[Line], level: int) -> None:
        """Go on where an earlier run stopped."""
        self.mode, self.lines, self.level = mode, lines, level
        self._held_bytes = sum(line.size_bytes + _OVERHEAD_BYTES for line in lines)

    def feed(self, line: Line) -> list[Gathered | Line]:
        """Take a line.

        Args:
            line: the next one of the source.

        Returns:
            What is complete with it: texts that were gathered, and lines that stand for themselves, in order.
        """
        if self.mode is Mode.NOTHING:
            return self._begin(line)
        if self.mode is Mode.UNDECIDED:
            return self._decide(line)
        if self.mode is Mode.EVENT:
            return self._go_on_with_event(line)
        if self.mode is Mode.TAIL and len(self.lines) == 1 and line.data not in _OPENINGS:
            return [*self._release(), *self._begin(line)]
        return self._go_on(line)

    def _begin(self, line: Line) -> list[Gathered | Line]:
        if self._has_documents and line.terminated:
            if line.data in _OPENINGS:
                return self._hold(line, Mode.UNDECIDED)
            if line.data.endswith(b" ") and _TAIL_HEAD.fullmatch(line.data):
                return self._hold(line, Mode.TAIL)
            if _EVENT_HEAD.match(line.data) and not EVENT_LINE.fullmatch(line.data):
                return self._hold(line, Mode.EVENT)
        return [line]

    def _decide(self, line: Line) -> list[Gathered | Line]:
        beginning = b"".join(each.data.strip() for each in (*self.lines, line))
        if _UNDECIDED.fullmatch(beginning):
            return self._hold(line, Mode.UNDECIDED)
        if not _BEGINS_DOCUMENT.match(beginning):
            return [*self._release(), *self._begin(line)]
        self.level = sum(_levels(each.data) for each in self.lines)
        self.mode = Mode.DOCUMENT
        if _BEGINS_LIST.fullmatch(beginning):
            self.mode = Mode.LIST
            self.level += _levels(line.data)
            self.lines, self._held_bytes = [], 0
            return []
        return self._go_on(line)

    def _go_on(self, line: Line) -> list[Gathered | Line]:
        if line.data[:1] not in _INDENTED and not (self.mode is Mode.TAIL and len(self.lines) == 1):
            return [*self._break_off(), *self._begin(line)]  # what is indented was cut off, and this is something else
        before, self.level = self.level, self.level + _levels(line.data)
        if self.mode is not Mode.LIST:
            self._hold(line, self.mode)
            return [] if self.level > 0 else [self._complete()]
        if self.lines or (before == _LEVEL_OF_EVENTS and line.data.lstrip()[:1] == b"{"):
            self._hold(line, Mode.LIST)
        if self.lines and self.level <= _LEVEL_OF_EVENTS:
            return [self._complete_event()]
        if self.level <= 0:
            self.mode = Mode.NOTHING
        return []

    def _go_on_with_event(self, line: Line) -> list[Gathered | Line]:
        if _EVENT_HEAD.match(line.data):
            return [*self._release(), *self._begin(line)]
        self._hold(line, Mode.EVENT)
        if _EVENT_END.search(line.data):
            return [self._taken(b"\n".join(each.data for each in self.lines))]
        return []

    # --- What is held -------------------------------------------------------------------------------------------------

    def _hold(self, line: Line, mode: Mode) -> list[Gathered | Line]:
        """Keep a line; of what is too large the lines are kept no longer, but followed to the end."""
        self.mode = mode
        self._held_bytes += line.size_bytes + _OVERHEAD_BYTES
        if line.size_bytes > len(line.data):  # the rest of it is not there
            self._held_bytes += limits.WRAPPER_BYTES
        if not self._is_too_much or not self.lines:
            self.lines.append(line)
        return []

    @property
    def _is_too_much(self) -> bool:
        return self._held_bytes > limits.WRAPPER_BYTES

    def _release(self) -> list[Gathered | Line]:
        """Give the lines back as what they are, if all of them are still there."""
        if self._is_too_much:
            return [self._taken(_joined(self.lines), is_whole=False)]
        released: list[Gathered | Line] = [*self.lines]
        self.restore(Mode.NOTHING, [], 0)
        return released

    def _break_off(self) -> list[Gathered | Line]:
        """End what has no end: the event of a list is cut off, of anything else the lines stand for themselves."""
        if self.mode is not Mode.LIST:
            return self._release()
        cut_off = [self._taken(_joined(self.lines), is_whole=False)] if self.lines else []
        self.restore(Mode.NOTHING, [], 0)
        return [*cut_off]

    def _complete(self) -> Gathered:
        if self.mode is Mode.TAIL:
            return self._taken(self.lines[0].data + _joined(self.lines[1:]))
        return self._taken(_joined(self.lines))

    def _complete_event(self) -> Gathered:
        level = self.level
        taken = self._taken(_joined(self.lines).removesuffix(b","))
        self.restore(Mode.LIST if level > 0 else Mode.NOTHING, [], level)
        return taken

    def _taken(self, data: bytes, *, is_whole: bool = True) -> Gathered:
        first, size_bytes = self.lines[0], max(self._held_bytes if self._is_too_much else 0, len(data))
        gathered = Gathered(Line(first.position, data, size_bytes, terminated=True), tuple(self.lines), is_whole)
        self.restore(Mode.NOTHING, [], 0)
        return gathered


def _joined(lines: Sequence[Line]) -> bytes:
    return b"".join(line.data.strip() for line in lines)


def _levels(data: bytes) -> int:
    """Count the brackets that a line opens and does not close; strings never go over a line ending."""
    outside_strings = b"".join(_ESCAPE.sub(b"", data).split(b'"')[::2])
    opened = outside_strings.count(b"{") + outside_strings.count(b"[")
    return opened - outside_strings.count(b"}") - outside_strings.count(b"]")
