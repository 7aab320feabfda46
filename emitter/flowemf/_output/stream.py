"""Standard output and standard error as targets.

Batches of whole lines go in and leave through the file descriptor of `sys.stdout` or `sys.stderr`, whatever that is
at the moment, after the text that the stream may still hold.
"""

from __future__ import annotations

import os
import sys
from stat import S_ISREG
from time import sleep

from flowemf._output.target import (
    FILE_BYTES,
    PIPE_BYTES,
    DescriptorTarget,
    count_failed,
    wait_until_writable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from flowemf._tally import Tally

# A text stream holds up to 16 KB: 8 in its text layer, 8 in its buffer. A pipe of the usual 16 pages that holds no more
# than this has room for them, even where each of its pages is only half full.
_MOST_IN_PIPE_BYTES = 16_384
_SHORTEST_NAP_SECONDS = 0.0002
_LONGEST_NAP_SECONDS = 0.01


class StandardTarget(DescriptorTarget):
    """Standard output or standard error, whatever `sys.stdout` or `sys.stderr` is at the moment."""

    __slots__ = ("_descriptor", "_is_output", "_stream", "joined_bytes")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._is_output = name == "stdout"
        self._stream: TextIO | None = None
        self._descriptor: int | None = None
        self.joined_bytes = PIPE_BYTES

    def put(self, lines: Sequence[bytes], tally: Tally) -> None:
        """Write after the text that the stream may still hold, so that no line starts in the middle of another."""
        try:
            stream = self._found_stream()
            if self._descriptor is None:
                _put_text(stream, lines, tally)
            else:
                _flush(stream, self._descriptor)
                self._put(self._descriptor, lines, tally)
        except Exception as problem:
            count_failed(len(lines), tally, self._name, problem)

    def put_one(self, line: bytes, tally: Tally) -> None:
        """Write one line; the usual case, without the five calls of `put`."""
        stream, descriptor = self._stream, self._descriptor
        try:
            current = sys.stdout if self._is_output else sys.stderr  # by name, `getattr` would take 0.02 us more
            if stream is not current or descriptor is None or self._torn:
                self.put((line,), tally)
                return
            current.flush()  # type: ignore[union-attr] # what has a descriptor is a stream
            written = os.write(descriptor, line)
        except Exception:
            self.put((line,), tally)  # which waits, or counts
        else:
            if written == len(line):
                tally.lines_written += 1
            else:
                self._put_rest(descriptor, line, written, tally)

    def await_room(self) -> None:
        """Wait until the reader has made room for what the stream may hold.

        Flushing takes the stream's lock. A thread of ours that is stuck with it would block every `print`, and would
        abort the interpreter at its exit, which flushes too.
        """
        try:
            stream, descriptor = self._found_stream(), self._descriptor
            if descriptor is None:
                return
            # Asked each time, since somebody may have put something else in the descriptor's place.
            regular = S_ISREG(os.fstat(descriptor).st_mode)
            self.joined_bytes = FILE_BYTES if regular else PIPE_BYTES
            if not regular and not getattr(stream, "write_through", False):
                _await_room(descriptor)
        except Exception:
            return  # `put` will meet the same problem and count it

    def _found_stream(self) -> TextIO:
        stream: TextIO = getattr(sys, self._name)
        if stream is not self._stream:
            self._descriptor = _descriptor_of(stream)
            self._stream = stream
        return stream


def _descriptor_of(stream: TextIO | None) -> int | None:
    """Give the file descriptor behind a stream; None where text is captured by something else."""
    try:
        descriptor = stream.fileno()  # type: ignore[union-attr] # no stream at all has no descriptor either
    except (AttributeError, OSError, ValueError):
        return None
    return descriptor if type(descriptor) is int and descriptor >= 0 else None


def _put_text(stream: TextIO | None, lines: Sequence[bytes], tally: Tally) -> None:
    """Write to a stream that has no file descriptor."""
    if stream is None:
        raise OSError("there is no such stream in this process")
    data = b"".join(lines)
    binary = getattr(stream, "buffer", None)
    if binary is None:
        stream.write(data.decode("utf-8"))
    else:
        stream.flush()
        binary.write(data)
        binary.flush()
    tally.lines_written += len(lines)


def _flush(stream: TextIO, descriptor: int) -> None:
    while not _flushed(stream):
        wait_until_writable(descriptor)


def _flushed(stream: TextIO) -> bool:
    try:
        stream.flush()
    except BlockingIOError:
        return False
    return True


def _await_room(descriptor: int) -> None:
    nap_seconds = _SHORTEST_NAP_SECONDS
    while not _has_room(descriptor):
        sleep(nap_seconds)
        nap_seconds = min(2 * nap_seconds, _LONGEST_NAP_SECONDS)


def _has_room(descriptor: int) -> bool:
    import select

    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    ready = poll.poll(0)
    if not ready:
        return False
    # A reader that has gone gives an error and no room: the write will say so.
    return ready[0][1] != select.POLLOUT or _waiting_bytes(descriptor) <= _MOST_IN_PIPE_BYTES


def _waiting_bytes(descriptor: int) -> int:
    """Count what the reader of a pipe has not read yet; 0 where that cannot be known, or is no matter of waiting."""
    import fcntl
    import termios

    try:
        counted = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0")
    except OSError:
        return 0
    return int.from_bytes(counted, sys.byteorder)
