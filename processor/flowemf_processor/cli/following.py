"""Follows logs until somebody says stop: --follow, --flush-interval, --poll-interval.

Options and paths go in; a watch comes out that SIGINT, SIGTERM and SIGHUP end in order.
"""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from flowemf_processor.cli.interruption import ENDING_SIGNALS, first_of
from flowemf_processor.cli.options import refuse_without, together
from flowemf_processor.cli.streams import say
from flowemf_processor.sources.watch import FLUSH_SECONDS, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """What the user chose; each member is the option of its name."""

    follow: bool
    flush_interval: float | None
    poll_interval: float | None

    def refuse_useless(self, *, is_dry_run: bool) -> None:
        """Refuse what would be ignored.

        Raises:
            click.UsageError: an option makes no sense with or without --follow.
        """
        if self.follow and is_dry_run:
            raise click.UsageError("--dry-run ends by itself and --follow does not; leave one out.")
        if not self.follow:
            refuse_without("--follow", self, ("flush_interval", "poll_interval"))

    def watch(self, paths: Sequence[str], *, source_id: str | None) -> Watch:
        """Make what follows paths; `stopped_by_signals` ends it.

        Args:
            paths: as the user wrote them.
            source_id: a name for standard input, under which a checkpoint knows it again.

        Returns:
            What is followed; it is a context manager.

        Raises:
            ConfigurationError: a path cannot be followed.
        """
        return Watch(
            paths,
            source_id=source_id,
            flush_seconds=FLUSH_SECONDS if self.flush_interval is None else self.flush_interval,
            poll_seconds=self.poll_interval,
            say=say,
        )


@contextlib.contextmanager
def stopped_by_signals(watches: Sequence[Watch]) -> Iterator[None]:
    """End what is followed in order at SIGINT, SIGTERM or SIGHUP; the second of these ends the process at once.

    SIGHUP comes when the terminal is closed; a process that was told to ignore it (nohup) goes on ignoring it.

    Args:
        watches: what is followed, in whatever threads; the main thread has to call this.
    """

    def stop(_number: signal.Signals) -> None:
        for watch in watches:
            watch.stop()

    is_hangup_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    signals = [each for each in ENDING_SIGNALS if not (is_hangup_ignored and each is signal.SIGHUP)]
    with first_of(signals, stop):
        yield


_follow = click.option(
    "--follow",
    is_flag=True,
    help="Go on as the logs grow, through rotation, like tail -F, until Ctrl-C or SIGTERM; new files that match a "
    "pattern or lie in a directory are followed too.",
)
_flush_interval = click.option(
    "--flush-interval",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help=f"With --follow, deliver every so many seconds. Default: {FLUSH_SECONDS:.0f}.",
)
_poll_interval = click.option(
    "--poll-interval",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="With --follow, look for changes every so many seconds, in place of waiting for the file system to tell.",
)
follow_options = together(_follow, _flush_interval, _poll_interval)
"""Adds them to a command, which gets `follow`, `flush_interval` and `poll_interval`."""
