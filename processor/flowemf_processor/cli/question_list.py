"""Shows the ready-made questions, and how CloudWatch asks them.

A question goes in; lines of text or one JSON value come out.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.insight.cloudwatch_queries import LOGS_REMARK, METRICS_REMARK, cloudwatch_queries
from flowemf_processor.core.insight.questions import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.core.insight.questions import Question

COLUMNS = ("Name", "Question")
_WIDTH = 80


def listed() -> Iterator[tuple[str, str]]:
    """Give a row for each question: name and sentence."""
    return ((question.name, question.sentence) for question in QUESTIONS)


def listed_as_json() -> list[dict[str, Any]]:
    """Give everything that is known of each question."""
    return [
        {
            "name": question.name,
            "question": question.sentence,
            "columns": dict(question.columns),
            "sql": question.sql,
        }
        for question in QUESTIONS
    ]


def in_cloudwatch(question: Question, namespace: str, by: str) -> Iterator[str]:
    """Write a question in CloudWatch's languages, for people.

    Args:
        question: the question.
        namespace: the namespace of the metrics.
        by: the dimension, where the question takes one.

    Yields:
        The lines.
    """
    asked = cloudwatch_queries(question.name, namespace=namespace, by=by)
    yield question.sentence
    if asked.logs_insights:
        yield from ("", "CloudWatch Logs Insights (choose the log group of the application):", "")
        yield from asked.logs_insights.splitlines()
        yield from ("", *_wrapped(LOGS_REMARK))
    if asked.metrics_insights:
        yield from ("", "CloudWatch Metrics Insights:")
        for query in asked.metrics_insights:
            yield from ("", query)
        yield from ("", *_wrapped(METRICS_REMARK))
    if asked.lacking:
        yield from ("", *_wrapped(asked.lacking))


def _wrapped(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from textwrap.wrap(line, _WIDTH, break_long_words=False, break_on_hyphens=False)


def in_cloudwatch_as_json(question: Question, namespace: str, by: str) -> dict[str, Any]:
    """Write the same for programs; `logs_insights` is null where the question cannot be asked there."""
    asked = cloudwatch_queries(question.name, namespace=namespace, by=by)
    return {
        "name": question.name,
        "question": question.sentence,
        "logs_insights": asked.logs_insights or None,
        "metrics_insights": list(asked.metrics_insights),
        "lacking": asked.lacking,
    }
