"""Accounts for everything: what was read, what became of it, and what each destination said.

Counts go in as they happen; a JSON object of the schema `ledger` comes out. It balances by construction, and
`flowemf_schemas.ledger_rules` checks that it does.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from flowemf_processor.model import Duplicate, Event, Incomplete, Rejected, State
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowemf_processor.model import Batch, Detour, Fate, Outcome, Record
    from flowemf_schemas.rules import Finding

SCHEMA_VERSION = 1


@dataclass(slots=True)
class SourceAccount:
    """What was read of one source.

    Attributes:
        name: what the user calls it.
        lines: physical lines read in this run.
        read_bytes: bytes read in this run, up to the end of the last line used.
        already_accepted_bytes: bytes passed over, since an earlier run delivered them.
    """

    name: str
    lines: int = 0
    read_bytes: int = 0
    already_accepted_bytes: int = 0


@dataclass(slots=True)
class DestinationAccount:
    """What became of the datapoints meant for one destination.

    `given_up` are those of the ambiguous ones that nobody will send again.
    `roads` has those that were accepted by the call that they went by, where a destination has several calls.
    `all_runs` has what a checkpoint knows of all runs on it, those included that were ended before they could say so.
    """

    name: str
    extracted: int = 0
    resumed: int = 0
    given_up: int = 0
    datapoints: Counter[State] = field(default_factory=Counter)
    requests: Counter[State] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    roads: Counter[str] = field(default_factory=Counter)
    all_runs: Mapping[Fate, int] = field(default_factory=dict)

    def refuse(self, reason: str, datapoints: int) -> None:
        """Count datapoints that are not even sent."""
        self.datapoints[State.REFUSED] += datapoints
        self.reasons[reason] += datapoints

    def include(self, other: DestinationAccount) -> None:
        """Add what somebody else has counted for the same destination."""
        self.extracted += other.extracted
        self.resumed += other.resumed
        self.datapoints.update(other.datapoints)
        self.requests.update(other.requests)
        self.reasons.update(other.reasons)

    def settle(self, batch: Batch, outcome: Outcome) -> None:
        """Count what became of one request."""
        left_out = sum(datapoints for _, datapoints in outcome.left_out)
        self.requests[outcome.state] += 1
        self.datapoints[outcome.state] += batch.datapoints - left_out
        for reason, datapoints in outcome.left_out:
            self.refuse(reason, datapoints)
        if outcome.state is not State.ACCEPTED and batch.datapoints:
            self.reasons[outcome.reason] += batch.datapoints
        if outcome.state is State.ACCEPTED and outcome.road:
            self.roads[outcome.road] += batch.datapoints - left_out

    def leave(self, datapoints: int, reason: str, state: State = State.PENDING) -> None:
        """Count one request that waits for the next run: one that was not taken, or of which nobody knows whether."""
        self.requests[state] += 1
        self.datapoints[state] += datapoints
        if datapoints:
            self.reasons[reason] += datapoints

    def redirect(self, batch: Batch, outcome: Outcome, detour: Detour) -> None:
        """Count one request of which some or all goes another way; what goes there is counted when it is settled."""
        taken = batch.datapoints - detour.datapoints
        self.requests[State.ACCEPTED if outcome.state is State.ACCEPTED else State.REFUSED] += 1
        self.datapoints[State.ACCEPTED] += taken
        for reason, datapoints in detour.refused:
            self.refuse(reason, datapoints)
        if taken and outcome.road:
            self.roads[outcome.road] += taken

    def as_json(self) -> dict[str, Any]:
        """Give the account as the schema has it."""
        return {
            "name": self.name,
            "datapoints": {
                "extracted": self.extracted,
                "resumed": self.resumed,
                **{state.value: self.datapoints[state] for state in State},
            },
            "requests": {
                "planned": self.requests.total(),
                **{state.value: self.requests[state] for state in State},
            },
            "reasons": dict(sorted(self.reasons.items())),
            **({"roads": dict(sorted(self.roads.items()))} if self.roads else {}),
            **({"all_runs": {fate.value: count for fate, count in self.all_runs.items()}} if self.all_runs else {}),
        }


@dataclass(slots=True)
class RejectsAccount:
    """What was kept of what records lost, where somebody wanted it kept.

    Attributes:
        name: the file, as the user wrote it.
        kept: records of which all or a part stands in it.
        not_kept: those that could not be written.
    """

    name: str
    kept: int = 0
    not_kept: int = 0


class Ledger:
    """The account of one run."""

    def __init__(self) -> None:
        self.sources: list[SourceAccount] = []
        self.destinations: list[DestinationAccount] = []
        self.rejects: RejectsAccount | None = None
        self.metric_records = 0
        self.other_records = 0
        self.rejected_records = 0
        self.duplicate_records = 0
        self.incomplete_records = 0
        self.values = 0
        self.reasons: Counter[str] = Counter()

    @property
    def records(self) -> int:
        """How many records were read, of every kind."""
        return (
            self.metric_records
            + self.other_records
            + self.rejected_records
            + self.duplicate_records
            + self.incomplete_records
        )

    def open_source(self, name: str) -> SourceAccount:
        """Open the account of a source."""
        self.sources.append(SourceAccount(name))
        return self.sources[-1]

    def open_destination(self, name: str) -> DestinationAccount:
        """Open the account of a destination."""
        self.destinations.append(DestinationAccount(name))
        return self.destinations[-1]

    def open_rejects(self, name: str) -> RejectsAccount:
        """Open the account of the file of rejected records."""
        self.rejects = RejectsAccount(name)
        return self.rejects

    def count(self, record: Record) -> None:
        """Count one record and what was found in it."""
        if isinstance(record, Event):
            self.metric_records += 1
            self.values += record.value_count
            self.count_findings(record.findings)
        elif isinstance(record, Rejected):
            self.rejected_records += 1
            self.count_findings(record.findings)
        elif isinstance(record, Incomplete):
            self.incomplete_records += 1
            self.count_findings(record.findings)
        elif isinstance(record, Duplicate):
            self.duplicate_records += 1
        else:
            self.other_records += 1

    def recount_as_duplicate(self, event: Event) -> None:
        """Count a metric record as a duplicate after all: somebody remembers that it was delivered before."""
        self.metric_records -= 1
        self.duplicate_records += 1
        self.values -= event.value_count
        self.reasons -= Counter(each.reason for each in event.findings)

    def count_flawless(self, *, metric_records: int, other_records: int, values: int) -> None:
        """Count records that were read together, of which nothing is to be said."""
        self.metric_records += metric_records
        self.other_records += other_records
        self.values += values

    def count_findings(self, findings: Iterable[Finding]) -> None:
        """Count findings by reason."""
        for each in findings:
            self.reasons[each.reason] += 1

    def include(self, other: Ledger, *, lines_before: int = 0) -> None:  # noqa: ARG002 - for who keeps places
        """Add the records that somebody else has counted; sources and destinations have accounts of their own.

        Args:
            other: what was counted.
            lines_before: how many lines of the source stand before the first one that was counted there.
        """
        self.metric_records += other.metric_records
        self.other_records += other.other_records
        self.rejected_records += other.rejected_records
        self.duplicate_records += other.duplicate_records
        self.incomplete_records += other.incomplete_records
        self.values += other.values
        self.reasons.update(other.reasons)

    def as_json(self) -> dict[str, Any]:
        """Give the ledger as the schema has it."""
        return {
            "schema_version": SCHEMA_VERSION,
            "lines": sum(source.lines for source in self.sources),
            "records": {
                "total": self.records,
                "metric": self.metric_records,
                "other": self.other_records,
                "rejected": self.rejected_records,
                "duplicate": self.duplicate_records,
                "incomplete": self.incomplete_records,
            },
            "values": self.values,
            "duplicate_window": limits.EVENT_IDS_REMEMBERED,
            "reasons": dict(sorted(self.reasons.items())),
            "sources": [
                {
                    "name": source.name,
                    "lines": source.lines,
                    "read_bytes": source.read_bytes,
                    "already_accepted_bytes": source.already_accepted_bytes,
                }
                for source in self.sources
            ],
            "destinations": [destination.as_json() for destination in self.destinations],
            **({"rejects": asdict(self.rejects)} if self.rejects else {}),
        }
