"""The questions that the demo asks the local store, in SQL over its view METRICS.

A store goes in; one row for each flow and for each model comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowemf_processor.sinks.local import LocalStore

_FLOWS = """
WITH flow AS (
    SELECT FlowName,
           sum(FlowStarted)::BIGINT AS runs,
           coalesce(sum(FlowCompleted), 0)::BIGINT AS completed,
           coalesce(sum(FlowError), 0)::BIGINT AS failed,
           coalesce(sum(FlowCancelled), 0)::BIGINT AS cancelled
    FROM METRICS WHERE FlowName IS NOT NULL GROUP BY FlowName
), duration AS (
    SELECT FlowName, quantile_cont(Value, [0.5, 0.95, 0.99]) AS quantiles
    FROM METRICS WHERE MetricName = 'FlowDuration' GROUP BY FlowName
), error AS (
    SELECT FlowName, map(list(ErrorType ORDER BY n DESC, ErrorType), list(n ORDER BY n DESC, ErrorType)) AS types
    FROM (SELECT FlowName, ErrorType, sum(Value)::BIGINT AS n
          FROM METRICS WHERE MetricName = 'FlowError' GROUP BY FlowName, ErrorType)
    GROUP BY FlowName
)
SELECT FlowName, runs, completed, failed, cancelled, quantiles[1], quantiles[2], quantiles[3], types
FROM flow LEFT JOIN duration USING (FlowName) LEFT JOIN error USING (FlowName)
WHERE runs > 0 ORDER BY runs DESC, FlowName
"""
_MODELS = """
SELECT ModelID,
       sum(GenerationCount)::BIGINT AS generations,
       coalesce(sum(GenerationError), 0)::BIGINT AS errors,
       coalesce(sum(InputTokens), 0)::BIGINT AS input_tokens,
       coalesce(sum(OutputTokens), 0)::BIGINT AS output_tokens,
       coalesce(sum(TokensUsed), 0)::BIGINT AS total_tokens,
       quantile_cont(Value, 0.95) FILTER (WHERE MetricName = 'GenerationDuration') AS p95_ms
FROM METRICS WHERE ModelID IS NOT NULL GROUP BY ModelID
HAVING sum(GenerationCount) > 0 ORDER BY total_tokens DESC, ModelID
"""


@dataclass(frozen=True, slots=True)
class FlowRow:
    """What is known of one flow; durations in milliseconds, None where it never ended."""

    name: str
    runs: int
    completed: int
    failed: int
    cancelled: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    errors: dict[str, int] | None

    @property
    def success_rate(self) -> float | None:
        """Completed runs as a share of those that completed or failed: who cancels says nothing about success."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else None


@dataclass(frozen=True, slots=True)
class ModelRow:
    """What is known of one model; the duration in milliseconds."""

    model_id: str
    generations: int
    errors: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    p95_ms: float | None


def flows(store: LocalStore) -> list[FlowRow]:
    """Ask for the flows, the busiest first."""
    return [FlowRow(*row) for row in store.query(_FLOWS)]


def models(store: LocalStore) -> list[ModelRow]:
    """Ask for the models, the one with the most tokens first."""
    return [ModelRow(*row) for row in store.query(_MODELS)]
