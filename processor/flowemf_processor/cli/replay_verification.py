"""`flowemf replay --verify`: looks whether CloudWatch shows what it was sent.

A sink goes in and is listened to; after some time, whether the metrics are there comes out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from flowemf_processor.cli.log_options import VERIFY_SECONDS
from flowemf_processor.cli.streams import say
from flowemf_processor.core.expectation import Expectation
from flowemf_processor.core.log_batches import is_log_request
from flowemf_processor.errors import RefusedForGoodError, TryAgainLaterError
from flowemf_processor.model import State

if TYPE_CHECKING:
    from flowemf_processor.cli.replay_options import ReplayOptions
    from flowemf_processor.model import Batch, Outcome
    from flowemf_processor.ports import Clock, Sink
    from flowemf_processor.sinks.examined_account import ShownMetrics

_PAUSE_SECONDS = 15.0
_LOOKS = 20
_OLD_MS = 24 * 3600 * 1000


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
