"""Logs are followed through everything that happens to them: real files, a real writer, the command as a process."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from following import PATIENCE_SECONDS, WRITER, line, open_files
from replaying import CLOCK, balanced

from flowemf_processor import pipeline
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.errors import ConfigurationError
from flowemf_processor.model import Event, Mark
from flowemf_processor.pipeline.reading import SourceReader
from flowemf_processor.ports import FollowedSource
from flowemf_processor.sources import followed_file
from flowemf_processor.sources.watch import Watch


class Kept:
    """A store that tells how often it was given each number."""

    name = "kept"

    def __init__(self) -> None:
        self.numbers: Counter[float] = Counter()
        self.marks: dict[str, Mark] = {}
        self.stores = 0

    def mark(self, source: str) -> Mark | None:
        return self.marks.get(source)

    def store(self, events: list[Event], marks: Iterator[Mark]) -> None:
        """Keep both."""
        self.numbers.update(event.measurements[0].values[0][0] for event in events)
        self.marks.update((mark.source, mark) for mark in marks)
        self.stores += 1


class Following:
    """A run that follows paths on a thread of its own; use it as a context manager."""

    def __init__(self, kept: Kept, *paths: object, poll_seconds: float | None = None) -> None:
        self.kept = kept
        self.said: list[str] = []
        self.ledger = Ledger()
        self._watch = Watch(
            [str(path) for path in paths], flush_seconds=0.05, poll_seconds=poll_seconds, say=self.said.append
        )
        self._thread = threading.Thread(target=self._follow)

    def _follow(self) -> None:
        with self._watch as watch:
            pipeline.replay_to_store(watch, self.kept, ledger=self.ledger, clock=CLOCK)

    def __enter__(self) -> Following:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._watch.stop()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        balanced(self.ledger)

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, sorted(self.kept.numbers.items())
            time.sleep(0.01)

    def wait_for_numbers(self, *numbers: int) -> None:
        """Wait until these numbers have arrived, and hold that each has arrived once and no other."""
        self.wait_for(lambda: len(self.kept.numbers) >= len(numbers))
        assert self.kept.numbers == Counter(map(float, numbers))


# --- One thing at a time ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("poll_seconds", [None, 0.05], ids=["events", "polling"])
def test_what_is_written_arrives_without_waiting_for_a_look(tmp_path: Path, poll_seconds: float | None) -> None:
    """File events, or looking in their place."""
    log = tmp_path / "app.log"
    log.write_bytes(line(0))
    with Following(Kept(), log, poll_seconds=poll_seconds) as following:
        following.wait_for_numbers(0)
        begun = time.monotonic()
        with log.open("ab") as file:
            file.write(line(1))
        following.wait_for_numbers(0, 1)
        assert time.monotonic() - begun < 3


def test_a_line_that_is_still_being_written_waits_for_its_rest(tmp_path: Path) -> None:
    """However it is cut, inside the first line and inside a later one."""
    log = tmp_path / "app.log"
    with Following(Kept(), log) as following, log.open("ab", buffering=0) as file:
        for number in range(3):
            whole = line(number)
            for start in range(0, len(whole), 60):
                file.write(whole[start : start + 60])
                time.sleep(0.02)
            following.wait_for_numbers(*range(number + 1))
    assert following.ledger.incomplete_records == 0


def test_a_file_that_is_renamed_is_read_to_its_end_and_its_successor_too(tmp_path: Path) -> None:
    """Its writer goes on for a moment; the new file is not waited for."""
    log = tmp_path / "app.log"
    with Following(Kept(), log) as following, log.open("ab", buffering=0) as old:
        old.write(line(0))
        following.wait_for_numbers(0)
        log.rename(tmp_path / "app.log.1")
        log.write_bytes(line(1))
        following.wait_for_numbers(0, 1)
        old.write(line(2))
        following.wait_for_numbers(0, 1, 2)


def test_a_file_that_is_copied_and_cut_off_is_read_once(tmp_path: Path) -> None:
    """What was not read before the cut is read from the copy; the copy is known by its beginning and digest."""
    log = tmp_path / "app.log"
    log.write_bytes(line(0) + line(1))
    with Following(Kept(), tmp_path / "app.log*") as following:
        following.wait_for_numbers(0, 1)
        for number in range(2, 40, 2):
            with log.open("ab") as file:
                file.write(line(number))
            shutil.copy(log, tmp_path / f"app.log.{number}")
            os.truncate(log, 0)
            with log.open("ab") as file:
                file.write(line(number + 1))
        following.wait_for_numbers(*range(40))


def test_a_copy_of_a_log_that_is_still_written_is_not_read(tmp_path: Path) -> None:
    """While the original is there, nothing can be missing from it."""
    log = tmp_path / "app.log"
    log.write_bytes(line(0) + line(1))
    with Following(Kept(), tmp_path / "app.log*") as following:
        following.wait_for_numbers(0, 1)
        shutil.copy(log, tmp_path / "app.log.bak")
        for number in range(2, 6):
            with log.open("ab") as file:
                file.write(line(number))
            time.sleep(0.1)
        following.wait_for_numbers(*range(6))


def test_what_was_written_between_copy_and_cut_is_read_and_the_copy_is_not(tmp_path: Path) -> None:
    """The copy is shorter than what was read of the original."""
    log = tmp_path / "app.log"
    log.write_bytes(line(0) + line(1))
    with Following(Kept(), tmp_path / "app.log*") as following:
        following.wait_for_numbers(0, 1)
        shutil.copy(log, tmp_path / "app.log.1")
        with log.open("ab") as file:
            file.write(line(2))
        following.wait_for_numbers(0, 1, 2)
        os.truncate(log, 0)
        with log.open("ab") as file:
            file.write(line(3))
        following.wait_for_numbers(0, 1, 2, 3)
        time.sleep(0.3)
        following.wait_for_numbers(0, 1, 2, 3)


def test_a_copy_waits_until_the_reader_of_a_log_that_is_written_again_has_noticed_the_cut(tmp_path: Path) -> None:
    """Copy, cut and new lines fall between two looks: the copy is like no file, and nothing is remembered of it yet."""
    log = tmp_path / "app.log"
    log.write_bytes(line(0) + line(1))
    with Watch([f"{log}*"], flush_seconds=60) as watch:
        [original] = wait_for_arrivals(watch)
        pieces = original.pieces()
        assert next(pieces) == line(0) + line(1)
        shutil.copy(log, tmp_path / "app.log.1")
        os.truncate(log, 0)
        with log.open("ab") as file:
            file.write(line(2) + line(3) + line(4))
        with pytest.raises(AssertionError):
            wait_for_arrivals(watch, seconds=0.3)
        assert list(pieces) == []
        watch.leave(original)
        assert [Path(source.name).name for source in wait_for_arrivals(watch)] == ["app.log.1", "app.log"]


@pytest.mark.parametrize("was_looked_into", [False, True])
def test_a_log_that_is_cut_off_before_it_is_read_is_not_taken_for_what_it_began_with(
    tmp_path: Path, was_looked_into: bool
) -> None:
    """Else what it holds now would be marked as if it were the copy, and the copy as if it had been read."""
    log = tmp_path / "app.log"
    log.write_bytes(line(0) + line(1))
    with Watch([f"{log}*"], flush_seconds=60) as watch:
        [before] = wait_for_arrivals(watch)
        if was_looked_into:  # and now from the beginning again, as it is done for each name it may be known by
            next(before.pieces())
        shutil.copy(log, tmp_path / "app.log.1")
        os.truncate(log, 0)
        with log.open("ab") as file:
            file.write(line(2) + line(3) + line(4))
        assert list(before.pieces()) == []
        watch.leave(before)
        copy, now = wait_for_arrivals(watch)
        assert (Path(copy.name).name, next(copy.pieces())) == ("app.log.1", line(0) + line(1))
        assert (Path(now.name).name, next(now.pieces())) == ("app.log", line(2) + line(3) + line(4))


def test_a_log_that_is_cut_off_before_it_is_read_sets_no_mark_back(tmp_path: Path) -> None:
    """What was read of it lies in the copy now, which is known by that mark."""
    log = tmp_path / "app.log"
    log.write_bytes(line(0) + line(1))
    with Watch([str(log)], flush_seconds=60) as watch:
        [file] = wait_for_arrivals(watch)
        log.write_bytes(line(2))
        steps = list(SourceReader(file, ledger=Ledger(), clock=CLOCK, marks=Kept()).steps())
    assert [(step.marks, step.findings) for step in steps if step.marks or step.findings] == []


def wait_for_arrivals(watch: Watch, seconds: float = PATIENCE_SECONDS) -> list[FollowedSource]:
    """Wait until a watch gives sources."""
    deadline = time.monotonic() + seconds
    while not (found := watch.arrivals()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_files_that_begin_alike_are_logs_of_their_own(tmp_path: Path) -> None:
    """An application may write the same first line into each of its files."""
    first = b"chat 1.0 starts\n"
    (tmp_path / "app.log.1").write_bytes(first + line(0) + line(1))
    (tmp_path / "app.log").write_bytes(first + line(2))
    with Following(Kept(), tmp_path / "app.log*") as following:
        following.wait_for_numbers(0, 1, 2)
        os.truncate(tmp_path / "app.log", 0)
        with (tmp_path / "app.log").open("ab") as file:
            file.write(first + line(3))
        following.wait_for_numbers(0, 1, 2, 3)


def test_a_cut_off_file_that_has_outgrown_its_old_size_is_noticed(tmp_path: Path) -> None:
    """Between two looks, which size alone does not tell."""
    log = tmp_path / "app.log"
    log.write_bytes(line(0))
    with Following(Kept(), log, poll_seconds=0.3) as following:
        following.wait_for_numbers(0)
        os.truncate(log, 0)
        with log.open("ab") as file:
            file.write(line(1) + line(2) + line(3))
        following.wait_for_numbers(0, 1, 2, 3)


def test_new_files_in_a_directory_and_below_are_followed(tmp_path: Path) -> None:
    """Also in directories that were made meanwhile; hidden ones are left out."""
    with Following(Kept(), tmp_path) as following:
        for number, name in enumerate(("a.log", "b/c.log", "b/d/e.log", ".hidden")):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(line(number))
        following.wait_for_numbers(0, 1, 2)


def test_a_deleted_file_is_read_to_its_end_and_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that its place on the disk becomes free; one of the same name is another file."""
    monkeypatch.setattr(followed_file, "GRACE_SECONDS", 0.3)
    log = tmp_path / "app.log"
    log.write_bytes(line(0))
    with Following(Kept(), log, poll_seconds=0.05) as following:
        following.wait_for_numbers(0)
        log.unlink()
        following.wait_for(lambda: not any("(deleted)" in target for target in open_files(tmp_path)))
        log.write_bytes(line(1))
        following.wait_for_numbers(0, 1)


