"""The panels that show an application's metrics, defined once for the report and for every dashboard.

Nothing goes in; one frozen value for each panel comes out: which question it answers, from which metrics, with which
statistics, under which dimension set.
"""

from __future__ import annotations

from dataclasses import dataclass

from flowemf_schemas import names, units

SUM = "Sum"
P50, P95, P99 = "p50", "p95", "p99"


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    Attributes:
        key: a name for it that never changes: an identifier in a page, in a dashboard, in a test.
        title: its heading.
        question: the question that it answers, as a sentence.
        metrics: the metrics that it shows, one curve for each metric, statistic and group.
        statistics: CloudWatch's statistics, https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
        dimensions: the keys of the dimension set that it reads; there is a curve for each of its values. An empty one
            is the roll-up over everything.
        unit: of what is drawn, in CloudWatch's spelling.
        of: where there are any, each metric is drawn as a percentage of the sum of these ones.
        is_stacked: whether the curves add up to something, so that they may stand on each other.
    """

    key: str
    title: str
    question: str
    metrics: tuple[str, ...]
    statistics: tuple[str, ...] = (SUM,)
    dimensions: tuple[str, ...] = ()
    unit: str = units.COUNT
    of: tuple[str, ...] = ()
    is_stacked: bool = False


_ENDED = (names.FLOW_COMPLETED, names.FLOW_ERROR)
_PERCENTILES = (P50, P95, P99)

PANELS = (
    Panel(
        "outcomes",
        "Flows by outcome",
        "How many flows succeeded, failed or were cancelled?",
        (names.FLOW_COMPLETED, names.FLOW_ERROR, names.FLOW_CANCELLED),
        is_stacked=True,
    ),
    # A cancelled flow neither succeeded nor failed: it is part of no rate.
    Panel(
        "rates",
        "Success and error rate",
        "Which share of the flows that came to an end succeeded, and which failed?",
        _ENDED,
        unit=units.PERCENT,
        of=_ENDED,
    ),
    Panel(
        "error-rate-by-flow",
        "Error rate by flow",
        "Which flows fail more often than others?",
        (names.FLOW_ERROR,),
        dimensions=(names.FLOW_NAME,),
        unit=units.PERCENT,
        of=_ENDED,
    ),
    Panel(
        "errors",
        "Errors by type",
        "What do flows fail of?",
        (names.FLOW_ERROR,),
        dimensions=(names.ERROR_TYPE,),
        is_stacked=True,
    ),
    Panel(
        "durations",
        "Duration of flows",
        "How long do flows take: half of them, 95 and 99 of a hundred?",
        (names.FLOW_DURATION,),
        _PERCENTILES,
        unit=units.MILLISECONDS,
    ),
    Panel(
        "durations-by-flow",
        "Duration by flow",
        "Which flows are slow?",
        (names.FLOW_DURATION,),
        (P95,),
        (names.FLOW_NAME,),
        units.MILLISECONDS,
    ),
    Panel(
        "generations",
        "Generations by model",
        "Which models are called how often?",
        (names.GENERATION_COUNT,),
        dimensions=(names.MODEL_ID,),
        is_stacked=True,
    ),
    Panel(
        "generation-errors",
        "Failed generations by type",
        "What do calls of models fail of?",
        (names.GENERATION_ERROR,),
        dimensions=(names.ERROR_TYPE,),
        is_stacked=True,
    ),
    Panel(
        "generation-durations",
        "Duration of generations",
        "How long do models take to answer?",
        (names.GENERATION_DURATION,),
        _PERCENTILES,
        unit=units.MILLISECONDS,
    ),
    Panel(
        "first-token",
        "Time to first token",
        "How long does a reader wait for the first word?",
        (names.TIME_TO_FIRST_TOKEN,),
        _PERCENTILES,
        unit=units.MILLISECONDS,
    ),
    Panel(
        "tokens",
        "Tokens by model",
        "Which models use the tokens?",
        (names.TOKENS_USED,),
        dimensions=(names.MODEL_ID,),
        is_stacked=True,
    ),
    # Kinds contain each other (cached tokens are input tokens, reasoning is output), so they never stand on each other.
    Panel(
        "token-kinds",
        "Tokens by kind",
        "What are the tokens: questions, answers, cache, reasoning?",
        (
            names.INPUT_TOKENS,
            names.OUTPUT_TOKENS,
            names.CACHE_READ_TOKENS,
            names.CACHE_WRITE_TOKENS,
            names.REASONING_TOKENS,
        ),
    ),
    Panel(
        "cost",
        "Estimated cost by model",
        "Which models cost what, at the prices that the application was configured with?",
        (names.ESTIMATED_COST,),
        dimensions=(names.MODEL_ID,),
        unit=units.NONE,
        is_stacked=True,
    ),
)
"""All panels, in the order in which they are shown."""

METRIC_LABELS = {
    names.FLOW_STARTED: "Started",
    names.FLOW_COMPLETED: "Succeeded",
    names.FLOW_ERROR: "Failed",
    names.FLOW_CANCELLED: "Cancelled",
    names.GENERATION_COUNT: "Generations",
    names.GENERATION_ERROR: "Failed",
    names.TOKENS_USED: "All tokens",
    names.INPUT_TOKENS: "Input",
    names.OUTPUT_TOKENS: "Output",
    names.CACHE_READ_TOKENS: "Cache read",
    names.CACHE_WRITE_TOKENS: "Cache write",
    names.REASONING_TOKENS: "Reasoning",
    names.ESTIMATED_COST: "Estimated cost",
}
"""What the curve of a metric is called among those of the same panel."""
