"""How a replay ends: what people are told became of it, its exit code and its last sentence, decided in one place.

The ledger, what the destination answered and the allowance go in; lines of text and the ending come out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowemf_processor.cli.options.building import EXIT_FINDINGS
from flowemf_processor.cli.options.reading import STDIN
from flowemf_processor.cli.output.placed_ledger import read_summary, rejects_summary
from flowemf_processor.cli.output.streams import counted, place, printable, sized
from flowemf_processor.core import admission, log_batches
from flowemf_processor.errors import ConfigurationError, RefusedForGoodError, TryAgainLaterError
from flowemf_processor.model import State
from flowemf_processor.pipeline.delivery import DROPPED, INTERRUPTED, NOT_TRIED, SENT_AGAIN
from flowemf_processor.pipeline.replay import DRY_RUN
from flowemf_schemas.verdicts import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.cli.options.building import Allowance
    from flowemf_processor.cli.output.placed_ledger import PlacedLedger
    from flowemf_processor.cli.replay.delivery import Delivery
    from flowemf_processor.core.ledger import DestinationAccount
    from flowemf_schemas.rules import Finding


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


_EFFECTS = {
    Scope.LINE: "rejected",
    Scope.DIRECTIVE: "directive left out",
    Scope.METRIC: "metric left out",
    Scope.DIMENSION_SET: "dimension set left out",
    Scope.NOTE: "note",
}
_OUR_REASONS = {
    **log_batches.REASONS,
    **admission.REASONS,
    NOT_TRIED: "not tried, since a request before it was not delivered or the run was told to end",
    SENT_AGAIN: "nobody knows whether an earlier attempt was taken, so this was sent again and may count twice",
    DROPPED: "nobody knows whether an earlier attempt was taken, and --on-ambiguous drop forbids to send it again",
    INTERRUPTED: "the run ended before the answer came; the request may have been taken",
}


def summary(ledger: PlacedLedger, delivery: Delivery) -> Iterator[str]:
    """Say what was read, what was wrong with it and what the destination did with the rest.

    Args:
        ledger: the account of the run.
        delivery: what the destination answered, and where things lie.

    Yields:
        Lines of text.
    """
    [account] = ledger.destinations
    yield f"read: {read_summary(ledger)}"
    yield from _defects(ledger)
    yield _destination(account, delivery)
    yield from _roads(account)
    yield from _reasons(account, delivery)
    yield from rejects_summary(ledger)
    if delivery.checkpoint:
        yield f"checkpoint: {printable(str(delivery.checkpoint))}"
    if delivery.verified:
        yield f"verify: {delivery.verified.sentence}"
    yield from _not_remembered(ledger, account, delivery)


def _defects(ledger: PlacedLedger) -> Iterator[str]:
    """Say what was wrong: losses before notes, the most frequent first; `flowemf check` adds the remedies."""
    for position, found in sorted(
        ledger.first_places.values(), key=lambda first: _loss_and_frequency(ledger, first[1])
    ):
        reason, count = found.reason, ledger.reasons[found.reason]
        effect = _EFFECTS[found.scope]
        where = f"first at {place(position)}" if position.line else f"first in {printable(position.source)}"
        yield f"  {effect}: {count:,} x {reason}, {where}: {found.message}"


def _loss_and_frequency(ledger: PlacedLedger, found: Finding) -> tuple[bool, int, str]:
    return found.scope is Scope.NOTE, -ledger.reasons[found.reason], found.reason


def _destination(account: DestinationAccount, delivery: Delivery) -> str:
    where = f" ({printable(str(delivery.database))})" if delivery.database else ""
    requests = account.requests.total()
    in_requests = f" in {counted(requests, 'request')}" if requests else ""
    states = ", ".join(
        f"{account.datapoints[state]:,} {_state(state, delivery)}" for state in State if account.datapoints[state]
    )
    resumed = f"; {account.resumed:,} of them left over from an earlier run" if account.resumed else ""
    return (
        f"{account.name}{where}: {counted(account.extracted, 'datapoint')}{in_requests}"
        f"{': ' + states if states else ''}{resumed}"
    )


def _state(state: State, delivery: Delivery) -> str:
    if state is State.PENDING:
        if not delivery.is_dry_run:
            return "not sent yet"
        return "would be stored (dry run)" if delivery.database else "would be sent (dry run)"
    return "with unknown outcome" if state is State.AMBIGUOUS else state.value


def _roads(account: DestinationAccount) -> Iterator[str]:
    for road, datapoints in sorted(account.roads.items()):
        yield f"  {counted(datapoints, 'datapoint')} by {road}"


def _reasons(account: DestinationAccount, delivery: Delivery) -> Iterator[str]:
    for reason, datapoints in sorted(account.reasons.items()):
        if reason != DRY_RUN:
            answer = delivery.answers.get(reason)
            message = answer.message if answer else delivery.meanings.get(reason) or _OUR_REASONS[reason]
            yield f"  {counted(datapoints, 'datapoint')} {reason}: {message}"


def _not_remembered(ledger: PlacedLedger, account: DestinationAccount, delivery: Delivery) -> Iterator[str]:
    """Warn whoever pipes a log in that the next run will not know it again."""
    stdin_read = any(source.name == STDIN for source in ledger.sources)
    if stdin_read and delivery.forgets_stdin and account.datapoints[State.ACCEPTED]:
        yield "standard input is not remembered: the same log piped in again counts twice; name it with --source-id"
