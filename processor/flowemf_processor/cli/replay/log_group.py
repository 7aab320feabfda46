"""Which log group lines go to, and whether CloudWatch then shows their metrics: --log-group, --create, --verify.

The texts of these options go in; the names of a log group and stream come out, and after some time whether the metrics
are there that a sink, which is listened to, was given.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import click

from flowemf_processor.cli.options.building import refuse_without, together
from flowemf_processor.cli.output.streams import say
from flowemf_processor.core.log_batches import LogStream, is_log_request
from flowemf_processor.core.roads import Expectation
from flowemf_processor.errors import RefusedForGoodError, TryAgainLaterError
from flowemf_processor.model import State
from flowemf_processor.sources.log_url import SCHEME
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowemf_processor.cli.replay.command import ReplayOptions
    from flowemf_processor.model import Batch, Outcome
    from flowemf_processor.ports import Clock, Sink
    from flowemf_processor.sinks.examined_account import ShownMetrics

DEFAULT_STREAM = "flowemf"
VERIFY_SECONDS = 300.0
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
_GROUP = re.compile(r"[.\-_/#A-Za-z0-9]+")
_STREAM = re.compile(r"[^:*]+")
_PAUSE_SECONDS = 15.0
_LOOKS = 20
_OLD_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What the user chose; each member is the option of its name."""

    log_group: str | None
    log_stream: str | None
    create: bool
    verify: bool
    verify_for: float | None

    @property
    def stream(self) -> LogStream:
        """Where lines go; only where a group is named."""
        return LogStream(self.log_group or "", self.log_stream or DEFAULT_STREAM)

    def refuse_contradictions(self, to: Sequence[str], paths: Sequence[str], *, is_dry_run: bool) -> None:
        """Refuse what lacks something, or would be ignored.

        Args:
            to: the destinations.
            paths: what is read.
            is_dry_run: whether nothing is sent.

        Raises:
            click.UsageError: it does.
        """
        if self.log_group is None:
            self._refuse_without_group(to, paths)
        if self.verify and is_dry_run:
            raise click.UsageError("--dry-run sends nothing that --verify could look for; leave one out.")
        if not self.verify:
            refuse_without("--verify", self, ("verify_for",))

    def _refuse_without_group(self, to: Sequence[str], paths: Sequence[str]) -> None:
        refuse_without("--log-group", self, ("log_stream", "create", "verify"))
        if "logs" in to:
            raise click.UsageError("--to logs needs --log-group: the log group that the lines go to.")
        if "auto" in to and not all(path.startswith(SCHEME) for path in paths):
            raise click.UsageError(
                "--to auto needs --log-group: the log group of which CloudWatch may extract the metrics."
            )


def is_group_name(text: str) -> bool:
    """Tell whether a log group may have this name."""
    return _GROUP.fullmatch(text) is not None and len(text) <= limits.LOG_GROUP_NAME_LENGTH


