"""What one destination remembers: marks, planned batches, totals.

Marks and batches go in, in one transaction; what is unfinished comes out at the next start, and marks that rotation has
left behind are forgotten. One process at a time.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections import Counter
from typing import TYPE_CHECKING

from flowemf_processor.checkpoints.file import Lock, opened, translated
from flowemf_processor.model import Batch, Fate, LeftBatch, Mark, PlannedBatch, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType


KEPT_PER_LOG = 1000
"""So many lives of one log are remembered in any case."""

_BEGINNING = "beginning:"  # a directory, the stem of a name and a hash follow, see sources

_WORTH_THE_EFFORT_BYTES = 16 << 20  # of free room, before the file is written anew


class Checkpoints:
    """The checkpoint of one destination; use it as a context manager.

    Args:
        path: the SQLite file; it is created where there is none. A lock file is put beside it.
        destination: whose marks and batches these are.

    Raises:
        ConfigurationError: the file is no checkpoint, or a damaged or newer one; it is left as it is. Methods raise it
            where the damage shows later.
        TryAgainLaterError: another run uses it. Methods raise it where the file cannot be written.
    """

    def __init__(self, path: Path, destination: str) -> None:
        self.path = path
        self._destination = destination
        self._turns = threading.RLock()  # couriers count what they send again
        self._is_together = False
        self._lock = Lock(path, destination)
        try:
            with translated(path):
                self._connection = opened(path)
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._lock.close()

    def mark(self, source: str) -> Mark | None:
        """Give the mark of the source with this identity."""
        with translated(self.path), self._turns:
            row = self._connection.execute(
                "SELECT source, offset_bytes, lines, digest, state FROM mark WHERE destination = ? AND source = ?",
                (self._destination, source),
            ).fetchone()
        return Mark(*row) if row else None

    def plan(self, batches: Sequence[Batch], marks: Iterable[Mark]) -> list[PlannedBatch]:
        """Keep batches and marks in one transaction.

        Args:
            batches: what is to be sent.
            marks: how far the sources are read when all of it is accepted.

        Returns:
            The batches with their numbers.
        """
        with self._transaction():
            planned = self._inserted(batches)
            self._insert_marks(marks)
        return planned

    def begin(self, batch: PlannedBatch) -> None:
        """Remember that the batch may have been sent, and that it is sent again where it may have been before."""
        with self._transaction():
            self._connection.execute("UPDATE batch SET in_flight = 1 WHERE number = ?", (batch.number,))
            if batch.was_in_flight:
                self._add(Fate.SENT_AGAIN, batch.batch.datapoints)

    def settle(self, batch: PlannedBatch, state: State, *, refused: int = 0) -> None:
        """Forget a batch that was accepted or refused; one that was certainly not sent is no longer in flight.

        Args:
            batch: which one.
            state: what became of it.
            refused: of one that was accepted, how many datapoints were refused nevertheless.
        """
        with self._transaction():
            if state in (State.ACCEPTED, State.REFUSED):
                self._delete(batch)
                taken = batch.batch.datapoints - refused if state is State.ACCEPTED else 0
                self._add(Fate.ACCEPTED, taken)
                self._add(Fate.REFUSED, batch.batch.datapoints - taken)
            elif state is State.PENDING:
                self._connection.execute("UPDATE batch SET in_flight = 0 WHERE number = ?", (batch.number,))

    def forget(self, batch: PlannedBatch) -> None:
        """Give a batch up whose outcome nobody will ever know."""
        with self._transaction():
            self._delete(batch)
            self._add(Fate.GIVEN_UP, batch.batch.datapoints)

    def sent_again(self, batch: Batch) -> None:
        """Count, before it happens, that a batch is sent which may have been taken; called from any thread."""
        with self._transaction():
            self._add(Fate.SENT_AGAIN, batch.datapoints)

    def totals(self) -> dict[Fate, int]:
        """Give what became of datapoints in all runs, those included that were ended before they could say so."""
        with translated(self.path), self._turns:
            rows = self._connection.execute(
                "SELECT fate, datapoints FROM total WHERE destination = ?", (self._destination,)
            ).fetchall()
        return dict.fromkeys(Fate, 0) | {Fate(fate): datapoints for fate, datapoints in rows}

    def replace(
        self, batch: PlannedBatch, pieces: Sequence[Batch], *, accepted: int = 0, refused: int = 0
    ) -> list[PlannedBatch]:
        """Put other batches in the place of one, in one transaction.

        Args:
            batch: one that was not taken as it is.
            pieces: what is to be sent instead.
            accepted: how many of its datapoints were taken nevertheless.
            refused: how many of them nobody will take.

        Returns:
            The pieces with their numbers.
        """
        with self._transaction():
            self._delete(batch)
            self._add(Fate.ACCEPTED, accepted)
            self._add(Fate.REFUSED, refused)
            return self._inserted(pieces)

    def left(self) -> list[LeftBatch]:
        """List the batches that are neither accepted nor refused, oldest first, without their bodies."""
        with translated(self.path), self._turns:
            rows = self._connection.execute(
                "SELECT number, parts, length(body), in_flight FROM batch WHERE destination = ? ORDER BY number",
                (self._destination,),
            )
            return [LeftBatch(number, sum(json.loads(parts)), size, bool(sent)) for number, parts, size, sent in rows]

    def waiting(self, after: int, most: int) -> list[PlannedBatch]:
        """Give the next batches that are neither accepted nor refused.

        Args:
            after: a batch's number; those that follow it are given.
            most: how many.
        """
        with translated(self.path), self._turns:
            rows = self._connection.execute(
                "SELECT number, body, parts, in_flight FROM batch WHERE destination = ? AND number > ? "
                "ORDER BY number LIMIT ?",
                (self._destination, after, most),
            ).fetchall()
        return [_planned(*row) for row in rows]

    def prune(self, still_there: Callable[[Iterable[str]], set[str]]) -> None:
        """Forget marks of rotated files that lie in their directory no more, but for the last 1,000 of each log.

        Those are kept in case that such a file is brought back, or replayed from where it was moved to.

        Args:
            still_there: tells which of these identities still belong to some file.
        """
        with translated(self.path), self._turns:
            old = _rotated_long_ago(self._connection, self._destination)
        gone = set(old) - still_there(old) if old else set()
        if gone:
            with self._transaction():
                _forget_rotated(self._connection, self._destination, gone)

    def shrink(self) -> None:
        """Give back the room on the disk that nothing needs any more, where it is worth the effort."""
        with translated(self.path), self._turns:
            (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
            (page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
            if free * page_bytes >= _WORTH_THE_EFFORT_BYTES:
                with contextlib.suppress(sqlite3.OperationalError):  # another destination is writing: next time
                    self._connection.execute("VACUUM")

    # --- Sums of destinations that are asked for them -----------------------------------------------------------------

    def sums(self) -> dict[str, str]:
        """Give what `keep_sums` kept, by series."""
        with translated(self.path), self._turns:
            rows = self._connection.execute(
                "SELECT series, state FROM sum WHERE destination = ? ORDER BY series", (self._destination,)
            ).fetchall()
        return dict(rows)

    def keep_sums(self, changed: Mapping[str, str], marks: Iterable[Mark]) -> None:
        """Keep sums and the marks of what is in them, in one transaction.

        Args:
            changed: series -> its sums, as text.
            marks: how far the sources are read.
        """
        with self._transaction():
            self._connection.executemany(
                "INSERT OR REPLACE INTO sum VALUES (?, ?, ?)",
                [(self._destination, series, state) for series, state in changed.items()],
            )
            self._insert_marks(marks)

    # --- Rows ---------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Make what is said meanwhile durable in one go: each part of it whole, also where a later one fails.

        Making something durable takes the disk milliseconds, however much it is.
        """
        failure: BaseException | None = None
        with translated(self.path), self._turns, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._is_together = True
            try:
                yield
            except BaseException as error:  # raised when the parts before it are durable
                failure = error
            finally:
                self._is_together = False
        if failure is not None:
            raise failure

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated(self.path), self._turns:
            if not self._is_together:
                with self._connection:
                    self._connection.execute("BEGIN IMMEDIATE")
                    yield
                return
            self._connection.execute("SAVEPOINT part")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK TO part")
                raise
            finally:
                self._connection.execute("RELEASE part")

    def _add(self, fate: Fate, datapoints: int) -> None:
        if not datapoints:
            return
        self._connection.execute(
            "INSERT INTO total VALUES (?, ?, ?) "
            "ON CONFLICT (destination, fate) DO UPDATE SET datapoints = datapoints + excluded.datapoints",
            (self._destination, fate.value, datapoints),
        )

    def _inserted(self, batches: Iterable[Batch]) -> list[PlannedBatch]:
        planned = []
        for batch in batches:
            cursor = self._connection.execute(
                "INSERT INTO batch (destination, body, parts, in_flight) VALUES (?, ?, ?, 0)",
                (self._destination, batch.body, json.dumps(batch.parts)),
            )
            planned.append(PlannedBatch(cursor.lastrowid or 0, batch))
        return planned

    def _insert_marks(self, marks: Iterable[Mark]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?, ?, ?)",
            [
                (self._destination, each.source, each.offset_bytes, each.lines, each.digest, each.state)
                for each in marks
            ],
        )

    def _delete(self, batch: PlannedBatch) -> None:
        self._connection.execute("DELETE FROM batch WHERE number = ?", (batch.number,))


