"""The ready-made questions as CloudWatch asks them: Logs Insights over the lines, Metrics Insights over the metrics.

The name of a question, a namespace and a dimension go in; queries to paste come out, with what cannot be asked there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flowemf_processor.core.insight.questions import DEFAULT_BY, PERCENTILES
from flowemf_schemas import names

_NAMESPACE, _BY = "{namespace}", "{by}"
_PLAIN_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")

LOGS_REMARK = (
    "Logs Insights reads lines of one event each: with metric_buffer_size above 1 or sample_rate below 1, numbers "
    "stand in arrays, which it does not add up. Ask Metrics Insights, or flowemf query."
)
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html"""

METRICS_REMARK = (
    "Metrics Insights reads at most two weeks back and gives one number for each period: choose the period as long as "
    "the time range for totals. It reads the roll-ups, so that it needs rollups other than none."
)
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-limits.html"""


@dataclass(frozen=True, slots=True)
class CloudWatchQueries:
    """A question in CloudWatch's languages.

    Attributes:
        logs_insights: the query; empty where it cannot be asked there.
        metrics_insights: a query for each metric, since one query reads one metric.
        lacking: what cannot be asked, and what serves instead; empty where nothing is lacking.
    """

    logs_insights: str
    metrics_insights: tuple[str, ...] = ()
    lacking: str = ""


def cloudwatch_queries(question: str, *, namespace: str, by: str = DEFAULT_BY) -> CloudWatchQueries:
    """Write a question in CloudWatch's languages.

    Args:
        question: its name.
        namespace: the namespace of the metrics.
        by: the dimension key, for a question that takes one.

    Returns:
        The queries.
    """
    asked = _COST_BY_MODEL if (question, by) == ("cost", names.MODEL_ID) else _QUERIES[question]

    def metric_text(text: str) -> str:
        return text.replace(_NAMESPACE, _quoted(namespace)).replace(_BY, _label(by))

    return CloudWatchQueries(
        asked.logs_insights.replace(_BY, _field(by)),
        tuple(map(metric_text, asked.metrics_insights)),
        metric_text(asked.lacking),
    )


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _label(key: str) -> str:
    """Write a dimension key as Metrics Insights wants it: quoted unless it has letters, digits and underscores only."""
    return key if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) else _quoted(key)


def _field(key: str) -> str:
    """Write a field as Logs Insights wants it: in backticks where it has other characters than a plain name."""
    return key if _PLAIN_FIELD.fullmatch(key) else f"`{key}`"


def _logs_percentiles(metric: str, key: str, counted: str) -> str:
    shares = ",\n        ".join(f"pct({metric}, {share}) as P{share}" for share in PERCENTILES)
    return f"""\
filter ispresent({metric})
| stats count({metric}) as {counted},
        {shares},
        max({metric}) as Longest
  by {key}
| sort P95 desc"""


def _by_label(metric: str, label: str, function: str = "SUM") -> str:
    source = f"SCHEMA({_NAMESPACE}, {label})"
    return f"SELECT {function}({metric}) FROM {source} GROUP BY {label} ORDER BY {function}() DESC"  # noqa: S608 - ours


def _over_all(metric: str) -> str:
    return f"SELECT SUM({metric}) FROM SCHEMA({_NAMESPACE})"  # noqa: S608 - ours


def _no_percentiles(metric: str, label: str) -> str:
    return (
        "Metrics Insights knows no percentiles, only the mean and the largest value. A search in metric math has "
        "them:\n"
        f"SEARCH('{{{_NAMESPACE},{label}}} MetricName=\"{metric}\"', 'p95', 3600)"
    )


def _no_rate(failed: str, other: str, total: str) -> str:
    return (
        "Metrics Insights cannot divide one metric by another for each group. For one group, metric math divides the "
        f"sums: with e = {failed} and c = {other}, 100 * e / {total}."
    )


_OUTCOMES = """\
filter ispresent(FlowDuration)
| fields coalesce(FlowCompleted, 0) as did_complete, coalesce(FlowError, 0) as did_fail,
         coalesce(FlowCancelled, 0) as did_cancel
"""
_GENERATION = "filter ispresent(GenerationCount)\n"

_QUERIES = {
    "top-models": CloudWatchQueries(
        _GENERATION
        + """\
| stats sum(TokensUsed) as TotalTokens, sum(InputTokens) as Input, sum(OutputTokens) as Output,
        sum(GenerationCount) as Generations
  by ModelID
| sort TotalTokens desc""",
        (_by_label("TokensUsed", "ModelID"), _by_label("InputTokens", "ModelID"), _by_label("OutputTokens", "ModelID")),
    ),
    "error-rate": CloudWatchQueries(
        _OUTCOMES
        + """\
| stats sum(did_fail) as Errors, sum(did_complete) as Success, Errors * 100 / (Errors + Success) as ErrorRate
  by FlowName
| sort ErrorRate desc""",
        (_by_label("FlowError", "FlowName"), _by_label("FlowCompleted", "FlowName")),
        _no_rate("FlowError", "FlowCompleted", "(e + c)"),
    ),
    "flows": CloudWatchQueries(
        """\
filter ispresent(FlowStarted) or ispresent(FlowDuration)
| fields coalesce(FlowStarted, 0) as begun, coalesce(FlowCompleted, 0) as did_complete,
         coalesce(FlowError, 0) as did_fail, coalesce(FlowCancelled, 0) as did_cancel
| stats sum(begun) as Started, sum(did_complete) as Success, sum(did_fail) as Errors, sum(did_cancel) as Cancelled,
        Started - Success - Errors - Cancelled as Unfinished
  by FlowName
