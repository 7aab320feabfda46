"""Shows how far reading has got, to somebody who waits.

Numbers of bytes go in as they are read; a bar on stderr comes out, on a terminal only and only after a second.
"""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING

from flowemf_processor.cli.output.streams import is_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from rich.progress import Progress, TaskID

    from flowemf_processor.ports import Source

_PATIENCE_SECONDS = 1.0


class ReadingProgress:
    """A bar that appears when reading takes longer than a second; without a terminal it does nothing.

    Use it as a context manager, and pass `advance` wherever a function takes `progress`.

    Args:
        sources: what is read; None where nobody knows how much will come.
        is_wanted: whether to show a bar at all; two at once would take turns at one place.
    """

    def __init__(self, sources: Iterable[Source] | None, *, is_wanted: bool = True) -> None:
        sizes = [None] if sources is None else [source.size_bytes for source in sources]
        self._total_bytes = None if None in sizes else sum(size for size in sizes if size is not None)
        self._read_bytes = 0
        self._quiet_since = monotonic()
        self._shown: tuple[Progress, TaskID] | None = None
        self._wanted = is_wanted and is_terminal(sys.stderr)
        self._shares_terminal = self._wanted and is_terminal(sys.stdout)

    def advance(self, read_bytes: int) -> None:
        """Count bytes that were just read."""
        self._read_bytes += read_bytes
        if not self._wanted:
            return
        if self._shown is None:
            if monotonic() - self._quiet_since < _PATIENCE_SECONDS:
                return
            self._shown = self._bar()
        bar, task = self._shown
        bar.update(task, completed=self._read_bytes)

    def make_way(self) -> None:
        """Hide before a line of output appears on the same terminal."""
        if self._shares_terminal:
            self.hide()

    def hide(self) -> None:
        """Take the bar away before something else is written; it comes back after another second."""
        self._quiet_since = monotonic()
        if self._shown is not None:
            self._shown[0].stop()
            self._shown = None

    def _bar(self) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        # stdout is left alone: it may be a file, and the bar belongs to stderr.
        bar = Progress(
            TextColumn("reading"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        task = bar.add_task("reading", total=self._total_bytes, completed=self._read_bytes)
        bar.start()
        return bar, task

    def __enter__(self) -> ReadingProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.hide()
