"""The ready-made questions about an application's metrics, as data.

Nothing goes in; one frozen value for each question comes out: its name, its sentence, its SQL over the view METRICS and
what its columns mean.
"""

from __future__ import annotations

from dataclasses import dataclass

from flowemf_schemas import names

BY = "by"
"""The parameter of a question that may be asked of any dimension."""

DEFAULT_BY = "CostCenter"

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        name: what it is called by; it never changes.
        sentence: the question in words.
        columns: each column of the answer with what it means.
        sql: one statement over the view METRICS; of its parameters only `$by` exists.
    """

    name: str
    sentence: str
    columns: tuple[tuple[str, str], ...]
    sql: str

    @property
    def takes_by(self) -> bool:
        """Whether it may be asked of any dimension."""
        return f"${BY}" in self.sql


_MODEL = (names.MODEL_ID, "the model or alias that the caller asked for")
_FLOW = (names.FLOW_NAME, "the flow")
_GENERATIONS = ("Generations", "how many generations there were, failed ones among them")
_TOTAL = ("TotalTokens", "the tokens that the provider reported in total, else input and output together")
_INPUT = ("Input", "tokens that went in, cached ones among them")
_OUTPUT = ("Output", "tokens that came out, reasoning among them")
_SUCCESS = ("Success", "how many completed")
_ERRORS = ("Errors", "how many failed")
_RATE = ("ErrorRate", "failed ones in percent of those that completed or failed; a cancelled one is neither")
_HOUR = ("Hour", "the beginning of the hour, in UTC")


def _percentile_columns(metric: str, counted: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    shares = ((f"P{share}", f"{share} percent of them were not above this {metric}") for share in PERCENTILES)
    return (counted, *shares, ("Longest", f"the largest {metric}"))


def _percentiles(metric: str, key: str, counted: str) -> str:
    """Write the SQL of a metric's percentiles for each value of a dimension.

    A value counts as often as it occurred, and between two values is interpolated, as `quantile_cont` does with values
    that occurred once each. Of a statistic set with different values nobody knows where they lie: it is left out.
    """
    columns = ",\n       ".join(
        f"MAX(Low + (Place - floor(Place)) * (High - Low)) FILTER (Share = {share / 100}) AS P{share}"
        for share in PERCENTILES
    )
    return f"""\
WITH placed AS (
    SELECT {key}, Value,
           SUM(SampleCount) OVER (PARTITION BY {key} ORDER BY Value) AS UpTo,
           SUM(SampleCount) OVER (PARTITION BY {key}) AS N
    FROM METRICS
    WHERE MetricName = '{metric}' AND Minimum = Maximum AND {key} IS NOT NULL
), neighbours AS (
    SELECT {key}, Share, ANY_VALUE(N) AS N, MAX(Value) AS Longest,
           Share * (ANY_VALUE(N) - 1) AS Place,
           MIN(Value) FILTER (UpTo > floor(Share * (N - 1))) AS Low,
           MIN(Value) FILTER (UpTo > ceil(Share * (N - 1))) AS High
    FROM placed, (SELECT UNNEST({[share / 100 for share in PERCENTILES]}::DOUBLE[]) AS Share)
    GROUP BY {key}, Share
)
SELECT {key},
       MAX(N) AS {counted},
       {columns},
       MAX(Longest) AS Longest
FROM neighbours
GROUP BY {key}
ORDER BY P95 DESC, {key}"""  # noqa: S608 - our own names


QUESTIONS = (
    Question(
        "top-models",
        "Which models use the most tokens?",
        (_MODEL, _TOTAL, _INPUT, _OUTPUT, _GENERATIONS),
        """\
SELECT ModelID,
       SUM(TokensUsed) AS TotalTokens,
       SUM(InputTokens) AS Input,
       SUM(OutputTokens) AS Output,
       SUM(GenerationCount) AS Generations
FROM METRICS
WHERE ModelID IS NOT NULL
GROUP BY ModelID
ORDER BY TotalTokens DESC NULLS LAST, ModelID""",
    ),
    Question(
        "error-rate",
        "Which flows fail how often?",
        (_FLOW, _ERRORS, _SUCCESS, _RATE),
        """\
SELECT FlowName,
       SUM(FlowError) AS Errors,
       SUM(FlowCompleted) AS Success,
       SUM(FlowError) / NULLIF(SUM(FlowError) + SUM(FlowCompleted), 0) * 100 AS ErrorRate
