"""Keeps a child process that measures on request, so that imports and allocators of the measured things do not mix.

Requests go in as JSON, one a line; replies come out the same way, over a pipe of their own: standard output belongs to
what is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REPLY_DESCRIPTOR = "--reply-descriptor"


class Child:
    """A running child process; use it as a context manager.

    Args:
        program: the Python file to run.
        arguments: its arguments; the descriptor for replies is added to them.
        environment: all of its environment variables.
        inherited: file descriptors that it needs beside the standard ones.
    """

    def __init__(
        self, program: Path, arguments: Sequence[str], environment: Mapping[str, str], inherited: Sequence[int] = ()
    ) -> None:
        read_end, write_end = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, str(program), *arguments, REPLY_DESCRIPTOR, str(write_end)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=(write_end, *inherited),
            env=dict(environment),
            text=True,
        )
        os.close(write_end)
        self._replies = os.fdopen(read_end, encoding="utf-8")

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        """Let the child end by closing its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._replies.close()

    def ask(self, **request: object) -> dict[str, Any]:
        """Send one request and wait for its reply.

        Raises:
            RuntimeError: the child has ended; what went wrong stands on standard error.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            line = ""
        else:
            line = self._replies.readline()
        if not line:
            raise RuntimeError(f"the process that measures has ended with {self._process.wait()}; see above")
        reply: dict[str, Any] = json.loads(line)
        return reply
