"""Says what became of a replay.

The ledger and what the destination answered go in; the lines for people come out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.cli.placed_ledger import read_summary, rejects_summary
from flowemf_processor.cli.reading_options import STDIN
from flowemf_processor.cli.streams import counted, place, printable
from flowemf_processor.core import admission, log_batches
from flowemf_processor.model import State
from flowemf_processor.pipeline.delivery import DROPPED, INTERRUPTED, NOT_TRIED, SENT_AGAIN
from flowemf_processor.pipeline.replay import DRY_RUN
from flowemf_schemas.verdicts import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.cli.placed_ledger import PlacedLedger
    from flowemf_processor.cli.replay_delivery import Delivery
    from flowemf_processor.core.ledger import DestinationAccount
    from flowemf_schemas.rules import Finding

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