FROM METRICS
WHERE FlowName IS NOT NULL
GROUP BY FlowName
ORDER BY ErrorRate DESC NULLS LAST, FlowName""",
    ),
    Question(
        "flows",
        "What became of the flows that were started?",
        (
            _FLOW,
            ("Started", "how many were started"),
            _SUCCESS,
            _ERRORS,
            ("Cancelled", "how many were cancelled"),
            ("Unfinished", "how many ended in none of these ways: still running, killed, or ended in another log"),
        ),
        """\
SELECT FlowName,
       COALESCE(SUM(FlowStarted), 0) AS Started,
       COALESCE(SUM(FlowCompleted), 0) AS Success,
       COALESCE(SUM(FlowError), 0) AS Errors,
       COALESCE(SUM(FlowCancelled), 0) AS Cancelled,
       Started - Success - Errors - Cancelled AS Unfinished
FROM METRICS
WHERE FlowName IS NOT NULL
GROUP BY FlowName
ORDER BY Started DESC, FlowName""",
    ),
    Question(
        "cancelled-flows",
        "Which flows are cancelled how often?",
        (
            _FLOW,
            ("Ended", "how many completed, failed or were cancelled"),
            ("Cancelled", "how many were cancelled"),
            ("CancelledRate", "cancelled ones in percent of those that ended"),
        ),
        """\
SELECT FlowName,
       SUM(FlowCompleted) + SUM(FlowError) + SUM(FlowCancelled) AS Ended,
       SUM(FlowCancelled) AS Cancelled,
       SUM(FlowCancelled) / NULLIF(SUM(FlowCompleted) + SUM(FlowError) + SUM(FlowCancelled), 0) * 100 AS CancelledRate
FROM METRICS
WHERE FlowName IS NOT NULL
GROUP BY FlowName
HAVING SUM(FlowCancelled) > 0
ORDER BY CancelledRate DESC, FlowName""",
    ),
    Question(
        "errors-by-type",
        "What do flows and generations fail of?",
        (
            (names.ERROR_TYPE, "one word for the error"),
            ("FlowErrors", "how many flows failed of it"),
            ("GenerationErrors", "how many generations did"),
        ),
        """\
SELECT ErrorType,
       COALESCE(SUM(FlowError), 0) AS FlowErrors,
       COALESCE(SUM(GenerationError), 0) AS GenerationErrors
FROM METRICS
WHERE MetricName IN ('FlowError', 'GenerationError')
GROUP BY ErrorType
ORDER BY FlowErrors DESC, GenerationErrors DESC, ErrorType""",
    ),
    Question(
        "slow-flows",
        "Which flows are slow, in milliseconds?",
        (_FLOW, *_percentile_columns(names.FLOW_DURATION, ("Runs", "how many ended"))),
        _percentiles(names.FLOW_DURATION, names.FLOW_NAME, "Runs"),
    ),
    Question(
        "flows-per-hour",
        "How many flows ended in each hour, and how?",
        (_HOUR, _SUCCESS, _ERRORS, ("Cancelled", "how many were cancelled"), _RATE),
        """\
SELECT date_trunc('hour', Timestamp) AS Hour,
       SUM(FlowCompleted) AS Success,
       SUM(FlowError) AS Errors,
       SUM(FlowCancelled) AS Cancelled,
       SUM(FlowError) / NULLIF(SUM(FlowError) + SUM(FlowCompleted), 0) * 100 AS ErrorRate
FROM METRICS
WHERE FlowCompleted IS NOT NULL
GROUP BY Hour
ORDER BY Hour""",
    ),
    Question(
        "model-errors",
        "Which models fail how often?",
        (
            _MODEL,
            _GENERATIONS,
            _ERRORS,
            ("ErrorRate", "failed ones in percent of all generations"),
        ),
        """\
SELECT ModelID,
       SUM(GenerationCount) AS Generations,
       COALESCE(SUM(GenerationError), 0) AS Errors,
       COALESCE(SUM(GenerationError), 0) / NULLIF(SUM(GenerationCount), 0) * 100 AS ErrorRate
