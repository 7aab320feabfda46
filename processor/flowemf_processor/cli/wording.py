"""Words for numbers.

Counts and sizes go in; phrases come out, the same in every command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.core.ledger import Ledger


def counted(count: int, noun: str) -> str:
    """Say how many there are.

    >>> counted(1, "line"), counted(2000, "line")
    ('1 line', '2,000 lines')
    """
    return f"{count:,} {noun if count == 1 else noun + 's'}"


def sized(size_bytes: int) -> str:
    """Say how large something is.

    >>> sized(999), sized(2_340_000)
    ('999 bytes', '2.3 MB')
    """
    if size_bytes < 1000:
        return counted(size_bytes, "byte")
    for unit, unit_bytes in (("GB", 10**9), ("MB", 10**6)):
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.1f} {unit}"
    return f"{size_bytes / 1000:.1f} kB"


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
