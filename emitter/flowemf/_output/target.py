"""Where lines end: what all targets have in common, and the two simplest, a function of the user's and a file.

Batches of whole lines go in, one at a time (the sink sees to that); each line is counted as written or as failed, and
nothing is raised. The lines of a batch are counted together, since they are one monitor's.
"""

from __future__ import annotations

import os
from stat import S_ISREG
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowemf._tally import Tally

_FAILED = "output_failed"

# What is joined into one write stays within what a pipe takes at once, so that it cannot mix with the lines of other
# processes (PIPE_BUF, https://man7.org/linux/man-pages/man7/pipe.7.html).
PIPE_BYTES = 4096
# Appending to a regular file is one step for the kernel, however much it is: writers of other processes cannot mix in.
# After each write a thread in the background waits for the interpreter, up to 5 ms where the program computes: with
# 64 KB a line took 0.33 us there, with 256 KB 0.26, with 1 MB 0.24, and a fourth of the changes of threads are left.
FILE_BYTES = 262_144

_LOOK_EVERY_SECONDS = 1.0
# Without O_NONBLOCK, opening a named pipe that nobody reads would wait for a reader; regular files take no notice.
_HOW = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


class Target:
    """What a sink writes to.

    Attributes:
        joined_bytes: how much of what waits may be put at once.
    """

    __slots__ = ()

    joined_bytes = PIPE_BYTES

    def put(self, lines: Sequence[bytes], tally: Tally) -> None:
        """Write whole lines."""
        raise NotImplementedError

    def put_one(self, line: bytes, tally: Tally) -> None:
        """Write one whole line; the usual case, without what only several need."""
        self.put((line,), tally)

    def await_room(self) -> None:
        """Wait where `put` would wait while it holds a lock that is not ours; a background thread asks for it."""

    def let_go(self) -> None:
        """Close what a forked child must not share with its parent, and the end of the program should not find open."""

    def hurry(self) -> None:
        """End a pause between two attempts: somebody is waiting."""


class DescriptorTarget(Target):
    """Writes to a file descriptor; remembers when a failure left half a line there."""

    __slots__ = ("_name", "_torn")

    def __init__(self, name: str) -> None:
        self._name = name
        self._torn = False

    def _put_one(self, descriptor: int, line: bytes, tally: Tally) -> None:
        if not self._torn:
            try:
                written = os.write(descriptor, line)
            except OSError:
                written = 0  # the longer way tries again, and counts
            if written == len(line):
                tally.lines_written += 1
                return
            if written:
                self._put_rest(descriptor, line, written, tally)
                return
        self._put(descriptor, (line,), tally)

    def _put_rest(self, descriptor: int, line: bytes, written: int, tally: Tally) -> None:
        _, problem = _write_all(descriptor, line[written:])
        if problem is None:
            tally.lines_written += 1
        else:
            self._torn = True
            count_failed(1, tally, self._name, problem)

    def _put(self, descriptor: int, lines: Sequence[bytes], tally: Tally) -> None:
        # Half a line stays half a line: the next one starts on a line of its own.
        prefix = b"\n" if self._torn else b""
        data = prefix + b"".join(lines)
        written, problem = _write_all(descriptor, data)
        if written:
            self._torn = data[written - 1] != 10
        if problem is None:
            tally.lines_written += len(lines)
            return
        whole_lines = lines_within(lines, written - len(prefix))
        tally.lines_written += whole_lines
        count_failed(len(lines) - whole_lines, tally, self._name, problem)


class FunctionTarget(Target):
    """A function of the user's, called with one line at a time."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[bytes], object]) -> None:
        self._function = function

    def put(self, lines: Sequence[bytes], tally: Tally) -> None:
        """Call the function for each line; what it raises stays here."""
        for line in lines:
            self.put_one(line, tally)

    def put_one(self, line: bytes, tally: Tally) -> None:
        """Call the function; what it raises stays here."""
        try:
            self._function(line)
        except Exception as problem:
            count_failed(1, tally, "the sink function", problem)
        else:
            tally.lines_written += 1


def lines_within(lines: Sequence[bytes], size_bytes: int) -> int:
    """Tell how many of these lines lie wholly within the first bytes of all."""
    from itertools import accumulate  # only a failure needs it

    return sum(end <= size_bytes for end in accumulate(map(len, lines)))


def count_failed(lines: int, tally: Tally, name: str, problem: BaseException) -> None:
    """Count lines that the target did not take, and say why the first time."""
    tally.count(_FAILED, f"a line could not be written to {name}: {type(problem).__name__}: {problem}", lines)


def wait_until_writable(descriptor: int) -> None:
    """Wait for the reader, as `print` would: the descriptor was made non-blocking by somebody else."""
    import select
    import time

    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        poll.poll()
    else:
        time.sleep(0.005)


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
        wait_until_writable(descriptor)
        return 0


# --- Files


class FileTarget(DescriptorTarget):
    """A file that is appended to.

    Whoever rotates logs renames the file (and perhaps makes a new one), or copies and truncates it. Appending always
    writes at the end, so truncation needs nothing; whether the name still means the same file is looked up once a
    second.
    """

    __slots__ = ("_descriptor", "_identity", "_look_at_seconds", "joined_bytes")

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._open()

    def put(self, lines: Sequence[bytes], tally: Tally) -> None:
        """Append the lines."""
        try:
            if monotonic() >= self._look_at_seconds:
                self._look()
        except OSError as problem:
            count_failed(len(lines), tally, self._name, problem)
        else:
            self._put(self._descriptor, lines, tally)

    def put_one(self, line: bytes, tally: Tally) -> None:
        """Append one line."""
        if monotonic() >= self._look_at_seconds:
            self.put((line,), tally)
        else:
            self._put_one(self._descriptor, line, tally)

    def _open(self) -> None:
        self._descriptor = os.open(self._name, _HOW, 0o644)
        status = os.fstat(self._descriptor)
        self._identity = (status.st_dev, status.st_ino)
        self._look_at_seconds = monotonic() + _LOOK_EVERY_SECONDS
        regular = S_ISREG(status.st_mode)
        self.joined_bytes = FILE_BYTES if regular else DescriptorTarget.joined_bytes
        self._torn = regular and status.st_size > 0 and _ends_torn(self._name)

    def _look(self) -> None:
        """Open the file again where its name means another file by now, or none."""
        if not self._has_descriptor():
            self._open()
        elif not self._has_name():
            before = self._descriptor
            self._open()  # where this fails, the old descriptor is kept, and asked about again
            os.close(before)
        self._look_at_seconds = monotonic() + _LOOK_EVERY_SECONDS

    def _has_descriptor(self) -> bool:
        """Tell whether the descriptor is still ours: a daemon closes them all, and the numbers are used again."""
        try:
            return _identity(os.fstat(self._descriptor)) == self._identity
        except OSError:
            return False

    def _has_name(self) -> bool:
        try:
            return _identity(os.stat(self._name)) == self._identity  # noqa: PTH116 - pathlib is heavy
        except OSError:
            return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _ends_torn(path: str) -> bool:
    """Tell whether somebody left half a line at the end of the file."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib is heavy
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return False  # not readable for us: what cannot be known is taken to be whole
