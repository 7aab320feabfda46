"""`flowemf replay --to local`: into a DuckDB file.

Options and what is read go in; the store has the events, the ledger the counts.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowemf_processor.cli.replay_delivery import Delivery
from flowemf_processor.model import State
from flowemf_processor.pipeline.replay import DRY_RUN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowemf_processor.cli.replay_delivery import Reading
    from flowemf_processor.cli.replay_options import ReplayOptions
    from flowemf_processor.model import Event, Mark

LOCAL = "local"
DEFAULT_DATABASE = "flowemf.duckdb"


def store(options: ReplayOptions, reading: Reading) -> Delivery:
    """Keep the events in the store.

    Raises:
        ConfigurationError: the file is no store.
        TryAgainLaterError: somebody else uses it.
    """
    from flowemf_processor.sinks.local import LocalStore

    path = Path(options.database or DEFAULT_DATABASE)
    with LocalStore(path) as local:
        reading.keep_in(local)
    return Delivery(database=path, forgets_stdin=options.source_id is None, to_repeat="name another --database")


def weigh(options: ReplayOptions, reading: Reading) -> Delivery:
    """Count what would be stored, and keep nothing."""
    reading.keep_in(_Scale())
    [account] = reading.ledger.destinations
    weighed = account.datapoints.pop(State.ACCEPTED, 0)
    if weighed:
        account.datapoints[State.PENDING] = weighed
        account.reasons[DRY_RUN] = weighed
    return Delivery(is_dry_run=True, database=Path(options.database or DEFAULT_DATABASE))


class _Scale:
    """Stands in for the store in a dry run: takes events and keeps nothing."""

    name = LOCAL

    def mark(self, source: str) -> Mark | None:  # noqa: ARG002 - the port's signature
        return None

    def store(self, events: Sequence[Event], marks: Iterable[Mark]) -> None:
        """Keep nothing."""
