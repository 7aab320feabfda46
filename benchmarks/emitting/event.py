"""The one event that every way of emitting writes: two metrics, five dimensions, three bound properties.

A flow's name and duration go in; the document comes out, and a form of any line in which equal documents are equal.
"""

from __future__ import annotations

import json
from typing import Any

NAMESPACE = "MyApp/GenKit"
CUSTOM_DIMENSIONS = {"Environment": "production", "Team": "ai-platform", "service": "support-assistant"}
BOUND = {"request_id": "req-7f3a9c1e5b", "tenant": "acme", "attempt": 1}
# What flowemf adds to each of its lines. The peers write it too, so that the documents are the same.
CONSTANT = {"event": "flow.end", "schema_version": 1}
METRICS = (("FlowCompleted", "Count"), ("FlowDuration", "Milliseconds"))
DIMENSION_KEYS = (*CUSTOM_DIMENSIONS, "FlowName", "Status")

# Names that repeat and durations that do not: what a program emits.
NAMES = ("answer-question", "summarise", "classify-ticket", "translate", "extract", "rank", "embed-manual", "route")
EVENTS = tuple((NAMES[number % len(NAMES)], round(12.5 + number * 1.377, 3)) for number in range(512))


def document(name: str, duration_ms: float, timestamp_ms: int) -> dict[str, Any]:
    """Build the whole document of one event."""
    return {
        "_aws": {
            "Timestamp": timestamp_ms,
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [list(DIMENSION_KEYS)],
                    "Metrics": [{"Name": metric, "Unit": unit} for metric, unit in METRICS],
                }
            ],
        },
        **CUSTOM_DIMENSIONS,
        "FlowName": name,
        "Status": "Success",
        "FlowCompleted": 1,
        "FlowDuration": duration_ms,
        **CONSTANT,
        **BOUND,
    }


def comparable(line: bytes) -> dict[str, Any]:
    """Parse a line into a form in which documents with the same numbers are equal.

    The timestamp becomes 0, a list of one value that value, and the order of dimensions and members does not count.
    """
    found: dict[str, Any] = json.loads(line)
    for metric, _ in METRICS:
        value = found.get(metric)
        found[metric] = value[0] if isinstance(value, list) and len(value) == 1 else value
    assert isinstance(found["_aws"]["Timestamp"], int)
    found["_aws"]["Timestamp"] = 0
    for directive in found["_aws"]["CloudWatchMetrics"]:
        directive["Dimensions"] = sorted(sorted(keys) for keys in directive["Dimensions"])
        directive["Metrics"] = sorted(directive["Metrics"], key=lambda metric: str(metric["Name"]))
    return found