def _checked(pattern: re.Pattern[str], longest: int, rule: str) -> Callable[..., str | None]:
    def check(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
        if given is not None and (pattern.fullmatch(given) is None or len(given) > longest):
            raise click.BadParameter(f"{given!r} is none: 1 to {longest} {rule}.")
        return given

    return check


_log_group = click.option(
    "--log-group",
    metavar="G",
    callback=_checked(_GROUP, limits.LOG_GROUP_NAME_LENGTH, "letters, digits and any of . - _ / #"),
    help="Write the metric lines to this log group (--to logs, --to auto).",
)
_log_stream = click.option(
    "--log-stream",
    metavar="S",
    callback=_checked(_STREAM, limits.LOG_STREAM_NAME_LENGTH, "characters without : and *"),
    help=f"Write them to this log stream of it, which is made where there is none. Default: {DEFAULT_STREAM}.",
)
_create = click.option("--create", is_flag=True, help="Make the log group, too, where there is none.")
_verify = click.option(
    "--verify",
    is_flag=True,
    help="In the end, look whether CloudWatch shows the metrics of the lines, and what it could not extract.",
)
_verify_for = click.option(
    "--verify-for",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help=f"With --verify, look for so long. Default: {VERIFY_SECONDS:g}.",
)
log_options = together(_log_group, _log_stream, _create, _verify, _verify_for)
"""Adds them to a command, which gets their values by these names."""


class Verified(NamedTuple):
    """What was found.

    Attributes:
        exit_code: 0 where everything is there.
        sentence: what is to be said of it.
    """

    exit_code: int
    sentence: str


class Verification:
    """Remembers what was sent by PutLogEvents, and looks for it in the end; without --verify it does nothing.

    Args:
        options: what the user chose.
        clock: tells the time.
    """

    def __init__(self, options: ReplayOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._since_ms = clock.now_ms()
        self._expectation = Expectation()

    def heard(self, sink: Sink) -> Sink:
        """Listen to what a sink is given."""
        return _ListeningSink(sink, self._expectation) if self._options.log.verify else sink

    def verified(self) -> Verified | None:
        """Wait until CloudWatch shows everything, or until --verify-for is over; None without --verify."""
        if not self._options.log.verify:
            return None
        if not self._expectation.all:
            return Verified(0, "nothing was sent by PutLogEvents, so there is nothing to look for")
        try:
            return self._looked()
        except TryAgainLaterError as error:
            return Verified(error.exit_code, str(error))

    def _looked(self) -> Verified:
        from flowemf_processor.sinks.examined_account import ShownMetrics

        shown = ShownMetrics(endpoint_url=self._options.endpoint_url, region=self._options.region)
        patience_seconds = self._options.log.verify_for or VERIFY_SECONDS
        say(f"looking for the metrics in CloudWatch for up to {patience_seconds:g} s (--verify-for)")
        deadline = time.monotonic() + patience_seconds
        while (missing := self._missing(shown)) and time.monotonic() < deadline:
            time.sleep(min(_PAUSE_SECONDS, patience_seconds / _LOOKS))
        return self._judged(missing, shown)

    def _missing(self, shown: ShownMetrics) -> int:
        """Count the series of which CloudWatch does not show all samples yet."""
        expected = self._expectation.all
        found = shown.samples(expected)
        # Counts may be fractions, of which sums in another order differ in their last digits.
        return sum(there < each.samples * (1 - 1e-9) for each, there in zip(expected, found, strict=True))

    def _judged(self, missing: int, shown: ShownMetrics) -> Verified:
        group = self._options.log.stream.group
        counts = shown.extraction_errors(group, since_ms=self._since_ms, until_ms=self._clock.now_ms())
        errors = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        series = f"{len(self._expectation.all):,} series"
        which = f"the first {series}" if self._expectation.is_partial else series
        beside = f"log group {group}: {errors} since this run began"
        if not missing:
            return Verified(0, f"CloudWatch shows every sample of {which} that was sent; {beside}")
        lacks = f"CloudWatch does not show every sample of {missing:,} of {which}; {beside}"
        if any(counts.values()):
            return Verified(RefusedForGoodError.exit_code, f"{lacks}: it could not extract lines; see flowemf check")
        return Verified(TryAgainLaterError.exit_code, f"{lacks}{self._patience()}")

    def _patience(self) -> str:
        is_old = any(self._since_ms - each.first_ms > _OLD_MS for each in self._expectation.all)
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
        return ". Data that is older than a day may take two days to appear" if is_old else ". Look again later"


class _ListeningSink:
    """Passes batches on, and remembers what was accepted by PutLogEvents."""

    def __init__(self, sink: Sink, expectation: Expectation) -> None:
        self.name = sink.name
        self._sink = sink
        self._expectation = expectation

    def send(self, batch: Batch) -> Outcome:
        """Deliver one batch."""
        outcome = self._sink.send(batch)
        if outcome.state is State.ACCEPTED and is_log_request(batch):
            self._expectation.take(batch, set(outcome.culprits))
        return outcome
