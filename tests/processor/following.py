"""What the tests of following share: lines that no other equals, and a look at what a process has open."""

from __future__ import annotations

import contextlib
from pathlib import Path

from metric_lines import NOW_MS, document
from replaying import text_of

PATIENCE_SECONDS = 60

# Arguments: the log, a file with what to write, a seed, and how to rotate: rename, copytruncate or both.
WRITER = """
import os, random, shutil, sys, time
log, lines, seed, how = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
dice = random.Random(seed)
text = open(lines, "rb").read()
file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
written = rotations = 0
next_rotation = len(text) // 12
while written < len(text):
    size = dice.choice((1, 7, 100, 1000, 20_000))
    written += os.write(file, text[written:written + size])
    if dice.random() < 0.02:
        time.sleep(0.01)
    if next_rotation < written < len(text):
        while text[written - 1:written] != b"\\n":  # an application rotates between lines
            written += os.write(file, text[written:text.index(b"\\n", written) + 1])
        next_rotation += len(text) // 12
        rotations += 1
        if how == "rename" or (how == "both" and rotations % 2):
            os.rename(log, f"{log}.{rotations}")
            os.close(file)
            file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        else:
            shutil.copy(log, f"{log}.{rotations}")
            os.ftruncate(file, 0)
print(rotations)
"""


def line(number: int) -> bytes:
    """Write a metric line that no other equals."""
    return text_of([document({"Latency": number}, timestamp_ms=NOW_MS + number)])


def open_files(directory: Path, process: str = "self") -> list[str]:
    """List the files below a directory that a process has open."""
    targets = []
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):
            targets.append(str(descriptor.readlink()))
    return [target for target in targets if target.startswith(str(directory))]
