"""A ledger that also remembers where, and what people are told of it: what the counts alone do not say.

Records go in as into any ledger; the first place of each defect, the number of invalid lines and sentences come out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowemf_processor.cli.output.streams import counted, sized
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.model import Event, Position, Rejected
from flowemf_schemas.verdicts import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.model import Record
    from flowemf_schemas.rules import Finding

UNREADABLE = ("source-unreadable", "source-truncated", "source-damaged", "source-expands-too-far")


class PlacedLedger(Ledger):
    """The account of one run, with places."""

    def __init__(self) -> None:
        super().__init__()
        self.first_places: dict[str, tuple[Position, Finding]] = {}
        """By reason code: the first finding, and where its record begins; line 0 stands for the source as a whole."""
        self.invalid_records = 0
        """Records of which something cannot be used; notes don't count."""
        self.notes = 0
        """How many of the findings cost nothing."""

    @property
    def metric_lines(self) -> int:
        """The records that are, or try to be, metric records."""
        return self.metric_records + self.rejected_records

    @property
    def unreadable_sources(self) -> int:
        """Sources that could not be read to their end."""
        return sum(self.reasons[reason] for reason in UNREADABLE)

    def include(self, other: Ledger, *, lines_before: int = 0) -> None:
        """Add what somebody else has counted, with its places."""
        super().include(other)
        if isinstance(other, PlacedLedger):
            self.invalid_records += other.invalid_records
            self.notes += other.notes
            for reason, (position, found) in other.first_places.items():
                line = position.line + lines_before if position.line else 0
                self.first_places.setdefault(reason, (replace(position, line=line), found))

    def count(self, record: Record) -> None:
        """Count one record and what was found in it."""
        if isinstance(record, (Event, Rejected)):
            self.invalid_records += any(found.scope is not Scope.NOTE for found in record.findings)
        for found in getattr(record, "findings", ()):
            self.first_places.setdefault(found.reason, (record.position, found))
        super().count(record)

    def count_findings(self, findings: Iterable[Finding]) -> None:
        """Count findings by reason; those that came with no record belong to the source being read."""
        findings = list(findings)
        for found in findings:
            self.first_places.setdefault(found.reason, (Position(self.sources[-1].name, 0, 0), found))
            self.notes += found.scope is Scope.NOTE
        super().count_findings(findings)


def rejects_summary(ledger: Ledger) -> Iterator[str]:
    """Say what was kept of rejected records, where that was wanted."""
    if ledger.rejects is not None:
        lost = f"; {counted(ledger.rejects.not_kept, 'record')} could not be written" if ledger.rejects.not_kept else ""
        yield f"rejects: {counted(ledger.rejects.kept, 'record')} added to {ledger.rejects.name}{lost}"


def read_summary(ledger: Ledger) -> str:
    """Say what was read, and what the records were."""
    lines = sum(source.lines for source in ledger.sources)
    read_bytes = sum(source.read_bytes for source in ledger.sources)
    kinds = [
        f"{ledger.metric_records:,} metric",
        f"{ledger.other_records:,} other",
        f"{ledger.rejected_records:,} rejected",
    ]
    if ledger.duplicate_records:
        kinds.append(f"{ledger.duplicate_records:,} duplicate")
    if ledger.incomplete_records:
        kinds.append(f"{ledger.incomplete_records:,} incomplete")
    where = counted(len(ledger.sources), "source")
    return f"{counted(lines, 'line')} in {where} ({sized(read_bytes)}): {', '.join(kinds)}"
