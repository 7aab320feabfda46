"""What the tests of following share: lines that no other equals, and a look at what a process has open."""

from __future__ import annotations

import contextlib
from pathlib import Path

from metric_lines import NOW_MS, document
from replaying import text_of

PATIENCE_SECONDS = 60


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
