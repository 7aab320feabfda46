"""Divides the sources of a run among tasks, large ones in stretches, and reads the lines of a stretch.

Sources go in; what tasks are to read comes out, nothing twice and nothing not at all: the lines of all stretches of a
source are each of its lines once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.core.unwrap import AUTO, RAW
from flowemf_processor.engines.spark.works import Fingerprint, Listed, Stretch, Task, Whole
from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.pipeline.chunks import Chunk, ChunkReader
from flowemf_processor.pipeline.yields import NoYield
from flowemf_processor.ports import DivisibleSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowemf_processor.engines.spark.works import ReadingTerms, Work
    from flowemf_processor.ports import MarkStore, Source

STRETCH_BYTES = 64 << 20
"""What one task reads: as large as Hadoop's blocks used to be, half a second of work and little memory."""

_COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
_EXPANSION = 10  # what logs of EMF lines reach at least
_HEAD_BYTES = 1 << 16
_FEWEST_BYTES = 1 << 20
_BEYOND_BYTES = 1 << 16  # so much is read at once beyond a stretch, for the end of its last line


def listed(number: int, source: Source, marks: MarkStore | None) -> Listed:
    """Note down what a source is now.

    Args:
        number: its place among the sources of the run.
        source: what is to be read.
        marks: knows how far earlier runs got; None where nothing is remembered.
    """
    identities = tuple(source.identities)
    known = [marks.mark(identity) for identity in identities] if marks is not None else []
    return Listed(
        number, source, source.name, identities, _plain_bytes(source), tuple(mark for mark in known if mark is not None)
    )


def _plain_bytes(source: Source) -> int | None:
    if source.size_bytes is not None or not isinstance(source, DivisibleSource):
        return source.size_bytes
    stored_bytes = source.stored_bytes  # to ask whether it is compressed may cost a request
    try:
        is_worth_asking = stored_bytes is not None and stored_bytes >= 2 * STRETCH_BYTES
        return stored_bytes if is_worth_asking and source.is_divisible() else None
    except TryAgainLaterError:  # whoever reads it says what is wrong
        return None


def weight_bytes(source: Listed) -> int:
    """Guess how much there is to read in a source."""
    stored_bytes = source.source.stored_bytes if isinstance(source.source, DivisibleSource) else None
    size_bytes = STRETCH_BYTES if stored_bytes is None else stored_bytes
    return size_bytes * _EXPANSION if source.name.endswith(_COMPRESSED) else size_bytes


class Cutter:
    """Cuts sources into what tasks read.

    Args:
        terms: how the tasks read.
        is_marked: whether somebody remembers how far a source was read.
    """

    def __init__(self, terms: ReadingTerms, *, is_marked: bool) -> None:
        self._cuts = terms.form in (AUTO, RAW) and not terms.gives_events
        self._is_marked = is_marked
        self._beginnings = ChunkReader(terms.conditions, NoYield(), keeps_rejections=False)

    def tasks(self, sources: Sequence[Listed], parallelism: int) -> list[Task]:
        """Divide sources among tasks.

        Args:
            sources: what is to be read.
            parallelism: how many tasks run at once.

        Returns:
            The tasks, those that take longest first.
        """
        long: list[Task] = []
        stretches: list[Task] = []
        wholes: list[Listed] = []
        for each in sources:
            if not self._is_divisible(each):
                wholes.append(each)
                continue
            if self._is_marked:
                long.append(Task((Fingerprint(each),)))
            stretches += [Task((stretch,)) for stretch in _stretches(each)]
        return [*long, *stretches, *_together(wholes, parallelism)]

    def _is_divisible(self, source: Listed) -> bool:
        """Whether lines of it can be read without those before them; its beginning tells, and else its tasks find out.

        What an earlier run has read in part is passed over by a task that knows the digest of it.
        """
        if not self._cuts or source.marks or not isinstance(source.source, DivisibleSource):
            return False
        if source.plain_bytes is None or source.plain_bytes < 2 * STRETCH_BYTES:
            return False
        try:
            head = b"".join(source.source.stretch(0, _HEAD_BYTES))
        except TryAgainLaterError:
            return False
        lines = head[: head.rfind(b"\n") + 1]
        return self._beginnings.read(Chunk(source.name, 0, lines, 0)) is not None


def _stretches(source: Listed) -> Iterator[Stretch]:
    size_bytes = source.plain_bytes or 0
    for start in range(0, size_bytes, STRETCH_BYTES):
        yield Stretch(source, start, min(start + STRETCH_BYTES, size_bytes))


def _together(sources: Iterable[Listed], parallelism: int) -> Iterator[Task]:
    """Put small sources together: a task costs some milliseconds by itself."""
    weights = [(each, weight_bytes(each)) for each in sources]
    fair_bytes = sum(weight for _, weight in weights) // (2 * parallelism)
    wanted_bytes = min(max(fair_bytes, _FEWEST_BYTES), STRETCH_BYTES)
    gathered: list[Work] = []
    gathered_bytes = 0
    for each, weight in weights:
        if gathered and gathered_bytes + weight > wanted_bytes:
            yield Task(tuple(gathered))
            gathered, gathered_bytes = [], 0
        gathered.append(Whole(each))
        gathered_bytes += weight
    if gathered:
        yield Task(tuple(gathered))


# --- In a task --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a stretch.

    Attributes:
        start_bytes: where the first one begins.
        data: the lines with their line feeds.
        tail: what stands behind the last line feed of the source.
    """

    start_bytes: int
    data: bytes
    tail: bytes


def lines_of(stretch: Stretch) -> Lines:
    r"""Read the lines that begin in a range.

    A line belongs to the range in which its first byte lies, as Hadoop has it: whoever reads a range begins behind the
    first line feed at or after the byte before it, and ends with the first one at or after its own last byte.

    Args:
        stretch: the range.

    Returns:
        The lines. No bytes where a line that began before goes on beyond the range.

    Raises:
        TryAgainLaterError: the source cannot be read.
    """
    source, size_bytes = stretch.listed.source, stretch.listed.plain_bytes
    assert isinstance(source, DivisibleSource) and size_bytes is not None  # noqa: S101, PT018 - or it were no stretch
    before = min(stretch.start_bytes, 1)
    data = bytearray().join(source.stretch(stretch.start_bytes - before, stretch.end_bytes))
    skipped = data.find(b"\n") + 1 if before else 0
    if before and not skipped:
        return Lines(stretch.end_bytes, b"", b"")
    start_bytes = stretch.start_bytes - before + skipped
    end_bytes = stretch.end_bytes
    while end_bytes < size_bytes and len(data) > skipped and not data.endswith(b"\n"):
        more = b"".join(source.stretch(end_bytes, min(end_bytes + _BEYOND_BYTES, size_bytes)))
        end_bytes += len(more)
        feed = more.find(b"\n") + 1
        data += more[:feed] if feed else more
    end = data.rfind(b"\n") + 1
    return Lines(start_bytes, bytes(data[skipped:end]), bytes(data[max(end, skipped) :]))
