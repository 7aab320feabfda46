"""Puts the parts of split log events together.

Parts go in, of several streams at once and, where they are numbered, in any order; whole log events come out. What
waits is bounded: what has waited too long, or is too much, is given up with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowemf_processor.model import Incomplete, Line, Rejected
from flowemf_schemas import limits
from flowemf_schemas.rules import finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.core.unwrap.pieces import Part
    from flowemf_processor.model import Origin, Position

_OVERHEAD_BYTES = 100  # what a part takes beside its bytes


@dataclass(slots=True)
class Waiting:
    """A log event of which parts are missing.

    Attributes:
        position: where its first part stands.
        origin: what the wrapper of its first part said.
        last_line: the line of the part that arrived last.
        parts: the bytes of each part by its number; those behind the size of a log event are not kept.
        kept_bytes: how many bytes these are.
        size_bytes: how large all parts are.
        last_ordinal: the number of the last part, 0 where it is not known yet.
    """

    position: Position
    origin: Origin
    last_line: int
    parts: dict[int, bytes] = field(default_factory=dict)
    kept_bytes: int = 0
    size_bytes: int = 0
    last_ordinal: int = 0

    @property
    def held_bytes(self) -> int:
        """How much memory it takes."""
        return self.kept_bytes + len(self.parts) * _OVERHEAD_BYTES

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return bool(self.last_ordinal) and len(self.parts) >= self.last_ordinal

    @property
    def data(self) -> bytes:
        """What there is of it, in order."""
        return b"".join(self.parts[number] for number in sorted(self.parts))

    def add(self, data: bytes, part: Part) -> None:
        """Take a part; one that is there already arrived twice."""
        number = part.ordinal or len(self.parts) + 1
        room = max(0, limits.EVENT_BYTES + 1 - self.kept_bytes)
        if not room and not part.ordinal:
            number = len(self.parts)  # what is too large already is only measured
            self.size_bytes += len(data)
        elif number not in self.parts:
            self.parts[number] = data[:room]
            self.kept_bytes += min(len(data), room)
            self.size_bytes += len(data)
        if part.is_last:
            self.last_ordinal = number

    def __str__(self) -> str:
        of = f" of {self.last_ordinal}" if self.last_ordinal else ""
        count = len(self.parts)
        return f"{count}{of} {'part' if count == 1 and not of else 'parts'}, {self.size_bytes:,} bytes"


class PartKeeper:
    """Keeps the parts of one source."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, ...], Waiting] = {}
        self._held_bytes = 0

    def add(self, data: bytes, part: Part, position: Position, origin: Origin) -> Waiting | None:
        """Take a part.

        Args:
            data: its bytes.
            part: which one it is.
            position: where it stands.
            origin: what its wrapper says.

        Returns:
            The log event, if that was the last part that was missing.
        """
        waiting = self._waiting.pop(part.stream, None) or Waiting(position, origin, position.line)
        self._held_bytes -= waiting.held_bytes
        waiting.add(data, part)
        waiting.last_line = position.line
        if waiting.is_whole:
            return waiting
        self._waiting[part.stream] = waiting  # at the end: the one that has waited longest comes first
        self._held_bytes += waiting.held_bytes
        return None

    def give_up(self, line: int) -> Iterator[Rejected]:
        """Give up what has waited for too many lines, and the oldest where too much waits.

        Args:
            line: the line that is read now.

        Yields:
            A rejection for each.
        """
        while self._waiting:
            stream, oldest = next(iter(self._waiting.items()))
            has_room = len(self._waiting) <= limits.OPEN_STREAMS and self._held_bytes <= limits.OPEN_BYTES
            if has_room and line - oldest.last_line <= limits.PART_PATIENCE_LINES:
                return
            del self._waiting[stream]
            self._held_bytes -= oldest.held_bytes
            yield _given_up(oldest)

    def give_up_all(self) -> list[Rejected]:
        """Give up everything: nothing more will come."""
        given_up = [_given_up(each) for each in self._waiting.values()]
        self.restore(())
        return given_up

    def unfinished(self) -> list[Incomplete]:
        """Say of each log event that it waits."""
        return [Incomplete(each.position, (finding("part-waiting", str(each)),)) for each in self._waiting.values()]

    def items(self) -> Iterable[tuple[tuple[str, ...], Waiting]]:
        """Give what waits, by its stream, the oldest first."""
        return self._waiting.items()

    def restore(self, items: Iterable[tuple[tuple[str, ...], Waiting]]) -> None:
        """Keep, in place of everything, what `items` gave in an earlier run."""
        self._waiting = dict(items)
        self._held_bytes = sum(each.held_bytes for each in self._waiting.values())


def _given_up(waiting: Waiting) -> Rejected:
    text = Line(waiting.position, waiting.data, waiting.size_bytes, terminated=True, origin=waiting.origin)
    return Rejected(waiting.position, (finding("part-missing", str(waiting)),), text)
