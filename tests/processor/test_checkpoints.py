"""Checkpoints in a real SQLite file: marks and batches together, one process at a time, nobody else's file touched."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowemf_processor.checkpoints import APPLICATION_ID, Checkpoints, contents, default_path
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.model import Batch, Mark, PlannedBatch, State

MARK = Mark("path:/a.log", 10, 1, "00")
LATER_MARK = Mark("path:/a.log", 2**40, 2**33, "ff")
BATCHES = [
    Batch(b'{"Namespace":"N%d","MetricData":[{"Values":[0.1,5e-324]},{}]}' % number, (number, 1)) for number in range(3)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a place for a checkpoint whose directory does not exist yet."""
    return tmp_path / "state" / "checkpoint.sqlite3"


def unfinished(path: Path, destination: str = "metrics") -> list[PlannedBatch]:
    """Open the checkpoint as the next run does."""
    with Checkpoints(path, destination) as checkpoints:
        return checkpoints.waiting(0, 100)


# --- What is remembered -----------------------------------------------------------------------------------------------


def test_marks_and_batches_are_there_in_the_next_run(path: Path) -> None:
    """Requests come back as they were, to the last bit, in their order."""
    with Checkpoints(path, "metrics") as checkpoints:
        assert checkpoints.mark(MARK.source) is None
        planned = checkpoints.plan(BATCHES, [MARK])
    assert [each.batch for each in planned] == BATCHES
    assert unfinished(path) == planned
    with Checkpoints(path, "metrics") as checkpoints:
        assert checkpoints.mark(MARK.source) == MARK
        checkpoints.plan([], [LATER_MARK])
        assert checkpoints.mark(MARK.source) == LATER_MARK


@pytest.mark.parametrize(
    ("begun", "settled", "kept", "was_in_flight"),
    [
        (False, None, True, False),
        (True, None, True, True),
        (True, State.ACCEPTED, False, False),
        (True, State.REFUSED, False, False),
        (True, State.PENDING, True, False),
        (True, State.AMBIGUOUS, True, True),
    ],
)
def test_a_batch_is_kept_until_the_destination_has_answered(
    path: Path, begun: bool, settled: State | None, kept: bool, was_in_flight: bool
) -> None:
    """And whoever finds it knows whether it may have been sent."""
    with Checkpoints(path, "metrics") as checkpoints:
        [batch] = checkpoints.plan(BATCHES[:1], [MARK])
        if begun:
            checkpoints.begin(batch)
        if settled is not None:
            checkpoints.settle(batch, settled)
    assert [each.was_in_flight for each in unfinished(path)] == ([was_in_flight] if kept else [])


def test_destinations_share_a_file_and_nothing_else(path: Path) -> None:
    """The same data may be owed to several."""
    with Checkpoints(path, "metrics us-east-1") as checkpoints:
        checkpoints.plan(BATCHES, [MARK])
    assert unfinished(path, "metrics eu-west-1") == []
    with Checkpoints(path, "metrics eu-west-1") as checkpoints:
        assert checkpoints.mark(MARK.source) is None
    assert len(unfinished(path, "metrics us-east-1")) == 3


def test_batches_and_marks_are_planned_together_or_not_at_all(path: Path) -> None:
    """The disk is full in the midst of it; what was there before remains, and there is no traceback of SQLite."""
    with Checkpoints(path, "metrics") as checkpoints:
        checkpoints.plan(BATCHES[:1], [MARK])
        large = Batch(b"x" * 2_000_000, (1,))
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, unlimited[1]))
        try:
            with pytest.raises(TryAgainLaterError, match=r"checkpoint\.sqlite3: cannot be used just now"):
                checkpoints.plan([*BATCHES, large], [LATER_MARK])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        assert checkpoints.mark(MARK.source) == MARK
        assert [each.batch for each in checkpoints.waiting(0, 100)] == BATCHES[:1]
        checkpoints.plan([large], [LATER_MARK])
    assert len(unfinished(path)) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from flowemf_processor.checkpoints import Checkpoints
from flowemf_processor.model import Batch, Mark
checkpoints = Checkpoints(Path(sys.argv[1]), "metrics")
[batch, _] = checkpoints.plan([Batch(b"{}", (1,))] * 2, [Mark("path:/a.log", 10, 1, "00")])
checkpoints.begin(batch)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_had_planned_is_found(path: Path) -> None:
    """Its lock goes with it; the batch it had begun may have been sent, the other was not."""
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60, check=False)
    assert killed.returncode == -9
    assert [each.was_in_flight for each in unfinished(path)] == [True, False]
    with Checkpoints(path, "metrics") as checkpoints:
        assert checkpoints.mark(MARK.source) == MARK


# --- One process at a time --------------------------------------------------------------------------------------------


