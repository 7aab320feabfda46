"""How a replay ends: its exit code and its last sentence, decided in one place.

The ledger, what the destination answered and the allowance go in; the ending comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowemf_processor.cli.options import EXIT_FINDINGS
from flowemf_processor.cli.streams import counted, sized
from flowemf_processor.errors import ConfigurationError, RefusedForGoodError, TryAgainLaterError
from flowemf_processor.model import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowemf_processor.cli.options import Allowance
    from flowemf_processor.cli.placed_ledger import PlacedLedger
    from flowemf_processor.cli.replay_delivery import Delivery

_DONE = 0
EXIT_CODES_BY_GRAVITY = (
    ConfigurationError.exit_code,
    TryAgainLaterError.exit_code,
    RefusedForGoodError.exit_code,
    EXIT_FINDINGS,
    _DONE,
)
"""With several destinations, the first of these that one of them ends with is the exit code."""


class Ending(NamedTuple):
    """The exit code, and the sentence that explains it."""

    exit_code: int
    sentence: str


def gravest(exit_codes: Iterable[int]) -> int:
    """Give the one exit code of several runs: what has to be mended comes before what is to be tried again.

    >>> gravest([0, 4, 3])
    3

    Args:
        exit_codes: of `EXIT_CODES_BY_GRAVITY`.
    """
    return min(exit_codes, key=EXIT_CODES_BY_GRAVITY.index)


def ending(ledger: PlacedLedger, delivery: Delivery, allowance: Allowance | None) -> Ending:
    """Decide how a replay ends; the first of several reasons is the one that the user has to deal with first.

    Args:
        ledger: the account of the run.
        delivery: what the destination answered.
        allowance: how many invalid lines the user allows; None for any number.

    Returns:
        The ending.
    """
    return (
        _undelivered(ledger, delivery)
        or _unreadable(ledger)
        or _refused(ledger, delivery)
        or _unverified(delivery)
        or _invalid(ledger, allowance)
        or _done(ledger, delivery)
    )


def _undelivered(ledger: PlacedLedger, delivery: Delivery) -> Ending | None:
    [account] = ledger.destinations
    undelivered = account.datapoints[State.PENDING] + account.datapoints[State.AMBIGUOUS] - account.given_up
    if delivery.is_dry_run or not undelivered:
        return None
    if delivery.needs_mending and not account.datapoints[State.ACCEPTED]:
        sentence = "nothing was delivered: mend the configuration, then run the same command again"
        return Ending(ConfigurationError.exit_code, sentence)
    return Ending(TryAgainLaterError.exit_code, "not everything was delivered: run the same command again")


def _unreadable(ledger: PlacedLedger) -> Ending | None:
    if not ledger.unreadable_sources:
        return None
    what = counted(ledger.unreadable_sources, "source")
    return Ending(TryAgainLaterError.exit_code, f"{what} could not be read to the end: run the same command again")


def _refused(ledger: PlacedLedger, delivery: Delivery) -> Ending | None:
    [account] = ledger.destinations
    refused, given_up = account.datapoints[State.REFUSED], account.given_up
    if not refused and not given_up:
        return None
    if delivery.is_dry_run:
        sentence = f"dry run: nothing was sent; {counted(refused, 'datapoint')} would be refused for good"
        return Ending(RefusedForGoodError.exit_code, sentence)
    losses = [f"{counted(refused, 'datapoint')} refused for good"] if refused else []
    losses += [f"{counted(given_up, 'datapoint')} given up (--on-ambiguous drop)"] if given_up else []
    return Ending(RefusedForGoodError.exit_code, f"done, but {' and '.join(losses)}: running again will not help")


def _unverified(delivery: Delivery) -> Ending | None:
    if delivery.verified is None or not delivery.verified.exit_code:
        return None
    return Ending(delivery.verified.exit_code, "delivered, but CloudWatch does not show it all: see verify above")


def _invalid(ledger: PlacedLedger, allowance: Allowance | None) -> Ending | None:
    if allowance is None or not allowance.is_exceeded(ledger):
        return None
    what = counted(ledger.invalid_records, "invalid line")
    return Ending(EXIT_FINDINGS, f"done, but with {what}, more than --max-invalid {allowance} allows")


def _done(ledger: PlacedLedger, delivery: Delivery) -> Ending:
    [account] = ledger.destinations
    if delivery.is_dry_run:
        return Ending(_DONE, "dry run: nothing was sent, stored or remembered")
    if account.extracted:
        return Ending(_DONE, "done")
    passed_over_bytes = sum(source.already_accepted_bytes for source in ledger.sources)
    if not passed_over_bytes:
        return Ending(_DONE, "done: there was no datapoint to deliver")
    delivered = f"an earlier run has delivered these {sized(passed_over_bytes)}"
    return Ending(_DONE, f"nothing new: {delivered}; to repeat it, {delivery.to_repeat}")