def _planned(number: int, body: bytes, parts: str, in_flight: int) -> PlannedBatch:
    return PlannedBatch(number, Batch(body, tuple(json.loads(parts))), bool(in_flight))


def _rotated_long_ago(connection: sqlite3.Connection, destination: str) -> list[str]:
    """List the identities of lives of logs, but for the newest of each log.

    Args:
        connection: to a checkpoint.
        destination: what it calls the destination.
    """
    lives: Counter[str] = Counter()
    old: list[str] = []
    for (identity,) in connection.execute(
        "SELECT source FROM mark WHERE destination = ? AND source >= ? AND source < ? ORDER BY rowid DESC",
        (destination, _BEGINNING, _BEGINNING[:-1] + ";"),  # the character that follows the colon
    ):
        log = identity.rpartition(":")[0]
        lives[log] += 1
        if lives[log] > KEPT_PER_LOG:
            old.append(identity)
    return old


def _forget_rotated(connection: sqlite3.Connection, destination: str, identities: Iterable[str]) -> None:
    """Take away these lives under all their identities, which are those that have read the same bytes.

    Args:
        connection: in a transaction.
        destination: what the checkpoint calls the destination.
        identities: lives of logs.
    """
    for identity in identities:
        connection.execute(
            "DELETE FROM mark WHERE destination = ?1 AND (offset_bytes, lines, digest) IN "
            "(SELECT offset_bytes, lines, digest FROM mark WHERE destination = ?1 AND source = ?2)",
            (destination, identity),
        )