def test_a_second_process_has_to_wait(path: Path) -> None:
    """Two runs over the same sources would send everything twice."""
    script = (
        "import sys; from pathlib import Path; from flowemf_processor.checkpoints import Checkpoints\n"
        "with Checkpoints(Path(sys.argv[1]), 'metrics'): print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        for destination in ("metrics", "other"):
            with pytest.raises(TryAgainLaterError, match="another run is using this checkpoint"):
                Checkpoints(path, destination)
        other.communicate(timeout=30)
    assert unfinished(path) == []


def test_a_checkpoint_that_was_refused_is_not_kept_locked(path: Path) -> None:
    """The lock is given back where opening fails."""
    path.parent.mkdir()
    path.write_text("notes")
    for _ in range(2):
        with pytest.raises(ConfigurationError):
            Checkpoints(path, "metrics")
    path.unlink()
    assert unfinished(path) == []


# --- Files that are not ours ------------------------------------------------------------------------------------------


def make_text(path: Path) -> None:
    path.write_text("somebody's notes\n" * 1000)


def make_foreign(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mark (secret)")


def make_foreign_of_our_version(path: Path) -> None:
    make_foreign(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")


def make_newer(path: Path) -> None:
    with Checkpoints(path, "metrics") as checkpoints:
        checkpoints.plan(BATCHES, [MARK])
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def make_damaged(path: Path) -> None:
    with Checkpoints(path, "metrics") as checkpoints:
        checkpoints.plan(BATCHES * 100, [MARK])
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = os.urandom(len(damaged) - 4096)
    path.write_bytes(damaged)


def make_damaged_schema(path: Path) -> None:
    with Checkpoints(path, "metrics") as checkpoints:
        checkpoints.plan(BATCHES, [MARK])
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE", b"CREATE \xa1ABLE"))


def make_cut(path: Path) -> None:
    with Checkpoints(path, "metrics") as checkpoints:
        checkpoints.plan(BATCHES * 100, [MARK])
    path.write_bytes(path.read_bytes()[:6000])


def make_damaged_batches(path: Path) -> None:
    with Checkpoints(path, "metrics") as checkpoints:
        checkpoints.plan([Batch(b"x" * 100_000, (1,))] * 10, [MARK])
    damaged = bytearray(path.read_bytes())
    damaged[1 << 18 : 1 << 19] = bytes(1 << 18)
    path.write_bytes(damaged)


MAKERS = [
    make_text,
    make_foreign,
    make_foreign_of_our_version,
    make_newer,
    make_damaged,
    make_damaged_batches,
    make_damaged_schema,
    make_cut,
]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_a_file_that_is_no_sound_checkpoint_of_ours_stays_as_it_is(path: Path, make: Callable[[Path], None]) -> None:
    """Byte for byte; the message names the file and the remedy."""
    path.parent.mkdir()
    make(path)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=r"checkpoint\.sqlite3: .*name another --checkpoint"):
        Checkpoints(path, "metrics")
    assert path.read_bytes() == before
    assert {file.name for file in path.parent.iterdir()} == {path.name, f"{path.name}.lock"}


def test_an_empty_file_becomes_a_checkpoint(path: Path) -> None:
    """As mktemp makes one, or a process that died before its first transaction."""
    path.parent.mkdir()
    path.write_bytes(b"")
    with Checkpoints(path, "metrics") as checkpoints:
        checkpoints.plan([], [MARK])
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_an_empty_file_holds_nothing_and_stays_empty(path: Path) -> None:
    """Whoever looks into it changes nothing."""
    path.parent.mkdir()
    path.write_bytes(b"")
    assert contents(path).destinations == ()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.stat().st_size == 0


def test_where_files_cannot_be_locked_there_is_no_checkpoint(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on some file systems of a network: that is not another run, and waiting would not help."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", fail)
        with pytest.raises(ConfigurationError, match=r"cannot be locked \(No locks available\); name another"):
            Checkpoints(path, "metrics")
    assert not path.exists()
    assert unfinished(path) == []


def test_a_checkpoint_that_somebody_else_has_locked_is_tried_again_later(path: Path) -> None:
    """A curious person's SQLite shell is no damage."""
    with Checkpoints(path, "metrics") as checkpoints, contextlib.closing(sqlite3.connect(path)) as shell:
        checkpoints._connection.execute("PRAGMA busy_timeout = 10")
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(TryAgainLaterError, match="locked"):
            checkpoints.plan(BATCHES, [MARK])


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory", "a?b#c%20d.sqlite3", "é.sqlite3"])
def test_any_name_is_the_name_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Names that mean something else to SQLite are files like all others."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with Checkpoints(Path(name), "metrics") as checkpoints:
            checkpoints.plan([], [MARK])
    assert (tmp_path / name).is_file()
    with Checkpoints(Path(name), "metrics") as checkpoints:
        assert checkpoints.mark(MARK.source) == MARK


def test_an_impossible_place_is_a_matter_of_configuration(tmp_path: Path) -> None:
    """A directory, and a path through a file."""
    (tmp_path / "file").write_bytes(b"")
    for impossible in (tmp_path, tmp_path / "file" / "checkpoint.sqlite3"):
        with pytest.raises(ConfigurationError, match="--checkpoint"):
            Checkpoints(impossible, "metrics")


def test_the_default_place_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """$XDG_STATE_HOME, else ~/.local/state."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "flowemf" / "checkpoint.sqlite3"
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / ".local" / "state" / "flowemf" / "checkpoint.sqlite3"
