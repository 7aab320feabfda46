"""What the pipeline asks of the world, as protocols.

The edges (sources, sinks, checkpoints) implement them; the tests of the pipeline may too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from flowemf_processor.model import Batch, Event, Fate, LeftBatch, Mark, Outcome, PlannedBatch, Rejection, State


class Clock(Protocol):
    """Tells the time."""

    def now_ms(self) -> int:
        """Give the time in milliseconds since the epoch."""
        ...


class Source(Protocol):
    """Something that holds a log."""

    @property
    def name(self) -> str:
        """What the user calls it."""
        ...

    @property
    def identities(self) -> Sequence[str]:
        """The identities under which an earlier run may have known it, the best first; empty if none can."""
        ...

    @property
    def rewindable(self) -> bool:
        """Whether `pieces` can be called again."""
        ...

    @property
    def size_bytes(self) -> int | None:
        """How large it is, where that is known; it may grow while it is read."""
        ...

    def pieces(self) -> Iterator[bytes]:
        """Give its bytes from the beginning, a piece at a time.

        Raises:
            TryAgainLaterError: it cannot be opened or read to its end.
        """
        ...


@runtime_checkable
class DivisibleSource(Source, Protocol):
    """A source of which any stretch can be read by itself, also by another process: it can be pickled."""

    @property
    def stored_bytes(self) -> int | None:
        """How large it is as it is stored, where that is known."""
        ...

    @property
    def is_immutable(self) -> bool:
        """Whether nothing else will ever be known under the first of its identities."""
        ...

    def is_divisible(self) -> bool:
        """Tell whether what is stored need not be decompressed from its beginning on; may cost a request.

        Raises:
            TryAgainLaterError: it cannot be read.
        """
        ...

    def stretch(self, start_bytes: int, end_bytes: int) -> Iterator[bytes]:
        """Give what is stored from one place up to another, a piece at a time.

        Raises:
            TryAgainLaterError: it cannot be opened or read so far.
        """
        ...


@runtime_checkable
class FileLikeSource(DivisibleSource, Protocol):
    """A source that lies ready on this machine: to read a stretch of it anywhere costs nothing but that."""

    def glance(self, start_bytes: int, end_bytes: int) -> bytes:
        """Give what `pieces` has opened from one place up to another, wherever it is being read; fewer at its end.

        Raises:
            TryAgainLaterError: it cannot be read.
        """
        ...

    def go_on_at(self, start_bytes: int) -> None:
        """Let the next one of its `pieces` begin at another place.

        Raises:
            TryAgainLaterError: it cannot be read there.
        """
        ...


@runtime_checkable
class PositionedSource(Source, Protocol):
    """A source that knows by itself how far it was read, since no bytes of it stay where they are."""

    def resume(self, mark: Mark) -> None:
        """Go on from a mark of an earlier run; called before `pieces`."""
        ...

    def mark(self, identity: str, lines: int) -> Mark:
        """Say how far it has been read when so many of its lines have been used."""
        ...


@runtime_checkable
class FollowedSource(Source, Protocol):
    """A source that grows: an empty piece of it means that there is no more for now."""

    @property
    def is_gone(self) -> bool:
        """Whether nobody will find it again: what still waits for its rest then, waits for nothing."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether asking for its next piece gives something, or its end."""
        ...


@runtime_checkable
class Feed(Protocol):
    """Sources that come and go while they are read."""

    @property
    def is_over(self) -> bool:
        """Whether to stop reading."""
        ...

    @property
    def may_come(self) -> bool:
        """Whether further sources may come."""
        ...

    def arrivals(self) -> Sequence[FollowedSource]:
        """Give the sources that have come since it was asked last."""
        ...

    def leave(self, source: FollowedSource) -> None:
        """Take back a source that has been read to its end."""
        ...

    def epoch_is_due(self) -> bool:
        """Tell whether it is time to deliver what was gathered."""
        ...

    def rest(self, most_seconds: float) -> None:
        """Wait until there may be more to read.

        Args:
            most_seconds: how long to wait at the most; it may be infinite.
        """
        ...

    def wake(self) -> None:
        """End a rest early; may be called by another thread."""
        ...

    def still_there(self, identities: Iterable[str]) -> set[str]:
        """Tell which of these identities of files that are gone from where they were still belong to some file."""
        ...

    @property
    def behind_bytes(self) -> int:
        """How much has been written to what is followed and not been read."""
        ...


