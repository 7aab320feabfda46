"""Adds up what faults did to a delivery.

Runs, a CloudWatch and what was found of both go in; the table of docs/reliability.md comes out.
"""

from __future__ import annotations

from collections.abc import Iterable

from cloudwatch_server import CloudWatchServer
from commands import Runs
from delivered import Verdict

HEAD = (
    "fault",
    "times",
    "requests",
    "datapoints",
    "missing",
    "given up or refused",
    "twice",
    "reported as sent again",
)


def figures_of(runs: Runs, cloudwatch: CloudWatchServer, verdict: Verdict, *, moments: int) -> list[int]:
    """Give one test's figures, in the order of the table's columns.

    Args:
        runs: what the last ledger says is the account of all of them.
        cloudwatch: where requests arrived.
        verdict: how what it kept differs from the log.
        moments: how often the fault happened.
    """
    total = runs.ledgers[-1]["destinations"][0]["all_runs"]
    lost = total["given_up"] + total["refused"]
    arrived = len(cloudwatch.requests)
    return [moments, arrived, total["accepted"] + lost, verdict.missing, lost, verdict.surplus, total["sent_again"]]


def as_table(figures: Iterable[tuple[str, list[int]]]) -> list[str]:
    """Add up the figures of each fault, and set them as a table in Markdown."""
    sums: dict[str, list[int]] = {}
    for fault, found in figures:
        sums[fault] = [sum(pair) for pair in zip(sums.get(fault, [0] * len(found)), found, strict=True)]
    rows = [HEAD, ("---", *["---:"] * (len(HEAD) - 1))]
    rows += [(fault, *(f"{number:,}" for number in found)) for fault, found in sorted(sums.items())]
    return [f"| {' | '.join(row)} |" for row in rows]
