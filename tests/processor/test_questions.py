"""The ready-made questions: what their SQL answers, and whether CloudWatch's languages ask the same."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import logs_insights
import pytest
from emf_totals import documents_of
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import document, event, flow_end

from flowemf_processor.core.insight.cloudwatch_queries import cloudwatch_queries
from flowemf_processor.core.insight.questions import PERCENTILES, QUESTION_BY_NAME, QUESTIONS
from flowemf_processor.sinks.local import LocalStore
from flowemf_processor.sinks.metrics_reader import MetricsReader

every_question = pytest.mark.parametrize("name", QUESTION_BY_NAME)
METRICS_INSIGHTS = re.compile(
    r'SELECT (SUM|AVG|MAX|MIN|COUNT)\((?P<metric>\w+)\) FROM (SCHEMA\("App"(, (?P<keys>\w+(, \w+)*))?\)|"App")'
    r"( GROUP BY (?P<by>\w+) ORDER BY \1\(\) DESC)?"
)
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-querylanguage.html"""


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    """Give the metric lines of the sample application."""
    command = [sys.executable, "-m", "flowemf.demo", "--events", "600", "--seed", "2"]
    log = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return documents_of(log.splitlines())


@pytest.fixture(scope="module")
def reader(lines: list[dict[str, Any]]) -> Iterator[MetricsReader]:
    """Give what answers questions about them."""
    with LocalStore(None) as store:
        store.store([event(each) for each in lines], [])
        yield MetricsReader(store.connection)


def answer(reader: MetricsReader, name: str, by: str = "ModelID") -> list[dict[str, Any]]:
    """Ask a ready-made question."""
    question = QUESTION_BY_NAME[name]
    found = reader.ask(question.sql, {"by": by} if question.takes_by else None)
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


@every_question
def test_the_columns_are_those_that_are_documented(reader: MetricsReader, name: str) -> None:
    """In their order, and with at least one row of the demo."""
    documented = [column for column, _ in QUESTION_BY_NAME[name].columns]
    assert list(answer(reader, name)[0]) == documented


@every_question
def test_an_empty_store_has_an_answer(tmp_path: Path, name: str) -> None:
    """No metric was ever seen: no row, and no error."""
    with LocalStore(tmp_path / "empty.duckdb") as store:
        assert answer(MetricsReader(store.connection), name) == []


@every_question
def test_where_nothing_failed_and_nothing_was_cancelled_the_questions_stand(name: str) -> None:
    """The columns of METRICS are there without a line that has them; a rate of nothing is NULL, not an error."""
    started = document({"FlowStarted": 1}, dimensions={"FlowName": "chat"})
    with LocalStore(None) as store:
        store.store([event(started)], [])
        rows = answer(MetricsReader(store.connection), name)
    if name == "error-rate":
        assert rows == [{"FlowName": "chat", "Errors": None, "Success": None, "ErrorRate": None}]


def test_a_flow_that_was_only_ever_cancelled_has_no_error_rate() -> None:
    """Nothing is divided by nothing, in the guide's own words too, whatever DuckDB's version makes of it."""
    guide = "SELECT (SUM(FlowError) / (SUM(FlowError) + SUM(FlowCompleted))) * 100 as ErrorRate FROM METRICS"
    with LocalStore(None) as store:
        store.store([event(flow_end("chat", "Cancelled"))], [])
        reader = MetricsReader(store.connection)
        assert list(reader.ask(guide).rows) == [(None,)]
        assert answer(reader, "error-rate")[0]["ErrorRate"] is None


# --- Percentiles ------------------------------------------------------------------------------------------------------


