"""How a replay delivers and what it remembers of that: --max-rate, --retry-for, --on-ambiguous, --checkpoint.

The texts of these options go in; the terms of a delivery come out, and the checkpoint of a destination, open.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowemf_processor.cli.options.building import together
from flowemf_processor.cli.output.streams import say
from flowemf_processor.cli.replay.interruption import INTERRUPTION
from flowemf_processor.core.pacing import Pacer
from flowemf_processor.pipeline.delivery import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.checkpoints import Checkpoints
    from flowemf_processor.cli.replay.command import ReplayOptions
    from flowemf_processor.cli.replay.delivery import Delivery
    from flowemf_processor.model import Outcome
    from flowemf_processor.ports import CheckpointStore, Sink


RESEND, DROP = "resend", "drop"
DEFAULT_RATE = 250.0
DEFAULT_IN_FLIGHT = 4
DEFAULT_RETRY_SECONDS = 30.0
_MOST_IN_FLIGHT = 64
_LARGEST_ERROR = 0.5


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """What the user chose; each member is the option of its name, None where it was not given."""

    max_rate: float | None
    in_flight: int | None
    retry_for: float | None
    on_ambiguous: str | None
    relative_error: float | None

    @property
    def terms(self) -> Terms:
        """The terms of the delivery."""
        return Terms(self.connections, self.on_ambiguous != DROP, self.relative_error or 0.0, interruption=INTERRUPTION)

    @property
    def connections(self) -> int:
        """How many requests may be on their way at once."""
        return self.in_flight or DEFAULT_IN_FLIGHT

    def persistent(self, sink: Sink, checkpoints: CheckpointStore | None) -> Sink:
        """Make a sink try again and keep to the rate.

        Args:
            sink: makes one attempt.
            checkpoints: counts what is sent again.

        Returns:
            A sink that makes as many as are safe and of use.
        """
        from flowemf_processor.sinks.attempts import PersistentSink

        retry_seconds = DEFAULT_RETRY_SECONDS if self.retry_for is None else self.retry_for
        return PersistentSink(
            sink,
            pacer=Pacer(self.max_rate or DEFAULT_RATE),
            resend=self.on_ambiguous != DROP,
            retry_seconds=retry_seconds,
            on_retry=_Announcement(retry_seconds),
            before_again=checkpoints.sent_again if checkpoints else None,
            is_over=lambda: INTERRUPTION.is_wanted,
            sleep=INTERRUPTION.sleep,
        )


class _Announcement:
    """Says once why nothing seems to happen."""

    def __init__(self, retry_seconds: float) -> None:
        self._retry_seconds = retry_seconds
        self._said: set[str] = set()

    def __call__(self, outcome: Outcome) -> None:
        if outcome.reason not in self._said:
            self._said.add(outcome.reason)
            say(f"{outcome.reason}: {outcome.message}")
            say(f"trying each request again for up to {self._retry_seconds:g} s (--retry-for)")


_max_rate = click.option(
    "--max-rate",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Send at most N requests a second; less while the service throttles. "
    f"Default: {DEFAULT_RATE:g}, half of what an account may send to a Region.",
)
_in_flight = click.option(
    "--in-flight",
    type=click.IntRange(1, _MOST_IN_FLIGHT),
    metavar="N",
    help=f"Have up to N requests on their way at once. Default: {DEFAULT_IN_FLIGHT}.",
)
_retry_for = click.option(
    "--retry-for",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Go on trying a request for so long that is throttled or does not get through; 0 tries it once. "
    f"Default: {DEFAULT_RETRY_SECONDS:g}.",
)
_on_ambiguous = click.option(
    "--on-ambiguous",
    type=click.Choice([RESEND, DROP]),
    help="What to do with a request whose answer never came: send it again (it may count twice; the default) or give "
    "it up (it may be missing). Either is counted.",
)
_relative_error = click.option(
    "--relative-error",
    type=click.FloatRange(0, _LARGEST_ERROR, min_open=True),
    metavar="X",
    help="Merge values that differ by less than this fraction, such as 0.01, where a series has more of them than one "
    "datum holds: fewer datums; sums, counts, minimum and maximum stay exact. Default: merge nothing.",
)
delivery_options = together(_max_rate, _in_flight, _retry_for, _on_ambiguous, _relative_error)
"""Adds them to a command, which gets their values by these names."""


@contextlib.contextmanager
def opened_checkpoint(
    options: ReplayOptions, destination: str, delivery: Delivery, *, is_spool: bool = False
) -> Iterator[Checkpoints | None]:
    """Open the checkpoint of one destination.

    Args:
        options: what the user chose.
        destination: what the checkpoint calls it.
        delivery: is told where the checkpoint lies, for the summary.
        is_spool: whether a checkpoint is needed for what waits, even if nothing is to be remembered after the run.

    Yields:
        The checkpoint; None with --no-checkpoint, or one that is thrown away afterwards.

    Raises:
        ConfigurationError: the file is no checkpoint.
        TryAgainLaterError: another run uses it.
    """
    from flowemf_processor.checkpoints import Checkpoints, default_path

    if options.no_checkpoint:
        if not is_spool:
            yield None
            return
        with (
            tempfile.TemporaryDirectory(prefix="flowemf-") as directory,
            Checkpoints(Path(directory, "spool.sqlite3"), destination) as checkpoints,
        ):
            yield checkpoints
        return
    delivery.forgets_stdin = options.source_id is None
    delivery.checkpoint = Path(options.checkpoint) if options.checkpoint else default_path()
    with Checkpoints(delivery.checkpoint, destination) as checkpoints:
        yield checkpoints
