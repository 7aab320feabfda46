"""The disk is full, and later it is not."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BOTH = pytest.mark.parametrize("delivery", ["sync", "background"])
ROOM_BYTES = 64 * 1024

# Emits until there is no room, waits until there is again, and goes on.
FILL_AND_GO_ON = """
import json, resource
number = 0
while flowemf.stats().get("output_failed", 0) < 20:
    emit(0, number)
    number += 1
    if number % 50 == 0: flowemf.flush(5)
MAKE_ROOM
for _ in range(100):
    emit(0, number)
    number += 1
assert flowemf.flush(5)
say(json.dumps({"emitted": number, **flowemf.stats()}))
"""


def judged(content: bytes, lines_of: Any) -> tuple[list[int], int]:
    """Give the numbers of the whole lines, and count the torn ones, none of which joins with another."""
    lines = content.splitlines(keepends=True)
    whole = [line for line in lines if line.startswith(b"{") and line.endswith(b"}\n")]
    return lines_of(b"".join(whole)).numbers[0], len(lines) - len(whole)


def must_add_up(program: Any, content: bytes, lines_of: Any) -> None:
    numbers, torn = judged(content, lines_of)
    said = program.said
    assert numbers == sorted(set(numbers))
    assert said["lines_written"] == len(numbers)
    assert said["lines_written"] + said["output_failed"] == said["emitted"]
    assert numbers[-100:] == list(range(said["emitted"] - 100, said["emitted"]))
    assert torn <= 1
    assert program.errors.count(b"flowemf:") == 1


@BOTH
def test_a_file_that_may_not_grow_tears_no_other_line(
    launch: Any, lines_of: Any, tmp_path: Path, delivery: str
) -> None:
    """The kernel takes half a line and refuses the rest: what follows stands on its own, and every line is counted."""
    file = tmp_path / "log"
    code = FILL_AND_GO_ON.replace("MAKE_ROOM", "resource.setrlimit(resource.RLIMIT_FSIZE, (HARD, HARD))")
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({ROOM_BYTES}, {hard}))\n"
    program = launch(limit + code.replace("HARD", str(hard)), settings={"delivery": delivery, "sink": str(file)})
    assert program.finish() == 0, program.errors
    must_add_up(program, file.read_bytes(), lines_of)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of a few pages in memory, where this machine lets us."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small disk; the limit on the size of a file was tried instead")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@BOTH
def test_a_full_disk_tears_no_other_line(launch: Any, lines_of: Any, small_disk: Path, delivery: str) -> None:
    """The same on a real file system, which is then freed by truncating the log."""
    file = small_disk / "log"
    kept = small_disk.parent / "kept"
    room = f"open({str(kept)!r}, 'wb').write(open({str(file)!r}, 'rb').read()); os.truncate({str(file)!r}, 0)"
    program = launch(FILL_AND_GO_ON.replace("MAKE_ROOM", room), settings={"delivery": delivery, "sink": str(file)})
    assert program.finish() == 0, program.errors
    must_add_up(program, kept.read_bytes() + file.read_bytes(), lines_of)


@BOTH
def test_a_standard_output_without_room_is_counted_and_said_once(launch: Any, delivery: str) -> None:
    """Every write fails; the program does not."""
    code = """
import json
os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
for number in range(500):
    emit(0, number)
flowemf.flush(5)
say(json.dumps(flowemf.stats()))
"""
    program = launch(code, settings={"delivery": delivery})
    assert program.finish() == 0, program.errors
    assert program.said == {"lines_written": 0, "output_failed": 500}
    assert program.errors.count(b"No space left on device") == 1
