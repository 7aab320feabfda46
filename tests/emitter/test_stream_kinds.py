"""Standard output that is a file is written to in larger steps than a pipe, and may become a pipe at any time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

PROGRAM = """
import os, sys, flowemf
flowemf.configure("App/Test", delivery="background")
for number in range(400):
    flowemf.metric("Number", number)
assert flowemf.flush()
os.dup2(int(sys.argv[1]), 1)
for number in range(400, 480):
    flowemf.metric("Number", number)
assert flowemf.stats()["lines_written"] >= 400
"""


def test_lines_stay_whole_and_in_order_when_standard_output_becomes_another_file(
    run_python: Any, documents_of: Any, tmp_path: Path
) -> None:
    """What waits is written in steps of 64 KB to a file, and in steps that a pipe takes at once after the change."""
    reading, writing = os.pipe()
    with (tmp_path / "log").open("wb") as file:
        finished = run_python(PROGRAM, arguments=[str(writing)], stdout=file, pass_fds=[writing])
    os.close(writing)
    assert (finished.returncode, finished.stderr) == (0, b"")
    with os.fdopen(reading, "rb") as pipe:
        after = pipe.read()
    before = (tmp_path / "log").read_bytes()
    assert [line["Number"] for line in documents_of(before)] == list(range(400))
    assert [line["Number"] for line in documents_of(after)] == list(range(400, 480))
