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
        (
            _by_label(names.TOKENS_USED, names.MODEL_ID),
            _by_label(names.INPUT_TOKENS, names.MODEL_ID),
            _by_label(names.OUTPUT_TOKENS, names.MODEL_ID),
        ),
    ),
    "error-rate": CloudWatchQueries(
        _OUTCOMES
        + """\
| stats sum(did_fail) as Errors, sum(did_complete) as Success, Errors * 100 / (Errors + Success) as ErrorRate
  by FlowName
| sort ErrorRate desc""",
        (_by_label(names.FLOW_ERROR, names.FLOW_NAME), _by_label(names.FLOW_COMPLETED, names.FLOW_NAME)),
        _no_rate(names.FLOW_ERROR, names.FLOW_COMPLETED, "(e + c)"),
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
        tuple(
            _by_label(each, names.FLOW_NAME)
            for each in (names.FLOW_STARTED, names.FLOW_COMPLETED, names.FLOW_ERROR, names.FLOW_CANCELLED)
        ),
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
        (_by_label(names.FLOW_CANCELLED, names.FLOW_NAME),),
        "Metrics Insights gives how many, not which share.",
    ),
    "errors-by-type": CloudWatchQueries(
        """\
filter ispresent(FlowError) or ispresent(GenerationError)
| fields coalesce(FlowError, 0) as flow_failed, coalesce(GenerationError, 0) as generation_failed
| stats sum(flow_failed) as FlowErrors, sum(generation_failed) as GenerationErrors by ErrorType
| sort FlowErrors desc""",
        (_by_label(names.FLOW_ERROR, names.ERROR_TYPE), _by_label(names.GENERATION_ERROR, names.ERROR_TYPE)),
    ),
    "slow-flows": CloudWatchQueries(
        _logs_percentiles(names.FLOW_DURATION, names.FLOW_NAME, "Runs"),
        (
            _by_label(names.FLOW_DURATION, names.FLOW_NAME, "AVG"),
            _by_label(names.FLOW_DURATION, names.FLOW_NAME, "MAX"),
        ),
        _no_percentiles(names.FLOW_DURATION, names.FLOW_NAME),
    ),
    "flows-per-hour": CloudWatchQueries(
        _OUTCOMES
        + """\
| stats sum(did_complete) as Success, sum(did_fail) as Errors, sum(did_cancel) as Cancelled,
        Errors * 100 / (Errors + Success) as ErrorRate
  by bin(1h)""",
        (_over_all(names.FLOW_COMPLETED), _over_all(names.FLOW_ERROR), _over_all(names.FLOW_CANCELLED)),
        "Choose a period of one hour for Metrics Insights; metric math makes the rate: 100 * e / (e + c).",
    ),
    "model-errors": CloudWatchQueries(
        _GENERATION
        + """\
| fields coalesce(GenerationError, 0) as did_fail
| stats sum(GenerationCount) as Generations, sum(did_fail) as Errors, Errors * 100 / Generations as ErrorRate by ModelID
| sort ErrorRate desc""",
        (_by_label(names.GENERATION_ERROR, names.MODEL_ID), _by_label(names.GENERATION_COUNT, names.MODEL_ID)),
        _no_rate(names.GENERATION_ERROR, names.GENERATION_COUNT, "c"),
    ),
    "slow-models": CloudWatchQueries(
        _logs_percentiles(names.GENERATION_DURATION, names.MODEL_ID, "Generations"),
        (
            _by_label(names.GENERATION_DURATION, names.MODEL_ID, "AVG"),
            _by_label(names.GENERATION_DURATION, names.MODEL_ID, "MAX"),
        ),
        _no_percentiles(names.GENERATION_DURATION, names.MODEL_ID),
    ),
    "first-token": CloudWatchQueries(
        _logs_percentiles(names.TIME_TO_FIRST_TOKEN, names.MODEL_ID, "Streams"),
        (
            _by_label(names.TIME_TO_FIRST_TOKEN, names.MODEL_ID, "AVG"),
            _by_label(names.TIME_TO_FIRST_TOKEN, names.MODEL_ID, "MAX"),
        ),
        _no_percentiles(names.TIME_TO_FIRST_TOKEN, names.MODEL_ID),
    ),
    "tokens-per-hour": CloudWatchQueries(
        _GENERATION
        + """\
| stats sum(TokensUsed) as TotalTokens, sum(InputTokens) as Input, sum(OutputTokens) as Output by bin(1h)""",
        (_over_all(names.TOKENS_USED), _over_all(names.INPUT_TOKENS), _over_all(names.OUTPUT_TOKENS)),
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
        (_by_label(names.CACHE_READ_TOKENS, names.MODEL_ID), _by_label(names.INPUT_TOKENS, names.MODEL_ID)),
        _no_rate(names.CACHE_READ_TOKENS, names.INPUT_TOKENS, "c"),
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
_COST_BY_MODEL = CloudWatchQueries(_QUERIES["cost"].logs_insights, (_by_label(names.ESTIMATED_COST, names.MODEL_ID),))