FROM METRICS
WHERE ModelID IS NOT NULL
GROUP BY ModelID
ORDER BY ErrorRate DESC NULLS LAST, ModelID""",
    ),
    Question(
        "slow-models",
        "Which models are slow, in milliseconds?",
        (_MODEL, *_percentile_columns(names.GENERATION_DURATION, _GENERATIONS)),
        _percentiles(names.GENERATION_DURATION, names.MODEL_ID, "Generations"),
    ),
    Question(
        "first-token",
        "How long does one wait for the first token, in milliseconds?",
        (_MODEL, *_percentile_columns(names.TIME_TO_FIRST_TOKEN, ("Streams", "how many generations were streamed"))),
        _percentiles(names.TIME_TO_FIRST_TOKEN, names.MODEL_ID, "Streams"),
    ),
    Question(
        "tokens-per-hour",
        "How many tokens are used in each hour?",
        (_HOUR, _TOTAL, _INPUT, _OUTPUT),
        """\
SELECT date_trunc('hour', Timestamp) AS Hour,
       SUM(TokensUsed) AS TotalTokens,
       SUM(InputTokens) AS Input,
       SUM(OutputTokens) AS Output
FROM METRICS
WHERE MetricName IN ('TokensUsed', 'InputTokens', 'OutputTokens')
GROUP BY Hour
ORDER BY Hour""",
    ),
    Question(
        "cache-share",
        "Which share of the input came from the cache?",
        (
            _MODEL,
            _INPUT,
            ("CacheRead", "input tokens that were read from the cache"),
            ("CacheWrite", "input tokens that were written to the cache"),
            ("CacheHitRate", "those read from the cache in percent of the input"),
        ),
        """\
SELECT ModelID,
       SUM(InputTokens) AS Input,
       COALESCE(SUM(CacheReadTokens), 0) AS CacheRead,
       COALESCE(SUM(CacheWriteTokens), 0) AS CacheWrite,
       COALESCE(SUM(CacheReadTokens), 0) / NULLIF(SUM(InputTokens), 0) * 100 AS CacheHitRate
FROM METRICS
WHERE ModelID IS NOT NULL
GROUP BY ModelID
HAVING SUM(InputTokens) > 0
ORDER BY CacheHitRate DESC, ModelID""",
    ),
    Question(
        "cost",
        "What does each cost centre cost? (--by: another dimension)",
        (
            ("Dimension", "the value of the dimension; empty for generations that lack it"),
            ("Cost", "the estimated cost, at the prices that the application was configured with"),
            _TOTAL,
            _GENERATIONS,
        ),
        """\
SELECT Dimensions[$by] AS Dimension,
       FSUM(EstimatedCost) AS Cost,
       SUM(TokensUsed) AS TotalTokens,
       SUM(GenerationCount) AS Generations
FROM METRICS
WHERE ModelID IS NOT NULL
GROUP BY Dimension
ORDER BY Cost DESC NULLS LAST, TotalTokens DESC NULLS LAST, Dimension""",
    ),
    Question(
        "metrics",
        "Which metrics are there?",
        (
            ("Namespace", "the namespace"),
            ("MetricName", "the metric"),
            ("Unit", "its unit"),
            ("Samples", "how many values there are"),
            ("Smallest", "the smallest of them"),
            ("Largest", "the largest"),
            ("First", "the time of the earliest, in UTC"),
            ("Last", "the time of the latest, in UTC"),
        ),
        """\
SELECT Namespace, MetricName, Unit,
       SUM(SampleCount) AS Samples,
       MIN(Minimum) AS Smallest,
       MAX(Maximum) AS Largest,
       MIN(Timestamp) AS First,
       MAX(Timestamp) AS Last
FROM METRICS
GROUP BY ALL
ORDER BY Namespace, MetricName, Unit""",
    ),
    Question(
        "dimensions",
        "Which dimensions are there, with how many values?",
        (
            ("Dimension", "the dimension key"),
            ("DistinctValues", "how many different values it has"),
            ("Frequent", "the value with the most rows"),
        ),
        """\
SELECT pair.key AS Dimension,
       COUNT(DISTINCT pair.value) AS DistinctValues,
       MODE(pair.value ORDER BY pair.value) AS Frequent
FROM (SELECT UNNEST(map_entries(Dimensions)) AS pair FROM METRICS)
GROUP BY Dimension
ORDER BY DistinctValues DESC, Dimension""",
    ),
)
"""All questions, in the order in which they are listed."""

QUESTION_BY_NAME = {question.name: question for question in QUESTIONS}
"""Each question by its name."""
