"""Remembers, in an SQLite file, how far sources have been delivered and which batches are on their way.

Marks and planned batches go in, in one transaction; what is unfinished comes out at the next start. One process at a
time.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.model import Batch, Fate, Mark, PlannedBatch, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType
    from typing import TextIO

FORMAT_VERSION = 3
APPLICATION_ID = 0x666C656D  # "flem": tells our files from other SQLite files, see https://sqlite.org/pragma.html

_TABLES = f"""
BEGIN IMMEDIATE;
CREATE TABLE mark (
    destination TEXT, source TEXT, offset_bytes INTEGER, lines INTEGER, digest TEXT, state BLOB,
    PRIMARY KEY (destination, source)
);
CREATE TABLE batch (
    number INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT, body BLOB, parts TEXT, in_flight INTEGER
);
CREATE TABLE total (destination TEXT, fate TEXT, datapoints INTEGER, PRIMARY KEY (destination, fate));
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT_VERSION};
COMMIT;
"""


def default_path() -> Path:
    """Give the place of the checkpoint: below `$XDG_STATE_HOME`, which is `~/.local/state` where it is not set."""
    state_home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state_home) / "flowemf" / "checkpoint.sqlite3"


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
        self._lock = _lock(path)
        try:
            with _translated(path):
                self._connection = _open(path)
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
        with _translated(self.path), self._turns:
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
            self._connection.executemany(
                "INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (self._destination, mark.source, mark.offset_bytes, mark.lines, mark.digest, mark.state)
                    for mark in marks
                ],
            )
        return planned

    def begin(self, batch: PlannedBatch) -> None:
        """Remember that the batch may have been sent, and that it is sent again where it may have been before."""
        with self._transaction():
            self._connection.execute("UPDATE batch SET in_flight = 1 WHERE number = ?", (batch.number,))
            if batch.was_in_flight:
                self._add(Fate.SENT_AGAIN, batch.batch)

    def settle(self, batch: PlannedBatch, state: State) -> None:
        """Forget a batch that was accepted or refused; one that was certainly not sent is no longer in flight."""
        with self._transaction():
            if state in (State.ACCEPTED, State.REFUSED):
                self._delete(batch)
                self._add(Fate.ACCEPTED if state is State.ACCEPTED else Fate.REFUSED, batch.batch)
            elif state is State.PENDING:
                self._connection.execute("UPDATE batch SET in_flight = 0 WHERE number = ?", (batch.number,))

    def forget(self, batch: PlannedBatch) -> None:
        """Give a batch up whose outcome nobody will ever know."""
        with self._transaction():
            self._delete(batch)
            self._add(Fate.GIVEN_UP, batch.batch)

    def sent_again(self, batch: Batch) -> None:
        """Count, before it happens, that a batch is sent which may have been taken; called from any thread."""
        with self._transaction():
            self._add(Fate.SENT_AGAIN, batch)

    def totals(self) -> dict[Fate, int]:
        """Give what became of datapoints in all runs, those included that were ended before they could say so."""
        with _translated(self.path), self._turns:
            rows = self._connection.execute(
                "SELECT fate, datapoints FROM total WHERE destination = ?", (self._destination,)
            ).fetchall()
        return dict.fromkeys(Fate, 0) | {Fate(fate): datapoints for fate, datapoints in rows}

    def replace(self, batch: PlannedBatch, pieces: Sequence[Batch]) -> list[PlannedBatch]:
        """Put smaller batches in the place of one, in one transaction.

        Args:
            batch: one that was refused as a whole.
            pieces: what is to be sent instead.

        Returns:
            The pieces with their numbers.
        """
        with self._transaction():
            self._delete(batch)
            return self._inserted(pieces)

    def unfinished(self) -> list[PlannedBatch]:
        """Give the batches that are neither accepted nor refused, oldest first."""
        with _translated(self.path), self._turns:
            rows = self._connection.execute(
                "SELECT number, body, parts, in_flight FROM batch WHERE destination = ? ORDER BY number",
                (self._destination,),
            ).fetchall()
        return [
            PlannedBatch(number, Batch(body, tuple(json.loads(parts))), bool(in_flight))
            for number, body, parts, in_flight in rows
        ]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with _translated(self.path), self._turns, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield

    def _add(self, fate: Fate, batch: Batch) -> None:
        self._connection.execute(
            "INSERT INTO total VALUES (?, ?, ?) "
            "ON CONFLICT (destination, fate) DO UPDATE SET datapoints = datapoints + excluded.datapoints",
            (self._destination, fate.value, batch.datapoints),
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

    def _delete(self, batch: PlannedBatch) -> None:
        self._connection.execute("DELETE FROM batch WHERE number = ?", (batch.number,))


def _lock(path: Path) -> TextIO:
    """Take the lock beside the checkpoint; it goes with the process, however that ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = Path(f"{path}.lock").open("w", encoding="utf-8")  # noqa: SIM115 - held for the whole run
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written ({error.strerror}); name another --checkpoint") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise ConfigurationError(
                f"{path}: cannot be locked ({error.strerror}); name another --checkpoint"
            ) from None
        raise TryAgainLaterError(f"{path}: another run is using this checkpoint; wait until it has ended") from None
    return lock


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:  # locked by somebody, a full disk, no permission to write
        raise TryAgainLaterError(f"{path}: cannot be used just now ({error}); mend that and run again") from error
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"{path}: is not a checkpoint or is damaged ({error}); move it away or name another --checkpoint"
        ) from error


def _open(path: Path) -> sqlite3.Connection:
    if path.is_dir():
        raise ConfigurationError(f"{path}: is a directory; name a file as --checkpoint")
    is_new = not path.exists() or _is_unused(path)
    # An absolute path, since SQLite reads :memory: as something else than a file.
    connection = sqlite3.connect(path.absolute(), isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if is_new:
            connection.executescript(_TABLES)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_unused(path: Path) -> bool:
    """Refuse a file that is not ours without touching it; tell whether it holds nothing yet."""
    # What a process that was killed has left in the write-ahead log belongs to the file; without one nothing is made.
    has_log = Path(f"{path}-wal").exists()
    look = f"{path.absolute().as_uri()}?{'mode=ro' if has_log else 'immutable=1'}"
    with contextlib.closing(sqlite3.connect(look, uri=True)) as connection:
        ((application,), (version,), (tables,)) = (
            connection.execute(question).fetchone()
            for question in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
        if (application, version, tables) == (0, 0, 0):
            return True
        if application != APPLICATION_ID:
            raise ConfigurationError(
                f"{path}: is a database, but not a checkpoint; move it away or name another --checkpoint"
            )
        if version != FORMAT_VERSION:
            raise ConfigurationError(
                f"{path}: has format {version}, this version reads format {FORMAT_VERSION}; name another --checkpoint"
            )
        (damage,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if damage != "ok":
        damage = " ".join(damage.split())
        raise ConfigurationError(f"{path}: is damaged ({damage}); move it away or name another --checkpoint")
    return False
