"""Paths and patterns become files: what the shell did not expand, and what matches nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowemf_processor.errors import ConfigurationError
from flowemf_processor.sources.opening import open_sources


def names(directory: Path, *paths: str) -> list[str]:
    """Open paths below a directory and give the names of the sources, relative to it."""
    sources = open_sources([str(directory / path) for path in paths])
    return [str(Path(source.name).relative_to(directory)) for source in sources]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Give a directory with logs, some of them hidden."""
    for name in ("b.log", "a.log", "a.log.1.gz", ".hidden.log", "c/d/z.log", "c/a.txt", ".git/x.log", "[odd].log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.log", ["[odd].log", "a.log", "b.log"]),
        ("a.log*", ["a.log", "a.log.1.gz"]),
        ("?.log", ["a.log", "b.log"]),
        ("[ab].log", ["a.log", "b.log"]),
        ("**/*.log", ["[odd].log", "a.log", "b.log", "c/d/z.log"]),
        ("c*", ["c/a.txt", "c/d/z.log"]),
        ("[odd].log", ["[odd].log"]),
        (".h*", [".hidden.log"]),
    ],
)
def test_a_pattern_that_the_shell_left_alone_is_expanded(logs: Path, pattern: str, expected: list[str]) -> None:
    """In the order of names, directories with all that lies below; a file of that very name comes first."""
    assert names(logs, pattern) == expected


def test_patterns_and_paths_that_overlap_give_each_file_once(logs: Path) -> None:
    """In the order in which they are named."""
    assert names(logs, "b.log", "*.log", "**/z.log", "c") == ["b.log", "[odd].log", "a.log", "c/d/z.log", "c/a.txt"]


def test_pipes_that_match_a_pattern_are_left_out(logs: Path) -> None:
    """Opening them could wait forever."""
    os.mkfifo(logs / "pipe.log")
    assert "pipe.log" not in names(logs, "*.log")


@pytest.mark.parametrize("pattern", ["*.txt", "nowhere/**/*.log", "[x"])
def test_a_pattern_that_matches_nothing_is_refused(logs: Path, pattern: str) -> None:
    """It is more likely a slip than a wish; the message repeats it."""
    with pytest.raises(ConfigurationError, match=r"nothing matches|no such file") as raised:
        open_sources([str(logs / pattern)])
    assert pattern in str(raised.value)


def test_a_broken_link_that_matches_is_a_source_that_says_so(logs: Path) -> None:
    """It is not passed over in silence."""
    (logs / "dangling.log").symlink_to(logs / "gone")
    assert "dangling.log" in names(logs, "d*.log")
