"""Keeps the processes that emit and the places they write to, and measures batches of events in them.

Names of ways, targets and sizes go in; samples a event come out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from emitting.event import EVENTS, comparable, document
from emitting.ways import WAYS
from measuring.child import Child
from measuring.machine import measured_environment, version_of
from measuring.rounds import Sample

NULL, FILE, PIPE = "/dev/null", "file", "pipe"
TARGETS = (NULL, FILE, PIPE)

_WORKER = Path(__file__).with_name("worker.py")
_READER = "import os\nwhile os.read(0, 1 << 16): pass"
_FIRST_BATCH = 256


class Session:
    """The running processes of one benchmark, one for each way; use it as a context manager.

    Attributes:
        unavailable: way -> why it cannot be measured here.
    """

    def __init__(self, ways: Iterable[str], batch_seconds: float) -> None:
        self.unavailable: dict[str, str] = {}
        self._ways = list(ways)
        self._batch_seconds = batch_seconds
        self._children: dict[str, Child] = {}
        self._sizes: dict[tuple[str, str, int], int] = {}
        self._open = ExitStack()

    def __enter__(self) -> Session:
        """Start a reader for the pipe and a process for each way; check that all write the same document."""
        directory = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="flowemf-benchmark-")))
        pipe = self._start_reader()
        self._places: dict[str, str | int] = {NULL: os.devnull, FILE: str(directory / "lines.log"), PIPE: pipe}
        for way in self._ways:
            if version_of(WAYS[way].package) is None:
                self.unavailable[way] = f"{WAYS[way].package} is not installed"
                continue
            environment = measured_environment(unbuffered=WAYS[way].unbuffered)
            child = self._open.enter_context(Child(_WORKER, [way], environment, inherited=[pipe]))
            reply = child.ask(way=way, target=os.devnull, events=1)
            if "unavailable" in reply:
                self.unavailable[way] = reply["unavailable"]
            else:
                self._children[way] = child
        return self

    def __exit__(self, *_: object) -> None:
        """End every process that was started here."""
        self._open.close()

    @property
    def ways(self) -> list[str]:
        """The ways that can be measured."""
        return list(self._children)

    def lines(self, way: str, events: int) -> list[bytes]:
        """Write the first events into the file and return its lines."""
        self._ask(way, FILE, events)
        return Path(str(self._places[FILE])).read_bytes().splitlines()

    def check(self, ways: Iterable[str]) -> None:
        """Check that ways write the same document for the same event, with the same numbers.

        Raises:
            ValueError: one doesn't, so that there is nothing to compare.
        """
        expected = [comparable(json.dumps(document(name, duration_ms, 0)).encode()) for name, duration_ms in EVENTS[:9]]
        for way in ways:
            found = [comparable(line) for line in self.lines(way, len(expected))]
            if found != expected:
                raise ValueError(f"{WAYS[way].label} writes {found[:1]} ... instead of {expected[:1]} ...")

    def sample(self, way: str, target: str, threads: int = 1) -> Sample:
        """Measure one batch of events and give the seconds for one event."""
        events = self._batch_size(way, target, threads)
        reply = self._ask(way, target, events, threads=threads)
        return Sample(reply["wall_seconds"] / events, reply["cpu_seconds"] / events)

    def watch_memory(self, way: str, events: int) -> dict[str, Any]:
        """Write many events and tell what happened to the memory."""
        return self._ask(way, NULL, events, watch=True)

    def _batch_size(self, way: str, target: str, threads: int) -> int:
        """Choose, the first time, how many events fill the time of a batch."""
        key = (way, target, threads)
        if key not in self._sizes:
            self._ask(way, target, _FIRST_BATCH, threads=threads)
            seconds = self._ask(way, target, _FIRST_BATCH, threads=threads)["wall_seconds"] / _FIRST_BATCH
            self._sizes[key] = max(_FIRST_BATCH, int(self._batch_seconds / seconds) // threads * threads)
        return self._sizes[key]

    def _ask(self, way: str, target: str, events: int, **more: object) -> dict[str, Any]:
        return self._children[way].ask(way=way, target=self._places[target], events=events, **more)

    def _start_reader(self) -> int:
        """Start a process that drains a pipe; return the end to write to."""
        read_end, write_end = os.pipe()
        reader = subprocess.Popen([sys.executable, "-I", "-c", _READER], stdin=read_end)
        os.close(read_end)
        self._open.callback(reader.wait)
        self._open.callback(os.close, write_end)
        return write_end