class MarkStore(Protocol):
    """Remembers how far the sources have been read."""

    def mark(self, source: str) -> Mark | None:
        """Give the mark of the source with this identity."""
        ...


class EventStore(MarkStore, Protocol):
    """A destination that takes events and the marks that belong to them in one step."""

    name: str

    def store(self, events: Sequence[Event], marks: Iterable[Mark]) -> Mapping[str, int] | None:
        """Keep both or none.

        Args:
            events: what was read.
            marks: how far.

        Returns:
            How many datapoints it refuses, by reason; None where it never does.
        """
        ...


class RejectsKeeper(Protocol):
    """Keeps what records lost."""

    def keep(self, rejections: Sequence[Rejection]) -> None:
        """Keep what was read just now, before a mark moves past it.

        Raises:
            TryAgainLaterError: not all of it could be kept.
        """
        ...

    def settle(self) -> None:
        """Make sure that what was kept outlives a crash of the machine.

        Raises:
            TryAgainLaterError: it may not.
        """
        ...


class LineWriter(Protocol):
    """A destination that takes metric lines as they are."""

    @property
    def name(self) -> str:
        """What the ledger calls it."""
        ...

    def write(self, lines: Sequence[bytes]) -> None:
        """Write lines, which have no line endings.

        Raises:
            TryAgainLaterError: they cannot be written.
        """
        ...


class Sink(Protocol):
    """A destination that takes batches."""

    name: str

    def send(self, batch: Batch) -> Outcome:
        """Deliver one batch, once; never raises for what the destination answers."""
        ...


class CheckpointStore(MarkStore, Protocol):
    """Remembers marks and the batches that were planned with them."""

    def plan(self, batches: Sequence[Batch], marks: Iterable[Mark]) -> list[PlannedBatch]:
        """Keep batches and marks in one transaction, before anything is sent."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Make what is said meanwhile durable in one go: each part of it whole, also where a later one fails."""
        ...

    def begin(self, batch: PlannedBatch) -> None:
        """Remember, before the first byte leaves, that the batch may have been sent, be it again."""
        ...

    def settle(self, batch: PlannedBatch, state: State, *, refused: int = 0) -> None:
        """Remember what became of a batch, and how much of an accepted one was refused nevertheless."""
        ...

    def forget(self, batch: PlannedBatch) -> None:
        """Give a batch up whose outcome nobody will ever know."""
        ...

    def replace(
        self, batch: PlannedBatch, pieces: Sequence[Batch], *, accepted: int = 0, refused: int = 0
    ) -> list[PlannedBatch]:
        """Put other batches in the place of one that was not taken as it is, in one transaction.

        Args:
            batch: which one.
            pieces: what is to be sent instead.
            accepted: how many of its datapoints were taken nevertheless.
            refused: how many of them nobody will take.
        """
        ...

    def sent_again(self, batch: Batch) -> None:
        """Count, before it happens, that a batch is sent which may have been taken; called from any thread."""
        ...

    def totals(self) -> Mapping[Fate, int]:
        """Give what became of datapoints in all runs, those included that were ended before they could say so."""
        ...

    def left(self) -> list[LeftBatch]:
        """List the batches that are neither accepted nor refused, oldest first, without their bodies."""
        ...

    def waiting(self, after: int, most: int) -> list[PlannedBatch]:
        """Give the next batches that are neither accepted nor refused.

        Args:
            after: a batch's number; those that follow it are given.
            most: how many.
        """
        ...

    def prune(self, still_there: Callable[[Iterable[str]], set[str]]) -> None:
        """Forget marks of files that nobody will find again, where there are many of them.

        Args:
            still_there: tells which of these identities still belong to some file.
        """
        ...

    def shrink(self) -> None:
        """Give back the room that nothing needs any more, where it is worth the effort."""
        ...
