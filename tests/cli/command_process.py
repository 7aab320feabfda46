"""The command `flowemf` as a real process, for every test that runs it.

Arguments and input go in; exit codes and output come out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Finished = subprocess.CompletedProcess[bytes]
COMMAND = (sys.executable, "-m", "flowemf_processor")


@dataclass(frozen=True)
class Flowemf:
    """The command `flowemf`, run in a directory of its own, with state of its own.

    Attributes:
        directory: where it runs.
        variables: added to the environment; None takes one away.
    """

    directory: Path
    variables: dict[str, str | None] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment that the command gets."""
        settings: dict[str, str | None] = {**os.environ, "XDG_STATE_HOME": str(self.directory / "state")}
        return {name: text for name, text in {**settings, **self.variables}.items() if text is not None}

    def __call__(self, *arguments: str | Path, stdin: bytes | None = None) -> Finished:
        """Run it to its end; without `stdin` there is nothing to read."""
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            timeout=120,
            check=False,
            **given,
        )

    def on_terminal(self, *arguments: str | Path, stdin: Any = None, **streams: Any) -> tuple[int, str]:
        """Run it with a terminal of 80 columns as every stream that is not given; give the code and what it showed."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        given = {"stdin": theirs if stdin is None else stdin, "stdout": theirs, "stderr": theirs, **streams}
        running = self.start(*arguments, **given)
        os.close(theirs)
        shown = b"".join(_until_hung_up(ours))
        os.close(ours)
        return running.wait(timeout=120), shown.decode().replace("\r\n", "\n")

    def start(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        """Start it and leave it running."""
        return subprocess.Popen([*COMMAND, *map(str, arguments)], cwd=self.directory, env=self.environment, **options)


def heed_interrupts() -> None:
    """Undo what a shell does to its background jobs: they and their children ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _until_hung_up(terminal: int) -> Iterator[bytes]:
    with contextlib.suppress(OSError):  # Linux: EIO when the last process has let go of the terminal
        while piece := os.read(terminal, 65536):
            yield piece


def write_demo_log(log: Path, *, events: int, seed: int) -> Path:
    """Let the sample application write its log."""
    with log.open("wb") as output:
        command = [sys.executable, "-m", "flowemf.demo", "--events", str(events), "--seed", str(seed)]
        subprocess.run(command, stdout=output, check=True)
    return log