def interpolated(values: list[float], share: float) -> float:
    """Interpolate linearly between the two nearest of the sorted values."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def test_percentiles_are_those_of_the_values(reader: MetricsReader, lines: list[dict[str, Any]]) -> None:
    """Of each flow and each model of the demo, computed from the lines."""
    for name, metric, key in (
        ("slow-flows", "FlowDuration", "FlowName"),
        ("slow-models", "GenerationDuration", "ModelID"),
        ("first-token", "TimeToFirstToken", "ModelID"),
    ):
        rows = answer(reader, name)
        assert {row[key] for row in rows} == {each[key] for each in lines if metric in each}
        for row in rows:
            values = [each[metric] for each in lines if metric in each and each.get(key) == row[key]]
            for share in PERCENTILES:
                assert row[f"P{share}"] == pytest.approx(interpolated(values, share / 100), rel=1e-12)
            assert row["Longest"] == max(values)
            assert len(values) in row.values()


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 12)), min_size=1, max_size=12, unique_by=lambda pair: pair[0]
    ),
    st.lists(st.integers(0, 40), max_size=8),
)
def test_a_value_counts_as_often_as_it_occurred(weighted: list[tuple[int, int]], single: list[int]) -> None:
    """Sampled lines carry Values with Counts: the percentiles are those of the values written out that often."""
    counted = {"Values": [value for value, _ in weighted], "Counts": [count for _, count in weighted]}
    several = [counted, *([single] if single else [])]
    expected = [float(value) for value, count in weighted for _ in range(count)] + [float(each) for each in single]
    with LocalStore(None) as store:
        put = [document({"FlowDuration": each}, dimensions={"FlowName": "chat"}) for each in several]
        store.store([event(each) for each in put], [])
        [row] = answer(MetricsReader(store.connection), "slow-flows")
    assert row["Runs"] == len(expected)
    for share in PERCENTILES:
        assert row[f"P{share}"] == pytest.approx(interpolated(expected, share / 100), rel=1e-9, abs=1e-9)


def test_a_statistic_set_has_no_percentile() -> None:
    """Its mean is no value that ever was; a set of equal values is."""
    sets = [{"Min": 1, "Max": 9, "Sum": 10, "Count": 2}, {"Min": 4, "Max": 4, "Sum": 8, "Count": 2}]
    with LocalStore(None) as store:
        store.store([event(document({"FlowDuration": one}, dimensions={"FlowName": "a"})) for one in sets], [])
        [row] = answer(MetricsReader(store.connection), "slow-flows")
    assert (row["Runs"], row["P50"], row["Longest"]) == (2, 4, 4)


# --- In CloudWatch's languages ----------------------------------------------------------------------------------------


def comparable(rows: list[dict[str, Any]]) -> list[list[Any]]:
    """Put rows into an order of their own; the last digits are not compared."""
    return sorted(
        (
            [round(float(cell), 6) if isinstance(cell, (int, float)) else str(cell) for cell in row.values()]
            for row in rows
        ),
        key=str,
    )


@pytest.mark.parametrize("name", [each.name for each in QUESTIONS if each.name not in ("metrics", "dimensions")])
def test_logs_insights_gives_the_same_numbers(reader: MetricsReader, lines: list[dict[str, Any]], name: str) -> None:
    """Our SQL over METRICS, and the query for CloudWatch over the lines themselves."""
    query = cloudwatch_queries(name, namespace="App", by="Environment").logs_insights
    assert comparable(logs_insights.ask(query, lines)) == comparable(answer(reader, name, by="Environment"))


@every_question
def test_metrics_insights_reads_dimension_sets_that_the_lines_publish(lines: list[dict[str, Any]], name: str) -> None:
    """SCHEMA matches a dimension set exactly: of each metric there is that one, so that no query stays empty."""
    published = {
        (definition["Name"], frozenset(keys))
        for each in lines
        for directive in each["_aws"]["CloudWatchMetrics"]
        for keys in directive["Dimensions"]
        for definition in directive["Metrics"]
    }
    for query in cloudwatch_queries(name, namespace="App", by="Environment").metrics_insights:
        found = METRICS_INSIGHTS.fullmatch(query)
        assert found, query
        if "SCHEMA" in query:
            keys = frozenset((found["keys"] or "").split(", ")) - {""}
            assert (found["metric"], keys) in published, query
            assert found["by"] is None or found["by"] in keys
        else:
            sets = [keys for metric, keys in published if metric == found["metric"] and found["by"] in keys]
            assert len(sets) == 1, "a group would count a value once for each of these sets"


def test_the_cost_of_a_model_is_read_from_its_roll_up() -> None:
    """Beside the roll-up, the full dimension set has the model too, and would count everything twice."""
    assert cloudwatch_queries("cost", namespace="App", by="ModelID").metrics_insights == (
        'SELECT SUM(EstimatedCost) FROM SCHEMA("App", ModelID) GROUP BY ModelID ORDER BY SUM() DESC',
    )


def test_odd_keys_and_namespaces_are_quoted() -> None:
    """Each language in its own way."""
    asked = cloudwatch_queries("cost", namespace='a"b', by="Cost Center")
    assert asked.logs_insights.endswith("by `Cost Center`\n| sort Cost desc")
    assert asked.metrics_insights == (
        'SELECT SUM(EstimatedCost) FROM "a\\"b" GROUP BY "Cost Center" ORDER BY SUM() DESC',
    )
