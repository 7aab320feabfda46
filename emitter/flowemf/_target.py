"""Where lines end: a standard stream, a file, a function.

Batches of whole lines go in, one at a time (the sink's lock sees to that); each line is counted as written or as
failed, and nothing is raised.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol, TextIO

    from flowemf._tally import Tally

    Item = tuple[bytes, Tally]

    class Target(Protocol):
        """What a sink writes to."""

        def put(self, batch: Sequence[Item]) -> None:
            """Write whole lines."""
            ...


_FAILED = "output_failed"


class _DescriptorTarget:
    """Writes to a file descriptor; remembers when a failure left half a line there."""

    __slots__ = ("_name", "_torn")

    def __init__(self, name: str) -> None:
        self._name = name
        self._torn = False

    def _put(self, descriptor: int, batch: Sequence[Item]) -> None:
        # Half a line stays half a line: the next one starts on a line of its own.
        prefix = b"\n" if self._torn else b""
        data = prefix + b"".join([line for line, _ in batch])
        written, problem = _write_all(descriptor, data)
        if written:
            self._torn = data[written - 1] != 10
        if problem is None:
            _count_written(batch)
            return
        whole_lines = max(0, data.count(b"\n", 0, written) - len(prefix))
        _count_written(batch[:whole_lines])
        _count_failed(batch[whole_lines:], self._name, problem)


class StandardTarget(_DescriptorTarget):
    """Standard output or standard error, whatever `sys.stdout` or `sys.stderr` is at the moment."""

    __slots__ = ("_descriptor", "_stream")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._stream: TextIO | None = None
        self._descriptor: int | None = None

    def put(self, batch: Sequence[Item]) -> None:
        """Write after the text that the stream may still hold, so that no line starts in the middle of another."""
        try:
            stream = getattr(sys, self._name)
            if stream is not self._stream:
                self._descriptor = _descriptor_of(stream)
                self._stream = stream
            if self._descriptor is None:
                _put_text(stream, batch)
            else:
                _flush(stream, self._descriptor)
                self._put(self._descriptor, batch)
        except Exception as problem:
            _count_failed(batch, self._name, problem)


class FileTarget(_DescriptorTarget):
    """A file that is appended to."""

    __slots__ = ("_descriptor",)

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)

    def put(self, batch: Sequence[Item]) -> None:
        """Append the lines."""
        self._put(self._descriptor, batch)


class FunctionTarget:
    """A function of the user's, called with one line at a time."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[bytes], object]) -> None:
        self._function = function

    def put(self, batch: Sequence[Item]) -> None:
        """Call the function for each line; what it raises stays here."""
        for item in batch:
            self._put_one(item)

    def _put_one(self, item: Item) -> None:
        try:
            self._function(item[0])
        except Exception as problem:
            _count_failed([item], "the sink function", problem)
        else:
            _count_written([item])


def _descriptor_of(stream: TextIO | None) -> int | None:
    """Give the file descriptor behind a stream; None where text is captured by something else."""
    try:
        descriptor = stream.fileno()  # type: ignore[union-attr] # no stream at all has no descriptor either
    except (AttributeError, OSError, ValueError):
        return None
    return descriptor if type(descriptor) is int and descriptor >= 0 else None


def _put_text(stream: TextIO | None, batch: Sequence[Item]) -> None:
    """Write to a stream that has no file descriptor."""
    if stream is None:
        raise OSError("there is no such stream in this process")
    data = b"".join([line for line, _ in batch])
    binary = getattr(stream, "buffer", None)
    if binary is None:
        stream.write(data.decode("ascii"))
    else:
        stream.flush()
        binary.write(data)
        binary.flush()
    _count_written(batch)


def _write_all(descriptor: int, data: bytes) -> tuple[int, OSError | None]:
    """Write to the last byte, as long as it takes; give the bytes written and what stopped it."""
    written = 0
    try:
        while written < len(data):
            written += _write_some(descriptor, data[written:] if written else data)
    except OSError as problem:
        return written, problem
    return written, None


def _write_some(descriptor: int, data: bytes) -> int:
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        _wait_until_writable(descriptor)
        return 0


def _flush(stream: TextIO, descriptor: int) -> None:
    while not _flushed(stream):
        _wait_until_writable(descriptor)


def _flushed(stream: TextIO) -> bool:
    try:
        stream.flush()
    except BlockingIOError:
        return False
    return True


def _wait_until_writable(descriptor: int) -> None:
    """Wait for the reader, as `print` would: the descriptor was made non-blocking by somebody else."""
    import select
    import time

    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        poll.poll()
    else:
        time.sleep(0.005)


def _count_written(batch: Sequence[Item]) -> None:
    for _, tally in batch:
        tally.lines_written += 1


def _count_failed(batch: Sequence[Item], name: str, problem: Exception) -> None:
    for _, tally in batch:
        tally.count(_FAILED, f"a line could not be written to {name}: {type(problem).__name__}: {problem}")
