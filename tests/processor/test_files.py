"""Paths become sources: real files, directories, pipes and what stands in their way."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from flowemf_processor.clock import SystemClock
from flowemf_processor.core.decode import LineDecoder
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.pipeline import check
from flowemf_processor.sources.files import FileSource
from flowemf_processor.sources.opening import open_sources

AsNobody = Callable[[], contextlib.AbstractContextManager[None]]


def names(directory: Path, *paths: str) -> list[str]:
    """Open paths below a directory and give the names of the sources, relative to it."""
    sources = open_sources([str(directory / path) for path in paths])
    return [str(Path(source.name).relative_to(directory)) for source in sources]


def test_a_directory_is_read_file_by_file_in_the_order_of_names(tmp_path: Path) -> None:
    """All files below it; hidden files and directories are left out."""
    for name in ("b.log", "a.log", "c/z.log", "c/a.log", ".hidden", ".git/config", "c/.hidden/x.log", "c.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert names(tmp_path, ".") == ["a.log", "b.log", "c/a.log", "c/z.log", "c.log"]


def test_a_hidden_file_that_is_named_is_read(tmp_path: Path) -> None:
    """Who names it means it."""
    (tmp_path / ".app.log").write_bytes(b"")
    assert names(tmp_path, ".app.log") == [".app.log"]


def test_a_file_of_several_names_is_read_once(tmp_path: Path) -> None:
    """Named twice, through a directory, by a symbolic or a hard link: its lines count once."""
    (tmp_path / "a.log").write_bytes(b"x")
    (tmp_path / "hard.log").hardlink_to(tmp_path / "a.log")
    (tmp_path / "soft.log").symlink_to(tmp_path / "a.log")
    assert names(tmp_path, "a.log", ".", "soft.log", "a.log") == ["a.log"]


def test_pipes_and_sockets_in_a_directory_are_left_out(tmp_path: Path) -> None:
    """Opening them could wait forever."""
    (tmp_path / "a.log").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert names(tmp_path, ".") == ["a.log"]


def test_a_named_pipe_that_is_named_is_read(tmp_path: Path) -> None:
    """Such as the one of a process substitution."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(b"x" * 100_000))
    writer.start()
    [source] = open_sources([str(tmp_path / "pipe")])
    assert source.size_bytes is None
    assert b"".join(source.pieces()) == b"x" * 100_000
    writer.join()


@pytest.mark.parametrize("path", ["nowhere.log", "a.log/below", "x" * 300])
def test_a_path_that_leads_nowhere_is_refused_before_anything_is_read(tmp_path: Path, path: str) -> None:
    """The message names the path."""
    (tmp_path / "a.log").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="check the path"):
        open_sources([str(tmp_path / path)])


def test_standard_input_is_read_once() -> None:
    """Twice makes no sense."""
    assert [source.name for source in open_sources(["-"])] == ["-"]
    with pytest.raises(ConfigurationError, match="only once"):
        open_sources(["-", "-"])


def test_standard_input_is_known_again_by_the_name_it_is_given() -> None:
    """Without one it has no identity, since nothing about a pipe can be known again."""
    [nameless], [named] = open_sources(["-"]), open_sources(["-"], source_id="chat")
    assert (list(nameless.identities), list(named.identities)) == ([], ["stdin:chat"])
    assert not named.rewindable


def test_a_pipe_is_read_as_it_comes() -> None:
    """Standard input is a real pipe here; every byte arrives."""
    script = (
        "import sys; from flowemf_processor.sources.opening import open_sources\n"
        "sys.stdout.buffer.writelines(open_sources(['-'])[0].pieces())"
    )
    content = os.urandom(3_000_000)
    finished = subprocess.run(
        [sys.executable, "-c", script], input=content, capture_output=True, timeout=60, check=True
    )
    assert finished.stdout == content


