"""Makes the lines of flows and generations that the tests of the report count by themselves.

Names, times and numbers go in; the lines that the emitter would write of them come out, as mappings.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

ERRORS = ("Timeout", "RateLimit", "GenericError")
START_MS = 1_790_000_000_000
_START_OF_MINUTE_MS = START_MS // 60_000 * 60_000


def flow_line(name: str, at_ms: int, duration_ms: float, error: str | None = None, **dimensions: str) -> dict[str, Any]:
    """Make the line of a flow's end, as the emitter writes it."""
    status = "Error" if error else "Success"
    outcome = "FlowError" if error else "FlowCompleted"
    full = [*dimensions, "FlowName", "Status"]
    directives = [
        _directive(full, [("FlowDuration", "Milliseconds")]),
        _directive([*full, "ErrorType"] if error else full, [(outcome, "Count")]),
    ]
    values = {"FlowName": name, "Status": status, outcome: 1, "FlowDuration": duration_ms}
    return _line(at_ms, directives, dimensions | values | ({"ErrorType": error} if error else {}))


def generation_line(model: str, at_ms: int, duration_ms: float, tokens: tuple[int, int], **dimensions: str) -> Any:
    """Make the line of a generation, as the emitter writes it."""
    values = {"GenerationCount": 1, "GenerationDuration": duration_ms, "InputTokens": tokens[0]}
    values |= {"OutputTokens": tokens[1], "TokensUsed": sum(tokens), "EstimatedCost": sum(tokens) / 2**20}
    directive = _directive([*dimensions, "ModelID"], [(name, "None") for name in values])
    return _line(at_ms, [directive], dimensions | {"ModelID": model} | values)


def _directive(keys: list[str], metrics: Iterable[tuple[str, str]]) -> dict[str, Any]:
    listed = [{"Name": name, "Unit": unit} for name, unit in metrics]
    return {"Namespace": "Report/Tests", "Dimensions": [keys, []], "Metrics": listed}


def _line(at_ms: int, directives: list[dict[str, Any]], members: dict[str, Any]) -> dict[str, Any]:
    return {"_aws": {"Timestamp": _START_OF_MINUTE_MS + at_ms, "CloudWatchMetrics": directives}, **members}


def hour_of_lines() -> list[dict[str, Any]]:
    """Make an hour of flows and generations, in two environments."""
    chance = random.Random(7)
    made = []
    for _ in range(600):
        at_ms, environment = chance.randrange(3_600_000), chance.choice(["Production", "Production", "Staging"])
        name, duration_ms = chance.choice(["chat", "search", "ingest"]), round(chance.lognormvariate(6, 1), 3)
        error = chance.choice(ERRORS) if chance.random() < 0.15 else None
        made.append(flow_line(name, at_ms, duration_ms, error, Environment=environment))
        model, tokens = chance.choice(["small", "large"]), (chance.randrange(2000), chance.randrange(500))
        made.append(generation_line(model, at_ms, 2 * duration_ms, tokens, Environment=environment))
    return made
