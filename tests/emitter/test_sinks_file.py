"""A file as a sink: rotated, removed, truncated, torn, or taken away from the process."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowemf import ConfigurationError, Monitor, flush
from flowemf._output import target as _file

Numbers = Callable[[Path], list[int]]


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look after the name with every line; otherwise once a second."""
    monkeypatch.setattr(_file, "_LOOK_EVERY_SECONDS", 0.0)


@pytest.fixture(params=["sync", "background"])
def emit(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], None]:
    """Emit numbers into tmp_path/log, with both deliveries."""
    monitor = Monitor("App/Test", sink=tmp_path / "log", delivery=request.param)

    def number(value: int) -> None:
        monitor.metric("Number", value)
        assert flush(10)

    number.stats = monitor.stats  # type: ignore[attr-defined]
    return number


@pytest.fixture
def numbers(documents_of: Any) -> Numbers:
    return lambda path: [document["Number"] for document in documents_of(path.read_bytes())]


def test_a_renamed_file_is_made_anew(emit: Any, numbers: Numbers, tmp_path: Path) -> None:
    """As logrotate does by default: what came before stays in the old file."""
    emit(0)
    (tmp_path / "log").rename(tmp_path / "log.1")
    emit(1)
    emit(2)
    assert numbers(tmp_path / "log.1") == [0]
    assert numbers(tmp_path / "log") == [1, 2]
    assert emit.stats() == {"lines_written": 3}


def test_a_file_that_was_put_in_its_place_is_appended_to(emit: Any, numbers: Numbers, tmp_path: Path) -> None:
    """As logrotate does with `create`; owner and mode of the new file are its maker's."""
    emit(0)
    (tmp_path / "log").rename(tmp_path / "log.1")
    (tmp_path / "log").touch(mode=0o600)
    emit(1)
    assert numbers(tmp_path / "log") == [1]
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


def test_a_copied_and_truncated_file_is_written_from_its_beginning(emit: Any, numbers: Numbers, tmp_path: Path) -> None:
    """As logrotate does with `copytruncate`: no hole of zeros is left."""
    emit(0)
    shutil.copy(tmp_path / "log", tmp_path / "log.1")
    os.truncate(tmp_path / "log", 0)
    emit(1)
    assert numbers(tmp_path / "log.1") == [0]
    assert numbers(tmp_path / "log") == [1]


def test_a_removed_file_is_made_again(emit: Any, numbers: Numbers, tmp_path: Path) -> None:
    """A file without a name would take lines that nobody ever reads."""
    emit(0)
    (tmp_path / "log").unlink()
    emit(1)
    assert numbers(tmp_path / "log") == [1]


def test_lines_are_counted_as_lost_as_long_as_there_is_no_directory(
    emit: Any, tmp_path: Path, numbers: Numbers
) -> None:
    """And written again as soon as there is one."""
    emit(0)
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    tmp_path.rename(moved)
    emit(1)
    emit(2)
    assert emit.stats() == {"lines_written": 1, "output_failed": 2}
    moved.rename(tmp_path)
    (tmp_path / "log").unlink()
    emit(3)
    assert numbers(tmp_path / "log") == [3]
    assert emit.stats() == {"lines_written": 2, "output_failed": 2}


def test_a_symbolic_link_is_followed_to_where_it_points_now(tmp_path: Path, documents_of: Any) -> None:
    """Some rotate by pointing `current` at another file."""
    first, second, link = tmp_path / "first", tmp_path / "second", tmp_path / "current"
    link.symlink_to(first)
    monitor = Monitor("App/Test", sink=link)
    monitor.metric("Number", 0)
    link.unlink()
    link.symlink_to(second)
    monitor.metric("Number", 1)
    assert [document["Number"] for document in documents_of(first.read_bytes())] == [0]
    assert [document["Number"] for document in documents_of(second.read_bytes())] == [1]


def test_a_relative_path_means_the_directory_of_configure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, documents_of: Any
) -> None:
    """A program that changes its directory does not begin another file at the next rotation."""
    monkeypatch.chdir(tmp_path)
    monitor = Monitor("App/Test", sink="relative.log")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "relative.log").unlink()
    monitor.metric("Number", 1)
    assert len(documents_of((tmp_path / "relative.log").read_bytes())) == 1


def test_a_descriptor_that_now_belongs_to_somebody_else_is_not_written_to(
    run_python: Any, tmp_path: Path, documents_of: Any
) -> None:
    """A program that makes itself a daemon closes every descriptor, and the numbers are given out again."""
    program = f"""
import os, flowemf
from flowemf._output import target as _file
_file._LOOK_EVERY_SECONDS = 0.0
flowemf.configure("App/Test", sink={str(tmp_path / "log")!r})
flowemf.metric("Number", 0)
os.closerange(3, 100)
others = [os.open({str(tmp_path / "other")!r}, os.O_WRONLY | os.O_CREAT) for _ in range(10)]
flowemf.metric("Number", 1)
"""
    assert run_python(program).returncode == 0
    assert len(documents_of((tmp_path / "log").read_bytes())) == 2
    assert (tmp_path / "other").read_bytes() == b""


def test_half_a_line_left_by_a_killed_process_is_not_continued(tmp_path: Path, judge: Any) -> None:
    """The first line of the next process stands on its own."""
    (tmp_path / "log").write_bytes(b'{"_aws":{"Time')
    monitor = Monitor("App/Test", sink=tmp_path / "log")
    monitor.metric("Number", 1)
    torn, whole = (tmp_path / "log").read_bytes().splitlines(keepends=True)
    assert torn == b'{"_aws":{"Time\n'
    assert judge(whole)["Number"] == 1


def test_a_named_pipe_that_nobody_reads_is_refused_at_once(tmp_path: Path) -> None:
    """Opening it the usual way would wait for a reader, perhaps for ever."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ConfigurationError, match="sink"):
        Monitor("App/Test", sink=tmp_path / "fifo")


def test_a_named_pipe_that_is_read_gets_whole_lines(tmp_path: Path, documents_of: Any) -> None:
    """Some log collectors read from one."""
    os.mkfifo(tmp_path / "fifo")
    reading = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    monitor = Monitor("App/Test", sink=tmp_path / "fifo")
    monitor.metric("Number", 1)
    monitor.metric("Number", 2)
    assert len(documents_of(os.read(reading, 65_536))) == 2
    os.close(reading)
    monitor.metric("Number", 3)
    assert monitor.stats() == {"lines_written": 2, "output_failed": 1}


def test_the_name_is_looked_up_once_a_second_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system call for each line would cost as much as writing it."""
    monkeypatch.setattr(_file, "_LOOK_EVERY_SECONDS", 60.0)
    monitor = Monitor("App/Test", sink=tmp_path / "log")
    monitor.metric("Number", 0)
    (tmp_path / "log").rename(tmp_path / "log.1")
    monitor.metric("Number", 1)
    assert not (tmp_path / "log").exists()
    assert len((tmp_path / "log.1").read_bytes().splitlines()) == 2
