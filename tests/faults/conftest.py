"""What the fault tests share: programs that emit in a process of their own, and a reader who can be trusted.

A program and a fault go in; what the reader got, what the program had done by then, and what it says of itself come
out. The variable FAULT_ROUNDS repeats what is random more often than the usual few times.
"""

from __future__ import annotations

import array
import contextlib
import json
import mmap
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudwatch_server import CloudWatchServer
from commands import Runs, start_forks
from fault_figures import as_table, figures_of

from flowemf_schemas import names, rules, validator

ROOT = Path(__file__).parent.parent.parent
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))
SLOTS = 128
Document = dict[str, Any]

# Each thread of a program has a slot for the number of its calls that have returned. The slots lie in a shared file
# mapping, so that they outlive the program however it dies.
PRELUDE = f"""
import array, asyncio, atexit, mmap, os, random, signal, sys, threading, time
import flowemf
_map = mmap.mmap(os.open(os.environ["SLOTS"], os.O_RDWR), 8 * {SLOTS})
done = memoryview(_map).cast("q")
def emit(slot, number):
    flowemf.metric("Number", number, dimensions={{"Slot": str(slot)}})
    done[slot] = number + 1
def emit_for_ever(slot, pause=False):
    number = 0
    while True:
        emit(slot, number)
        number += 1
        if pause and number % 20 == 0: time.sleep(0.001)
def say(text):
    sys.stderr.write(f"{{text}}\\n")
    sys.stderr.flush()
def in_threads(work, count):
    threads = [threading.Thread(target=work, args=(slot,)) for slot in range(count)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
flowemf.configure("App/Faults", **eval(os.environ["SETTINGS"]))
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat a test that is about random moments; the seed is in its name."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(ROUNDS))


@pytest.fixture
def moment(seed: int) -> Callable[[float, float], None]:
    """Let a random time pass."""
    chance = random.Random(seed)
    return lambda shortest, longest: time.sleep(chance.uniform(shortest, longest))


class Program:
    """A running program, what it has done, and what came out of it."""

    def __init__(self, code: str, slots: Path, settings: dict[str, Any], **options: Any) -> None:
        slots.write_bytes(bytes(8 * SLOTS))
        path = os.pathsep.join(str(ROOT / part) for part in ("emitter", "schemas"))
        variables = {"PYTHONPATH": path, "SLOTS": str(slots), "SETTINGS": repr(settings)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options.pop("pipes", {})}
        environment = {**os.environ, **variables, **options.pop("environment", {})}
        self._slots = slots
        self.process = subprocess.Popen([sys.executable, "-c", PRELUDE + code], env=environment, **pipes, **options)
        self.output = b""
        self.errors = b""
        self._reader = threading.Thread(target=self._read)

    def done(self) -> list[int]:
        """Give the number of returned calls of each slot."""
        with self._slots.open("r+b") as file, mmap.mmap(file.fileno(), 8 * SLOTS) as mapped:
            return array.array("q", mapped[:]).tolist()

    def wait_for(self, count: int, slot: int = 0) -> None:
        """Wait until a slot has done so much."""
        end = time.monotonic() + 30
        while self.done()[slot] < count:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < end, f"slot {slot} is at {self.done()[slot]}"
            time.sleep(0.002)

    def start_reading(self) -> None:
        """Read what comes out from now on."""
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while part := os.read(self.process.stdout.fileno(), 65_536):
            self.output += part

    def finish(self) -> int:
        """Read to the end, and give the exit code."""
        if self.process.stdout is not None and self._reader.ident is None and not self.process.stdout.closed:
            self.start_reading()
        if self._reader.ident is not None:
            self._reader.join(60)
            assert not self._reader.is_alive()
        if self.process.stderr is not None:
            self.errors = self.process.stderr.read()
        return self.process.wait(60)

    @property
    def said(self) -> Any:
        """What the program's last line on standard error says, read as JSON."""
        return json.loads(self.errors.splitlines()[-1])


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Start programs; those that still run at the end are killed."""
    programs: list[Program] = []

    def start(code: str, *, settings: dict[str, Any] | None = None, **options: Any) -> Program:
        program = Program(code, tmp_path / f"slots{len(programs)}", settings or {}, **options)
        programs.append(program)
        return program

    yield start
    for program in programs:
        program.process.kill()
        program.process.wait()
        for stream in (program.process.stdout, program.process.stderr):
            if stream is not None:
                stream.close()


class Lines:
    """What a reader got: every line is whole and is JSON, and each report of dropped lines is valid.

    Attributes:
        numbers: for each slot, the numbers that arrived, in their order.
        dropped: what each report of dropped lines says.
    """

    def __init__(self, output: bytes) -> None:
        assert output == b"" or output.endswith(b"\n"), output[-300:]
        self.documents: list[Document] = [json.loads(line) for line in output.splitlines()]
        self.numbers: dict[int, list[int]] = {}
        self.dropped: list[int] = []
        for document in self.documents:
            if document[names.EVENT] == names.EVENT_DROPPED:
                self.dropped.append(_judged(document)[names.LINES_DROPPED])
            else:
                number = document["Number"]  # several in a merged line
                self.numbers.setdefault(int(document["Slot"]), []).extend(
                    number if isinstance(number, list) else [number]
                )
        if self.documents:
            _judged(self.documents[0])

    def complete(self, slot: int) -> int:
        """Count the lines of a slot, of which none is missing in between, twice there, or out of its order."""
        arrived = self.numbers.get(slot, [])
        assert arrived == list(range(len(arrived)))
        return len(arrived)


def _judged(document: Document) -> Document:
    assert [error.message for error in validator("emf-written").iter_errors(document)] == []
    assert rules.examine(document) == []
    return document


@pytest.fixture
def lines_of() -> Callable[[bytes], Lines]:
    return Lines


class Agent:
    """Something on this machine that takes lines over TCP, and can go away and come back.

    Attributes:
        connections: what came over each connection, in the order in which they were made.
    """

    def __init__(self) -> None:
        self.connections: list[bytes] = []
        self._open: list[socket.socket] = []
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._listening: socket.socket | None = None

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, and read whatever comes."""
        self._listening = socket.create_server(("127.0.0.1", self.port), reuse_port=True)
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening, and close every connection."""
        if self._listening is not None:
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        while self._open:
            with contextlib.suppress(OSError):  # the other side was faster
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self._open.append(connection)
            self.connections.append(b"")
            threading.Thread(target=self._receive, args=(connection, len(self.connections) - 1), daemon=True).start()

    def _receive(self, connection: socket.socket, index: int) -> None:
        with connection:
            while part := connection.recv(65_536):
                self.connections[index] += part

    @property
    def lines(self) -> list[bytes]:
        """Every whole line, connection by connection."""
        return [line for part in self.connections for line in part.splitlines(keepends=True) if line.endswith(b"\n")]

    def wait_for_lines(self, count: int) -> None:
        end = time.monotonic() + 20
        while len(self.lines) < count:
            assert time.monotonic() < end, f"{len(self.lines)} lines so far"
            time.sleep(0.01)


@pytest.fixture
def agent() -> Iterator[Agent]:
    """Give an agent that is there already."""
    running = Agent()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def absent_agent() -> Iterator[Agent]:
    """Give an agent that has an address, and is not there yet."""
    running = Agent()
    yield running
    running.stop()


# --- Delivery: the command, and a CloudWatch that can be made to fail -------------------------------------------------


@pytest.fixture(scope="session")
def forks() -> Iterator[subprocess.Popen[str]]:
    """Start the process that forks runs of the command."""
    with start_forks() as started:
        yield started
        started.communicate(timeout=30)


@pytest.fixture
def runs(forks: subprocess.Popen[str], tmp_path: Path) -> Iterator[Runs]:
    """Give runs of the command; one that a failed test has left is ended."""
    started = Runs(forks, tmp_path)
    yield started
    if started.is_running:
        started.send(signal.SIGKILL)
        started.end()


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Record what became of one fault; where FAULT_ROUNDS is set, the table of all of them is printed in the end."""
    return lambda fault, *found, **more: record_property(fault, figures_of(*found, **more))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table that docs/reliability.md shows."""
    reports = terminalreporter.getreports("passed")
    if "FAULT_ROUNDS" in os.environ:
        properties = [pair for report in reports for pair in report.user_properties if isinstance(pair[1], list)]
        for line in as_table(properties):
            terminalreporter.write_line(line)


@pytest.fixture
def cloudwatch() -> Iterator[CloudWatchServer]:
    """Give a CloudWatch; at the end, every request that arrived must have been inside every limit."""
    with CloudWatchServer() as server:
        yield server
