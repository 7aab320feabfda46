"""What one check of the doctor says.

A check's findings go in; checks in the order of their urgency come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Status(str, Enum):
    """How a check ended, the most urgent first."""

    PROBLEM = "problem"
    NOTE = "note"
    NOT_DONE = "not done"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Check:
    """What one check says.

    Attributes:
        name: what it is about.
        status: how it ended; one that could not be done is no success.
        looked_at: what was looked at.
        found: what was found, or why it could not be done.
        remedies: what to do, one sentence or command each.
    """

    name: str
    status: Status
    looked_at: str
    found: str
    remedies: tuple[str, ...] = ()


def by_urgency(checks: Iterable[Check]) -> list[Check]:
    """Put the most urgent first; those of one urgency stay as they are."""
    order = list(Status)
    return sorted(checks, key=lambda each: order.index(each.status))