| sort Started desc""",
        tuple(_by_label(each, "FlowName") for each in ("FlowStarted", "FlowCompleted", "FlowError", "FlowCancelled")),
        "Metrics Insights cannot subtract one metric from another for each group: compare the four.",
    ),
    "cancelled-flows": CloudWatchQueries(
        _OUTCOMES
        + """\
| stats sum(did_complete) + sum(did_fail) + sum(did_cancel) as Ended, sum(did_cancel) as Cancelled,
        Cancelled * 100 / Ended as CancelledRate
  by FlowName
| filter Cancelled > 0
| sort CancelledRate desc""",
        (_by_label("FlowCancelled", "FlowName"),),
        "Metrics Insights gives how many, not which share.",
    ),
    "errors-by-type": CloudWatchQueries(
        """\
filter ispresent(FlowError) or ispresent(GenerationError)
| fields coalesce(FlowError, 0) as flow_failed, coalesce(GenerationError, 0) as generation_failed
| stats sum(flow_failed) as FlowErrors, sum(generation_failed) as GenerationErrors by ErrorType
| sort FlowErrors desc""",
        (_by_label("FlowError", "ErrorType"), _by_label("GenerationError", "ErrorType")),
    ),
    "slow-flows": CloudWatchQueries(
        _logs_percentiles("FlowDuration", "FlowName", "Runs"),
        (_by_label("FlowDuration", "FlowName", "AVG"), _by_label("FlowDuration", "FlowName", "MAX")),
        _no_percentiles("FlowDuration", "FlowName"),
    ),
    "flows-per-hour": CloudWatchQueries(
        _OUTCOMES
        + """\
| stats sum(did_complete) as Success, sum(did_fail) as Errors, sum(did_cancel) as Cancelled,
        Errors * 100 / (Errors + Success) as ErrorRate
  by bin(1h)""",
        (_over_all("FlowCompleted"), _over_all("FlowError"), _over_all("FlowCancelled")),
        "Choose a period of one hour for Metrics Insights; metric math makes the rate: 100 * e / (e + c).",
    ),
    "model-errors": CloudWatchQueries(
        _GENERATION
        + """\
| fields coalesce(GenerationError, 0) as did_fail
| stats sum(GenerationCount) as Generations, sum(did_fail) as Errors, Errors * 100 / Generations as ErrorRate by ModelID
| sort ErrorRate desc""",
        (_by_label("GenerationError", "ModelID"), _by_label("GenerationCount", "ModelID")),
        _no_rate("GenerationError", "GenerationCount", "c"),
    ),
    "slow-models": CloudWatchQueries(
        _logs_percentiles("GenerationDuration", "ModelID", "Generations"),
        (_by_label("GenerationDuration", "ModelID", "AVG"), _by_label("GenerationDuration", "ModelID", "MAX")),
        _no_percentiles("GenerationDuration", "ModelID"),
    ),
    "first-token": CloudWatchQueries(
        _logs_percentiles("TimeToFirstToken", "ModelID", "Streams"),
        (_by_label("TimeToFirstToken", "ModelID", "AVG"), _by_label("TimeToFirstToken", "ModelID", "MAX")),
        _no_percentiles("TimeToFirstToken", "ModelID"),
    ),
    "tokens-per-hour": CloudWatchQueries(
        _GENERATION
        + """\
| stats sum(TokensUsed) as TotalTokens, sum(InputTokens) as Input, sum(OutputTokens) as Output by bin(1h)""",
        (_over_all("TokensUsed"), _over_all("InputTokens"), _over_all("OutputTokens")),
        "Choose a period of one hour for Metrics Insights.",
    ),
    "cache-share": CloudWatchQueries(
        """\
filter ispresent(InputTokens)
| fields coalesce(CacheReadTokens, 0) as read, coalesce(CacheWriteTokens, 0) as written
| stats sum(InputTokens) as Input, sum(read) as CacheRead, sum(written) as CacheWrite,
        CacheRead * 100 / Input as CacheHitRate
  by ModelID
| sort CacheHitRate desc""",
        (_by_label("CacheReadTokens", "ModelID"), _by_label("InputTokens", "ModelID")),
        _no_rate("CacheReadTokens", "InputTokens", "c"),
    ),
    "cost": CloudWatchQueries(
        _GENERATION
        + f"""\
| stats sum(EstimatedCost) as Cost, sum(TokensUsed) as TotalTokens, sum(GenerationCount) as Generations by {_BY}
| sort Cost desc""",
        (f"SELECT SUM(EstimatedCost) FROM {_NAMESPACE} GROUP BY {_BY} ORDER BY SUM() DESC",),  # noqa: S608 - ours
        f"Only the full dimension set has {_BY}; the group Other of Metrics Insights is the sum of the roll-ups, which "
        "count the same money again: leave it out.",
    ),
    "metrics": CloudWatchQueries(
        "",
        (),
        f"Neither lists metrics. The API does: aws cloudwatch list-metrics --namespace {_NAMESPACE}",
    ),
    "dimensions": CloudWatchQueries(
        "",
        (),
        "Neither lists dimensions. The API does, with those of each metric: "
        f"aws cloudwatch list-metrics --namespace {_NAMESPACE}",
    ),
}

# A model has a roll-up of its own, beside which the full set would count twice.
_COST_BY_MODEL = CloudWatchQueries(_QUERIES["cost"].logs_insights, (_by_label("EstimatedCost", "ModelID"),))
