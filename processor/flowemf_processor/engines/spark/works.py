"""What the tasks of a cluster read, and what they found beside metrics.

Values that travel between the driver and its tasks; nothing here reads anything but the source it was made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowemf_processor.ports import DivisibleSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf_processor.core.conditions import Conditions
    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.model import Mark, Rejection
    from flowemf_processor.ports import Source


@dataclass(frozen=True, slots=True)
class Listed:
    """A source as it was when it was listed: what is added to a file later belongs to the next run.

    Attributes:
        number: its place among the sources of the run.
        source: what it is read from.
        name: what the user calls it.
        identities: as the driver knows them; a file may have another number on another machine.
        plain_bytes: how many bytes to read; None where it is compressed or nobody knows.
        marks: how far earlier runs have read it.
    """

    number: int
    source: Source
    name: str
    identities: tuple[str, ...]
    plain_bytes: int | None
    marks: tuple[Mark, ...] = ()

    @property
    def rewindable(self) -> bool:
        """Whether it can be read again; it can."""
        return True

    @property
    def size_bytes(self) -> int | None:
        """How large it is, where that is known."""
        return self.plain_bytes

    def pieces(self) -> Iterator[bytes]:
        """Give its bytes from the beginning."""
        if self.plain_bytes is None or not isinstance(self.source, DivisibleSource):
            return self.source.pieces()
        return self.source.stretch(0, self.plain_bytes)


@dataclass(frozen=True, slots=True)
class Whole:
    """A source that one task reads from its beginning to its end."""

    listed: Listed


@dataclass(frozen=True, slots=True)
class Stretch:
    """The lines of a source that begin in a range of its bytes."""

    listed: Listed
    start_bytes: int
    end_bytes: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A source that is read in stretches, of which one task makes the digest by which it is known again."""

    listed: Listed


Work = Whole | Stretch | Fingerprint


@dataclass(frozen=True, slots=True)
class Task:
    """What one task does, in this order.

    Attributes:
        works: what is read.
        window: the ids of the log events that were read before, where the sources share what they know of them; None
            lets each begin with none.
    """

    works: tuple[Work, ...]
    window: bytes | None = None


@dataclass(frozen=True, slots=True)
class ReadingTerms:
    """How all tasks of a run read.

    Attributes:
        conditions: what is demanded of a line beyond what CloudWatch does.
        form: the shape that every line must have.
        refuses_extracted: whether a line whose metrics CloudWatch has extracted already is an error.
        keeps_rejections: whether somebody wants what records lost.
        received_ms: the time that events without a timestamp get: a task that is repeated must give the same.
        new_ledger: makes what records are counted in.
        gives_events: whether events are wanted one by one, rather than what they add up to.
    """

    conditions: Conditions
    form: str
    refuses_extracted: bool
    keeps_rejections: bool
    received_ms: int
    new_ledger: Callable[[], Ledger]
    gives_events: bool = False


@dataclass(slots=True)
class WholeFound:
    """What was found in a source that was read whole.

    Attributes:
        number: which source.
        ledger: its records, and in its only account how far it was read.
        rejections: what records lost; empty where that goes with the events.
        marks: how far it was read.
        first_ids: digests of the first log events in it, which what was read before may make duplicates.
        window: digests of the last ones.
        is_complete: whether nothing in it waits for anything, so that it need never be read again.
        error: why the run has to end; empty where it has not.
    """

    number: int
    ledger: Ledger
    rejections: list[Rejection] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)
    first_ids: bytes = b""
    window: bytes = b""
    is_complete: bool = False
    error: str = ""


@dataclass(slots=True)
class StretchFound:
    """What was found in a stretch.

    Attributes:
        number: which source.
        start_bytes: which stretch.
        ledger: its records, with lines counted from 1; None where it cannot be read without what lies before it.
        rejections: what records lost.
    """

    number: int
    start_bytes: int
    ledger: Ledger | None
    rejections: list[Rejection] = field(default_factory=list)


@dataclass(slots=True)
class FingerprintFound:
    """Where a source may be said to have been read to.

    Attributes:
        number: which source.
        marks: one at its last line ending, and one at its end where that is another place.
    """

    number: int
    marks: list[Mark] = field(default_factory=list)


Found = WholeFound | StretchFound | FingerprintFound


@dataclass(frozen=True, slots=True)
class Still:
    """A clock that shows one moment: a task that is repeated must find what it found before."""

    moment_ms: int

    def now_ms(self) -> int:
        """Give the moment, in milliseconds since the epoch."""
        return self.moment_ms
