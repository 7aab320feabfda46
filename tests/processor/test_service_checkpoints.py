"""Checkpoints over months: several destinations at once, rotation without end, and room that is given back."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from flowemf_processor.checkpoints import Checkpoints, contents
from flowemf_processor.checkpoints.store import KEPT_PER_LOG
from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.model import Batch, Mark, State
from flowemf_processor.sources.followed_file import BEGINNING, kinship, still_there


def marks_of(log: Path, number: int, beginning: bytes) -> list[Mark]:
    """Give the marks of one life of a log, as following makes them; its path is soon the next life's."""
    digest = f"{number:032x}"
    return [Mark(source, 1000, 10, digest) for source in (f"inode:1:{number}", f"path:{log}", kinship(log, beginning))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a place for a checkpoint."""
    return tmp_path / "state" / "checkpoint.sqlite3"


def sources(path: Path) -> list[str]:
    """List the identities that are remembered."""
    return [
        identity for each in contents(path).destinations for source in each.sources for identity in source.identities
    ]


def test_destinations_of_one_run_share_a_checkpoint_in_threads(path: Path) -> None:
    """They make it together, write at the same time, and each keeps its own."""
    together = threading.Barrier(4)
    failures: list[BaseException] = []

    def run(destination: str) -> None:
        try:
            together.wait(30)
            with Checkpoints(path, destination) as checkpoints:
                for _ in range(20):
                    [planned] = checkpoints.plan([Batch(b"{}", (1,))], [Mark(f"path:/{destination}", 1, 1, "00")])
                    checkpoints.begin(planned)
                    checkpoints.settle(planned, State.ACCEPTED)
                together.wait(30)
        except BaseException as error:
            failures.append(error)
            together.abort()

    threads = [threading.Thread(target=run, args=(f"d{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [(each.name, each.totals) for each in contents(path).destinations] == [
        (f"d{number}", {"accepted": 20}) for number in range(4)
    ]
    Checkpoints(path, "d0").__exit__(None, None, None)  # the lock was given back


def test_one_destination_twice_in_a_run_is_refused(path: Path) -> None:
    """It would send everything twice, whoever does it; the first one keeps its right."""
    with Checkpoints(path, "metrics") as checkpoints, Checkpoints(path, "logs"):
        with pytest.raises(TryAgainLaterError, match="another run is using this checkpoint"):
            Checkpoints(path, "metrics")
        checkpoints.plan([], [Mark("path:/a", 1, 1, "00")])
    assert sources(path) == ["path:/a"]


def test_rotated_files_that_are_gone_are_forgotten_but_for_the_last_thousand(path: Path, tmp_path: Path) -> None:
    """The oldest one still lies there under another name: it must not be read again."""
    log = tmp_path / "app.log"
    (tmp_path / "app.log.9").write_bytes(b"0 first line\nmore\n")
    lives = KEPT_PER_LOG + 50
    with Checkpoints(path, "metrics") as checkpoints:
        for number in range(lives):
            checkpoints.plan([], marks_of(log, number, b"%d first line" % number))
        checkpoints.plan([], marks_of(tmp_path / "other.log", lives, b"x"))
        before = len(sources(path))
        checkpoints.prune(still_there)
        left = sources(path)
        checkpoints.prune(still_there)
    assert before == 2 * lives + 1 + 3
    assert left == sources(path)
    beginnings = [each for each in left if each.startswith(BEGINNING)]
    assert len(beginnings) == KEPT_PER_LOG + 1 + 1
    assert {kinship(log, b"0 first line"), kinship(log, b"50 first line"), f"path:{log}"} <= set(left)
    assert {"inode:1:0", "inode:1:50", f"inode:1:{lives}"} <= set(left)
    assert not {kinship(log, b"1 first line"), "inode:1:1", kinship(log, b"49 first line"), "inode:1:49"} & set(left)


def test_nobody_is_asked_where_there_is_little_to_forget(path: Path, tmp_path: Path) -> None:
    """Looking through a directory has its price."""

    def never(identities: Iterable[str]) -> set[str]:
        raise AssertionError(identities)

    with Checkpoints(path, "metrics") as checkpoints:
        checkpoints.plan([], marks_of(tmp_path / "app.log", 1, b"x"))
        checkpoints.prune(never)
    assert len(sources(path)) == 3


def test_a_directory_that_is_gone_has_no_files(tmp_path: Path) -> None:
    """Nor has one that holds other logs only."""
    (tmp_path / "apples.log").write_bytes(b"x\n")
    gone, other = kinship(tmp_path / "gone" / "app.log", b"x"), kinship(tmp_path / "app.log", b"x")
    assert still_there([gone, other]) == set()
    (tmp_path / "app.log").write_bytes(b"x")  # a first line that is still being written is none yet
    assert still_there([gone, other]) == set()
    (tmp_path / "app-20260101.log").write_bytes(b"x\ny\n")
    assert still_there([gone, other]) == {other}


def test_the_room_of_a_spool_is_given_back(path: Path) -> None:
    """The file of a destination that was away for a week does not stay as large for ever."""
    with Checkpoints(path, "metrics") as checkpoints:
        planned = checkpoints.plan([Batch(b"x" * 1_000_000, (1,)) for _ in range(30)], [])
        for each in planned:
            checkpoints.settle(each, State.ACCEPTED)
        checkpoints.shrink()
    assert path.stat().st_size < 1_000_000


def test_waiting_batches_are_given_a_few_at_a_time(path: Path) -> None:
    """In their order, after the last one that was given; listing them loads none."""
    with Checkpoints(path, "metrics") as checkpoints, Checkpoints(path, "other") as other:
        planned = []
        for number in range(4):
            planned += checkpoints.plan([Batch(b"{%d}" % number, (number, 1))], [])
            other.plan([Batch(b"{}", (1,))], [])
        checkpoints.begin(planned[2])
        left = checkpoints.left()
        assert [(each.number, each.datapoints, each.size_bytes, each.was_in_flight) for each in left] == [
            (each.number, number + 1, 3, number == 2) for number, each in enumerate(planned)
        ]
        first = checkpoints.waiting(0, 3)
        assert [each.batch for each in first] == [each.batch for each in planned[:3]]
        assert [each.batch for each in checkpoints.waiting(first[-1].number, 3)] == [planned[3].batch]