def test_a_closed_standard_input_says_so() -> None:
    """A real process that was started without one; another file that it opens is not taken for it."""
    script = (
        "from flowemf_processor.sources.opening import open_sources; file = open('/etc/passwd')\n"
        "try: print(list(open_sources(['-'])[0].pieces()))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    command = 'exec "$0" -c "$1" <&-'
    finished = subprocess.run(
        ["sh", "-c", command, sys.executable, script], capture_output=True, timeout=60, check=True
    )
    assert finished.stdout == b"TryAgainLaterError it is closed\n"


def test_a_piece_is_small_enough_to_be_held_as_lines(tmp_path: Path) -> None:
    """A piece of nothing but line endings is as many lines as bytes."""
    (tmp_path / "a.log").write_bytes(b"\n" * 200_000)
    [source] = open_sources([str(tmp_path)])
    assert max(len(LineDecoder("a.log").feed(piece)) for piece in source.pieces()) <= 65_536


# --- What cannot be read ----------------------------------------------------------------------------------------------


def test_a_dangling_link_in_a_directory_is_a_source_that_says_why_it_cannot_be_read(tmp_path: Path) -> None:
    """It is not passed over in silence, and a loop of links neither."""
    (tmp_path / "a.log").write_bytes(b"x")
    (tmp_path / "dangling.log").symlink_to(tmp_path / "gone.log")
    (tmp_path / "loop.log").symlink_to(tmp_path / "loop.log")
    sources = open_sources([str(tmp_path)])
    assert [Path(source.name).name for source in sources] == ["a.log", "dangling.log", "loop.log"]
    for source, why in zip(
        sources[1:], ("No such file or directory", "Too many levels of symbolic links"), strict=True
    ):
        assert source.size_bytes is None
        with pytest.raises(TryAgainLaterError, match=why):
            list(source.pieces())


def test_a_file_that_vanishes_after_it_was_listed_says_so(tmp_path: Path) -> None:
    """Log rotation does that."""
    (tmp_path / "a.log").write_bytes(b"x")
    [source] = open_sources([str(tmp_path)])
    (tmp_path / "a.log").unlink()
    with pytest.raises(TryAgainLaterError, match="No such file"):
        list(source.pieces())


def test_what_may_not_be_read_below_a_directory_is_a_source_that_says_so(
    open_directory: Path, as_nobody: AsNobody
) -> None:
    """A file without permission, and a whole directory that cannot be listed."""
    for name in ("open.log", "secret.log", "secrets/x.log"):
        (open_directory / name).parent.mkdir(exist_ok=True)
        (open_directory / name).write_bytes(b"x")
    (open_directory / "secret.log").chmod(0)
    (open_directory / "secrets").chmod(0)
    with as_nobody():
        sources = open_sources([str(open_directory)])
        assert [Path(source.name).name for source in sources] == ["open.log", "secret.log", "secrets"]
        for source in sources[1:]:
            with pytest.raises(TryAgainLaterError, match="Permission denied"):
                list(source.pieces())
    (open_directory / "secrets").chmod(0o755)


def test_a_file_that_may_not_be_read_is_refused_before_anything_is_read(
    open_directory: Path, as_nobody: AsNobody
) -> None:
    """Named itself, it is a mistake to mend; it has no size and no compression that anybody could see."""
    secret = open_directory / "secret.log"
    secret.write_bytes(b"\x1f\x8b\x08")
    secret.chmod(0)
    with as_nobody():
        with pytest.raises(ConfigurationError, match="it may not be read; check its permissions"):
            open_sources([str(secret)])
        source = FileSource(secret)
        assert (source.is_compressed, source.is_divisible()) == (False, True)
        with pytest.raises(TryAgainLaterError, match="Permission denied"):
            list(source.stretch(0, 3))
    assert source.is_compressed


def test_what_is_not_there_any_more_is_not_compressed_and_has_no_size(tmp_path: Path) -> None:
    """Whoever reads it says what is wrong."""
    (tmp_path / "a.log").write_bytes(b"\x1f\x8b\x08")
    source = FileSource(tmp_path / "a.log")
    assert (source.is_compressed, source.size_bytes, source.stored_bytes) == (True, None, 3)
    (tmp_path / "a.log").unlink()
    assert (source.is_compressed, source.size_bytes, source.stored_bytes) == (False, None, None)


@pytest.mark.parametrize("source", ["StandardInput()", "FollowedInput()"])
def test_a_standard_input_that_cannot_be_read_says_why(tmp_path: Path, source: str) -> None:
    """Opened for writing by the shell, as `1>` in place of `<` does it."""
    script = (
        "from flowemf_processor.sources.standard_input import FollowedInput, StandardInput\n"
        f"try: print(list({source}.pieces()))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    with (tmp_path / "a.log").open("wb") as written:
        finished = subprocess.run(
            [sys.executable, "-c", script], stdin=written, capture_output=True, timeout=60, check=True
        )
    assert finished.stdout == b"TryAgainLaterError Bad file descriptor\n"


def test_what_is_piped_to_several_destinations_needs_room_and_says_where() -> None:
    """A limit on the size of files stands in for a full disk."""
    script = (
        "import resource; from flowemf_processor.sources.standard_input import Spool, SpooledInput\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: print(list(SpooledInput(Spool(), None, max_expansion=1).pieces()))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script], input=b"x" * 200_000, capture_output=True, timeout=60, check=True
    )
    assert finished.stdout.startswith(b"TryAgainLaterError there is no room for what several destinations are to read")
    assert finished.stdout.endswith(b"set TMPDIR\n")


# --- Identities -------------------------------------------------------------------------------------------------------


def test_a_file_is_known_by_its_place_on_the_disk_and_by_its_path(tmp_path: Path) -> None:
    """The first survives a renaming, the second a copy; how the path was written does not matter."""
    path = tmp_path / "a.log"
    path.write_bytes(b"x")
    (tmp_path / "below").mkdir()
    inode, by_path = FileSource(path).identities
    assert by_path == f"path:{path}"
    assert FileSource(tmp_path / "below" / ".." / "a.log").identities == (inode, by_path)
    path.rename(tmp_path / "b.log")
    assert FileSource(tmp_path / "b.log").identities == (inode, f"path:{tmp_path / 'b.log'}")


def test_the_identity_is_that_of_the_file_that_is_being_read(tmp_path: Path) -> None:
    """Another file may take its name while it is read: marks must not be kept under the other's identity."""
    path = tmp_path / "a.log"
    path.write_bytes(b"old")
    source = FileSource(path)
    expected = source.identities
    pieces = source.pieces()
    path.rename(tmp_path / "a.log.1")
    path.write_bytes(b"new")
    assert source.identities == expected
    assert b"".join(pieces) == b"old"


def test_a_file_name_that_is_no_text_has_identities_that_are(tmp_path: Path) -> None:
    """A name on the disk is any bytes; checkpoints keep text."""
    name = os.fsdecode(bytes(tmp_path) + b"/caf\xe9.log")
    Path(name).write_bytes(b"x")
    [source] = open_sources([str(tmp_path)])
    for identity in source.identities:
        assert identity.encode().decode() == identity
    assert source.identities[1].endswith("/caf\\xe9.log")
    assert b"".join(source.pieces()) == b"x"


def test_a_directory_without_a_file_is_told_like_an_empty_file(tmp_path: Path) -> None:
    """Whoever names it expects a log there; the files named beside it are read all the same."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "app.log").write_text("ordinary\n")
    sources = open_sources([str(tmp_path / "logs"), str(tmp_path / "app.log")])
    found = check(sources, ledger=Ledger(), clock=SystemClock())
    assert [(place.source, finding.reason) for place, finding in found] == [(str(tmp_path / "logs"), "source-empty")]
