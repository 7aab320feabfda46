"""What is wrong with a ledger: its shape, and the sums that must balance.

A ledger as JSON carries it goes in; sentences come out, none for a ledger that balances.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowemf_schemas import validator

_RECORD_KINDS = ("metric", "other", "rejected", "duplicate", "incomplete")
_STATES = ("accepted", "refused", "pending", "ambiguous")


def examine_ledger(ledger: Mapping[str, Any]) -> list[str]:
    """List what is wrong with a ledger: its shape, and the sums that must balance.

    Args:
        ledger: the ledger as JSON carries it.

    Returns:
        Sentences; empty for a ledger that balances.
    """
    problems = [f"{error.json_path}: {error.message[:200]}" for error in validator("ledger").iter_errors(ledger)]
    if problems:
        return problems
    records = ledger["records"]
    if records["total"] != sum(records[kind] for kind in _RECORD_KINDS):
        problems.append(f"records do not balance: {records}")
    rejects = ledger.get("rejects")
    if rejects and rejects["kept"] + rejects["not_kept"] < records["rejected"]:
        problems.append(f"{records['rejected']} rejected records are more than {rejects}")
    for destination in ledger["destinations"]:
        for counted, total in (("datapoints", "extracted"), ("requests", "planned")):
            counts = destination[counted]
            if counts[total] != sum(counts[state] for state in _STATES):
                problems.append(f"{counted} of {destination['name']} do not balance: {counts}")
    return problems
