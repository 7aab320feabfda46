"""Reasons which road metrics take to CloudWatch: extraction by CloudWatch Logs, or PutMetricData.

What is known of a log group, or of one request to it, goes in; the road and the reason for it come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from flowemf_processor.model import Outcome, State

EXTRACTION, FALLBACK = "PutLogEvents", "PutMetricData"
"""The names of the roads: the calls that are made on them."""

STANDARD = "STANDARD"
NO_LOG_GROUP, ACCESS_DENIED, UNREACHABLE = "no-log-group", "access-denied", "unreachable"


class Found(str, Enum):
    """What came of looking at a log group."""

    THERE = "there"
    MISSING = "missing"
    FORBIDDEN = "forbidden"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """What is known of a log group.

    Attributes:
        name: its name.
        found: what came of looking at it.
        log_class: its class, where it is there.
        retention_days: how long it keeps events; None for ever.
        said: what the service said, where it did not show the group.
    """

    name: str
    found: Found
    log_class: str = ""
    retention_days: int | None = None
    said: str = ""

    @property
    def extracts(self) -> bool:
        """Whether CloudWatch extracts metrics there: only of the standard class.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html
        """
        return self.found is Found.THERE and self.log_class == STANDARD


@dataclass(frozen=True, slots=True)
class Road:
    """A road, and the facts that speak for it."""

    name: str
    because: str


def road_for(facts: GroupFacts) -> Road:
    """Choose the road by what is known before anything is sent.

    Args:
        facts: what is known of the log group.

    Returns:
        Extraction where it is known to work, else PutMetricData.
    """
    group = f"log group {facts.name}"
    if facts.extracts:
        keeps = "for ever" if facts.retention_days is None else f"for {facts.retention_days} days"
        return Road(EXTRACTION, f"{group} is of the class {STANDARD}, which extracts metrics, and keeps events {keeps}")
    if facts.found is Found.THERE:
        return Road(FALLBACK, f"{group} is of the class {facts.log_class}, which extracts no metrics")
    if facts.found is Found.MISSING:
        return Road(FALLBACK, f"there is no {group} ({facts.said})")
    if facts.found is Found.FORBIDDEN:
        return Road(FALLBACK, f"{group} may not be used ({facts.said})")
    return Road(FALLBACK, f"CloudWatch Logs cannot be reached ({facts.said})")


def closes_extraction(outcome: Outcome, *, is_first: bool) -> bool:
    """Tell whether an answer closes the road of extraction for good.

    Only what certainly took nothing does: whatever may have been taken must never be sent on another road, too.

    Args:
        outcome: of one PutLogEvents request, after all attempts.
        is_first: whether nothing has been taken on this road before: an endpoint that has answered will be back.
    """
    if outcome.state is not State.PENDING or outcome.sent_again:
        return False
    return outcome.reason in (NO_LOG_GROUP, ACCESS_DENIED) or (is_first and outcome.reason == UNREACHABLE)
