"""The SQLite file of a checkpoint, and the lock that lets one process at a time use it.

A path goes in; a connection to a sound file of our format comes out, and any other file is left as it is. The lock goes
with the process, however that ends; runs to several destinations in one process share it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator
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
CREATE TABLE sum (destination TEXT, series TEXT, state TEXT, PRIMARY KEY (destination, series));
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT_VERSION};
COMMIT;
"""

_PATIENCE_SECONDS = 30.0  # runs to several destinations write to one file, each in transactions of milliseconds
_LOG_BYTES = 16 << 20
_PAGE_BYTES = 1 << 14  # requests are large: with 4 KiB, which is usual, they take half as long again

FileId = tuple[int, int]
"""Device and inode."""


@dataclass(slots=True)
class _Held:
    """A lock of this process: the open file that has it, and who shares it."""

    file: TextIO
    destinations: set[str] = field(default_factory=set)


_held: dict[FileId, _Held] = {}
_opening = threading.Lock()
_turns = threading.Lock()


def default_path() -> Path:
    """Give the place of the checkpoint: below `$XDG_STATE_HOME`, which is `~/.local/state` where it is not set."""
    state_home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state_home) / "flowemf" / "checkpoint.sqlite3"


class Lock:
    """The right to use a checkpoint for one destination.

    Args:
        path: the checkpoint; the lock file lies beside it.
        destination: whose.

    Raises:
        ConfigurationError: there can be no lock file.
        TryAgainLaterError: another run has the right.
    """

    def __init__(self, path: Path, destination: str) -> None:
        file = _lock_file(path)
        status = os.fstat(file.fileno())
        self._file_id = (status.st_dev, status.st_ino)
        self._destination = destination
        with _turns:
            held = _held.get(self._file_id)
            if held is None:
                _lock(file, path)
                held = _held[self._file_id] = _Held(file)
            else:
                file.close()  # which leaves the lock alone: it belongs to the other opening of the file
                if destination in held.destinations:
                    raise _in_use(path)
            held.destinations.add(destination)

    def close(self) -> None:
        """Give the right back."""
        with _turns:
            held = _held[self._file_id]
            held.destinations.discard(self._destination)
            if not held.destinations:
                held.file.close()
                del _held[self._file_id]


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into errors that say what to do.

    Args:
        path: the checkpoint.

    Raises:
        ConfigurationError: it is no checkpoint, or a damaged one.
        TryAgainLaterError: it cannot be used just now.
    """
    try:
        yield
    except sqlite3.OperationalError as error:  # locked by somebody, a full disk, no permission to write
        raise TryAgainLaterError(f"{path}: cannot be used just now ({error}); mend that and run again") from error
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter where SQLite's message quotes damaged text
        raise ConfigurationError(
            f"{path}: is not a checkpoint or is damaged ({error}); move it away or name another --checkpoint"
        ) from error


def opened(path: Path) -> sqlite3.Connection:
    """Open a checkpoint to write to it; make it where there is none.

    Args:
        path: where it is; whoever opens it has the lock.

    Returns:
        The connection.

    Raises:
        ConfigurationError: the file is no checkpoint, or a damaged or newer one.
        sqlite3.Error: see `translated`.
    """
    if path.is_dir():
        raise ConfigurationError(f"{path}: is a directory; name a file as --checkpoint")
    with _opening:  # threads of one run must not make the tables twice
        is_new = not path.exists() or _is_unused(path)
        # An absolute path, since SQLite reads :memory: as something else than a file.
        connection = sqlite3.connect(
            path.absolute(), timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a new file
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
            if is_new:
                connection.executescript(_TABLES)
        except BaseException:
            connection.close()
            raise
    return connection


@contextlib.contextmanager
def looked_at(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Open a checkpoint to look at it, also while a run is using it; nothing is written.

    Args:
        path: where it is.

    Yields:
        The connection; None where the file holds nothing yet.

    Raises:
        ConfigurationError: there is no such file, or it is no checkpoint, or a damaged or newer one.
        TryAgainLaterError: it cannot be read just now.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path}: there is no such checkpoint; name another --checkpoint")
    with translated(path), contextlib.closing(_reading(path)) as connection:
        yield None if _holds_nothing(connection, path) else connection


def _reading(path: Path) -> sqlite3.Connection:
    # What a process that was killed has left in the write-ahead log belongs to the file; without one nothing is made.
    has_log = Path(f"{path}-wal").exists()
    look = f"{path.absolute().as_uri()}?{'mode=ro' if has_log else 'immutable=1'}"
    return sqlite3.connect(look, uri=True, isolation_level=None)


def _is_unused(path: Path) -> bool:
    """Refuse a file that is not ours without touching it; tell whether it holds nothing yet."""
    with contextlib.closing(_reading(path)) as connection:
        if _holds_nothing(connection, path):
            return True
        (damage,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if damage != "ok":
        damage = " ".join(damage.split())
        raise ConfigurationError(f"{path}: is damaged ({damage}); move it away or name another --checkpoint")
    return False


def _holds_nothing(connection: sqlite3.Connection, path: Path) -> bool:
    """Tell whether nothing was ever written; refuse what is not ours."""
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
    return False


def _lock_file(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return Path(f"{path}.lock").open("w", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written ({error.strerror}); name another --checkpoint") from error


def _lock(file: TextIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise ConfigurationError(
                f"{path}: cannot be locked ({error.strerror}); name another --checkpoint"
            ) from None
        raise _in_use(path) from None


def _in_use(path: Path) -> TryAgainLaterError:
    return TryAgainLaterError(f"{path}: another run is using this checkpoint; wait until it has ended")