def test_the_next_run_goes_on_where_this_one_ended(tmp_path: Path) -> None:
    """Through a rotation in between, and inside a line."""
    log = tmp_path / "app.log"
    kept = Kept()
    log.write_bytes(line(0) + line(1)[:40])
    with Following(kept, tmp_path / "app.log*") as following:
        following.wait_for_numbers(0)
    with log.open("ab") as file:
        file.write(line(1)[40:])
    log.rename(tmp_path / "app.log.1")
    log.write_bytes(line(2))
    with Following(kept, tmp_path / "app.log*") as following:
        following.wait_for_numbers(0, 1, 2)


def test_compressed_files_are_left_alone_and_said_once(tmp_path: Path) -> None:
    """They hold what was read before it was compressed."""
    (tmp_path / "app.log.2.gz").write_bytes(b"\x1f\x8b\x08" + b"\0" * 2000)
    with Following(Kept(), tmp_path) as following:
        (tmp_path / "app.log").write_bytes(line(0))
        following.wait_for_numbers(0)
        time.sleep(0.3)
    assert [text.partition(": ")[2] for text in following.said] == [
        "compressed files are not followed; replay it without --follow"
    ]


def test_what_is_not_there_yet_is_waited_for_and_said_once(
    open_directory: Path, as_nobody: Callable[[], contextlib.AbstractContextManager[None]]
) -> None:
    """A file, a pattern, and one that may not be read until somebody allows it."""
    secret = open_directory / "secret.log"
    secret.write_bytes(line(0))
    secret.chmod(0)
    with as_nobody(), Following(Kept(), open_directory, open_directory / "no.log", poll_seconds=0.05) as following:
        following.wait_for(lambda: len(following.said) == 2)
        time.sleep(0.3)
        assert sorted(following.said) == [
            f"{open_directory / 'no.log'}: there is no such file or directory; check the path; waiting for it",
            f"{secret}: cannot be read (Permission denied); waiting until it can",
        ]


def test_what_cannot_be_followed_is_refused() -> None:
    """A bucket does not tell when an object comes."""
    with pytest.raises(ConfigurationError, match="s3://a/b: only files and standard input"):
        Watch(["s3://a/b"])


# --- Everything at once -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["rename", "copytruncate", "both"])
def test_ten_thousand_lines_arrive_once_each_through_every_rotation(tmp_path: Path, how: str) -> None:
    """A writer process with writes of random sizes, a dozen rotations, none of them announced."""
    lines = tmp_path / "all"
    lines.write_bytes(b"".join(map(line, range(10_000))))
    logs = tmp_path / "logs"
    logs.mkdir()
    seed = random.randrange(10**6)
    command = [sys.executable, "-c", WRITER, str(logs / "app.log"), str(lines), str(seed), how]
    with Following(Kept(), logs / "app.log*") as following:
        finished = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS, check=True)
        assert int(finished.stdout) >= 10
        following.wait_for(lambda: len(following.kept.numbers) >= 10_000)
        time.sleep(0.5)
    wrong = {number: count for number, count in following.kept.numbers.items() if count != 1}
    assert (len(following.kept.numbers), wrong) == (10_000, {}), f"seed {seed}"
    assert following.ledger.rejected_records == 0
