"""The embedded store: what METRICS answers over a real DuckDB file."""

from __future__ import annotations

import math
import resource
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import NOW_MS, document, documents, event, flow_end, numbers_of

from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.model import Mark
from flowemf_processor.sinks.local import LocalStore
from flowemf_processor.sinks.store_tables import COLUMN_LIMIT
from flowemf_schemas import limits, names

# The two queries of the guide "CloudWatch Monitoring Setup", as printed there.
TOP_MODELS_BY_USAGE = """\
SELECT ModelID, SUM(TokensUsed) as TotalTokens
FROM METRICS 
WHERE MetricName = 'TokensUsed' 
GROUP BY ModelID 
ORDER BY TotalTokens DESC;
"""  # noqa: W291
ERROR_RATE_BY_FLOW = """\
SELECT FlowName, 
       SUM(FlowError) as Errors,
       SUM(FlowCompleted) as Success,
       (SUM(FlowError) / (SUM(FlowError) + SUM(FlowCompleted))) * 100 as ErrorRate
FROM METRICS 
GROUP BY FlowName;
"""  # noqa: W291


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    """Give an empty store."""
    with LocalStore(tmp_path / "store.duckdb") as opened:
        yield opened


def put(store: LocalStore, *several: dict[str, Any]) -> None:
    """Store documents."""
    store.store([event(one) for one in several], [])


def generation(model: str, tokens: Any) -> dict[str, Any]:
    """Build the line of a generation."""
    return document({"TokensUsed": tokens}, dimensions={"ModelID": model}, sets=[["ModelID"], []])


# --- Rows -------------------------------------------------------------------------------------------------------------


def test_a_value_is_one_row_whatever_its_dimension_sets_and_directives(store: LocalStore) -> None:
    """Else every SUM would count it once for each roll-up."""
    one = document({"Latency": [1, 2, 2]}, dimensions={"A": "x", "B": "y"}, sets=[["A", "B"], ["A"], []])
    one["_aws"]["CloudWatchMetrics"].append(
        {"Namespace": "App", "Dimensions": [["C"]], "Metrics": [{"Name": "Latency"}]}
    )
    put(store, {**one, "C": "z"})
    assert store.query("SELECT Value, A, B, C FROM METRICS ORDER BY Value") == [
        (1.0, "x", "y", "z"),
        (2.0, "x", "y", "z"),
        (2.0, "x", "y", "z"),
    ]


def test_a_row_tells_time_namespace_metric_unit_and_dimensions(store: LocalStore) -> None:
    """The fixed columns."""
    put(store, document({"Latency": 1.5}, dimensions={"Team": "AI"}, timestamp_ms=1_700_000_000_123, unit="Seconds"))
    row = store.query("SELECT Timestamp, Namespace, MetricName, Value, Unit, Team, Dimensions FROM METRICS")
    when = datetime(2023, 11, 14, 22, 13, 20, 123000)
    assert row == [(when, "App", "Latency", 1.5, "Seconds", "AI", {"Team": "AI"})]


def test_sums_count_values_as_often_as_they_occurred(store: LocalStore) -> None:
    """Values with Counts, and statistic sets, whose sum is the one that was written to the last bit."""
    put(
        store,
        generation("a", {"Values": [10, 20], "Counts": [3, 0.5]}),
        generation("a", {"Min": 1, "Max": 5, "Sum": 11, "Count": 4}),
        generation("a", {"Min": 7, "Max": 7, "Sum": 14, "Count": 2}),
        generation("b", {"Min": 0, "Max": 1, "Sum": 1, "Count": 49}),
    )
    assert store.query(TOP_MODELS_BY_USAGE) == [("a", 65.0), ("b", 1.0)]
    assert store.query("SELECT SUM(SampleCount), MIN(Minimum), MAX(Maximum) FROM METRICS WHERE ModelID = 'a'") == [
        (9.5, 1.0, 20.0)
    ]


def rows_of(one: dict[str, Any]) -> list[tuple[Any, ...]]:
    """List what each metric of a document must have in METRICS, and last what it adds to the sum."""
    directives = one["_aws"]["CloudWatchMetrics"]
    named = {(each["Namespace"], metric["Name"]) for each in directives for metric in each["Metrics"]}
    rows = []
    for namespace, name in named:
        for value, count in numbers_of(one[name]):
            row = (one["_aws"]["Timestamp"], namespace, name)
            if isinstance(value, tuple):
                several, total, low, high = value
                rows.append((*row, total / several, several, low, high, total))
            else:
                rows.append((*row, value, count, value, value, value * count))
    return rows


@settings(max_examples=20)
@given(several=st.lists(documents(), max_size=6))
def test_every_number_of_any_documents_is_in_the_store(
    tmp_path_factory: pytest.TempPathFactory, several: list[dict[str, Any]]
) -> None:
    """Value, count, smallest and largest of each metric of each line, bit for bit, and what it adds to the sum."""
    expected = [row for one in several for row in rows_of(one)]
    with LocalStore(tmp_path_factory.mktemp("any") / "store.duckdb") as store:
        put(store, *several)
        rows = store.query(
            "SELECT epoch_ms(Timestamp), Namespace, MetricName, Value, SampleCount, Minimum, Maximum, "
            "COALESCE(FlowDuration, TokensUsed) FROM METRICS WHERE MetricName IN ('FlowDuration', 'TokensUsed')"
        )
        assert sorted(rows) == sorted(row for row in expected if row[2] in ("FlowDuration", "TokensUsed"))
        assert store.query("SELECT COUNT(*) FROM METRICS") == [(len(expected),)]


@pytest.mark.parametrize(
    ("timestamp_ms", "value"),
    [
        (0, 0),
        (limits.TIMESTAMP_MS, 1),
        (1, -0.0),
        (1, 5e-324),
        (1, 2**360),
        (1, -(2**360)),
        (1, 2**53 + 1),
        (1, 1e-310),
    ],
)
def test_extreme_times_and_numbers_come_back_as_they_were(store: LocalStore, timestamp_ms: int, value: float) -> None:
    """The years 1970 and 9999, minus zero, subnormal and huge numbers."""
    put(store, document({"Latency": value}, timestamp_ms=timestamp_ms))
    [(time_ms, found)] = store.query("SELECT epoch_ms(Timestamp), Latency FROM METRICS")
    assert (time_ms, found, math.copysign(1, found)) == (timestamp_ms, float(value), math.copysign(1, value))


# --- The guide's queries ----------------------------------------------------------------------------------------------


def test_the_guides_queries_answer_what_they_promise(store: LocalStore) -> None:
    """Top models by usage, and the error rate by flow, as printed in the guide."""
    started = document({"FlowStarted": 1}, dimensions={"FlowName": "chat"}, sets=[["FlowName"], []])
    put(
        store,
        *[started] * 5,
        *[flow_end("chat", "Success")] * 3,
        flow_end("chat", "Error", error_type="Timeout"),
        flow_end("search", "Success"),
        flow_end("chat", "Cancelled"),
        generation("small", 5),
        generation("large", [70, 30]),
        generation("small", 6),
    )
    assert store.query(TOP_MODELS_BY_USAGE) == [("large", 100.0), ("small", 11.0)]
    rates = {row[0]: row[1:] for row in store.query(ERROR_RATE_BY_FLOW)}
    assert rates == {"chat": (1.0, 3.0, 25.0), "search": (0.0, 1.0, 0.0), None: (None, None, None)}


def test_the_rows_of_a_flows_end_have_zeros_and_all_others_null(store: LocalStore) -> None:
    """A rate needs the flows in which an outcome did not happen; a start or a generation has no outcome."""
    put(store, flow_end("a", "Success"), generation("m", 1), document({"FlowStarted": 1}))
    outcomes = (
        "SELECT MetricName, FlowCompleted, FlowError, FlowCancelled, FlowDuration FROM METRICS ORDER BY MetricName"
    )
    assert store.query(outcomes) == [
        ("FlowCompleted", 1.0, 0.0, 0.0, None),
        ("FlowDuration", 0.0, 0.0, 0.0, 5.0),
        ("FlowStarted", None, None, None, None),
        ("TokensUsed", None, None, None, None),
    ]


def test_the_guides_queries_run_over_an_empty_store(store: LocalStore) -> None:
    """The columns of our own metrics and dimensions are always there."""
    assert store.query(TOP_MODELS_BY_USAGE) == []
    assert store.query(ERROR_RATE_BY_FLOW) == []
    columns = [*names.BUILT_IN_DIMENSIONS, *names.FLOW_METRICS, *names.GENERATION_METRICS]
    assert store.query(f"SELECT {', '.join(columns)} FROM METRICS") == []


@pytest.mark.parametrize("name", [*names.FLOW_METRICS, *names.GENERATION_METRICS, "tokensused", "VALUE", "Dimensions"])
def test_no_dimension_takes_the_column_of_a_metric_of_our_own(store: LocalStore, name: str) -> None:
    """One odd line must not break the ready-made queries."""
    put(store, document({"Latency": 1}, dimensions={name: "text"}), flow_end("chat", "Success"), generation("m", 3))
    assert store.query(TOP_MODELS_BY_USAGE) == [("m", 3.0)]
    assert ("chat", 0.0, 1.0, 0.0) in store.query(ERROR_RATE_BY_FLOW)
    assert store.query("SELECT Dimensions[?] FROM METRICS WHERE MetricName = 'Latency'", [name]) == [("text",)]


def test_a_metric_named_like_a_dimension_of_our_own_is_found_by_its_name(store: LocalStore) -> None:
    """The column stays the dimension's."""
    put(store, document({"FlowName": 7}), flow_end("chat", "Success"))
    assert store.query("SELECT Value, FlowName FROM METRICS WHERE MetricName = 'FlowName'") == [(7.0, None)]
    assert store.query("SELECT DISTINCT FlowName FROM METRICS WHERE MetricName = 'FlowDuration'") == [("chat",)]


# --- Names ------------------------------------------------------------------------------------------------------------

ODD_NAMES = [
    'x"; DROP TABLE points; --',
    "x'); DROP TABLE points; --",
    "SELECT",
    "a.b",
    "a b",
    "$1",
    "?",
    "{x}",
    "\\",
    "%s",
    "日本",
    "😀",
    "\u0000",
    "a\u0000b",
    "\t",
    " ",
    "--",
    "/*",
    "é",
    "e\u0301",
    "İ",
    "x" * 250,
]


@pytest.mark.parametrize("odd", ODD_NAMES, ids=ascii)
def test_any_name_is_data_and_never_sql(tmp_path: Path, odd: str) -> None:
    """As dimension key and value, metric name and namespace; the store opens again and has its rows."""
    path = tmp_path / "store.duckdb"
    with LocalStore(path) as store:
        put(store, document({"Latency": 1}, dimensions={odd: odd}), document({odd: 2}, namespace="n" + odd[:200]))
    with LocalStore(path) as store:
        put(store, document({"Depth": 3}))
        assert store.query("SELECT Dimensions[?] FROM METRICS WHERE MetricName = 'Latency'", [odd]) == [(odd,)]
        assert store.query("SELECT Namespace, Value FROM METRICS WHERE MetricName = ?", [odd]) == [("n" + odd[:200], 2)]
        assert store.query("SELECT COUNT(*) FROM METRICS") == [(3,)]


def test_names_that_differ_in_case_only_share_one_column_and_lose_nothing(store: LocalStore) -> None:
    """SQL cannot tell them apart; the map Dimensions and MetricName can."""
    put(store, document({"lATENCY": 1, "LatencY": 2}, dimensions={"Key": "a", "KEY": "b", "key": "c"}))
    assert store.query("SELECT DISTINCT key, Dimensions['Key'], Dimensions['key'] FROM METRICS") == [("b", "a", "c")]
    assert store.query("SELECT SUM(Value) FROM METRICS WHERE MetricName IN ('lATENCY', 'LatencY')") == [(3.0,)]


def test_thousands_of_names_are_stored_and_the_first_have_columns(store: LocalStore) -> None:
    """A view has no use for more columns; what has none is found in the map and by its name."""
    number = COLUMN_LIMIT + 50
    several = []
    for start in range(0, number, 30):
        keys = {f"key{index:05}": f"v{index}" for index in range(start, min(start + 30, number))}
        several.append(document({f"metric{start + index:05}": index for index in range(30)}, dimensions=keys))
    put(store, *several[:20])
    put(store, *several[20:])
    columns = [row[0] for row in store.query("SELECT column_name FROM duckdb_columns() WHERE table_name = 'METRICS'")]
    assert sum(column.startswith("key") for column in columns) == COLUMN_LIMIT
    last = f"key{number - 1:05}"
    assert last not in columns
    found = store.query("SELECT DISTINCT Dimensions[?] FROM METRICS WHERE Dimensions[?] IS NOT NULL", [last, last])
    assert found == [(f"v{number - 1}",)]


def test_a_column_stays_when_later_lines_do_not_have_it(tmp_path: Path) -> None:
    """The view knows the names of everything that is stored, also after the store was closed."""
    path = tmp_path / "store.duckdb"
    for key in ("A", "B", "C"):
        with LocalStore(path) as store:
            put(store, document({f"Metric{key}": 1}, dimensions={key: "x"}))
            put(store, document({"Metric": 1}))
    with LocalStore(path) as store:
        assert store.query("SELECT COUNT(A), COUNT(B), COUNT(C), SUM(MetricA) FROM METRICS") == [(1, 1, 1, 1.0)]


# --- Both or none -----------------------------------------------------------------------------------------------------


def test_marks_are_kept_with_the_events_and_replaced_by_later_ones(tmp_path: Path) -> None:
    """They are there after the store was closed."""
    first, second = Mark("path:/a.log", 10, 1, "00"), Mark("path:/a.log", 2**40, 2**33, "ff")
    with LocalStore(tmp_path / "store.duckdb") as store:
        assert store.mark("path:/a.log") is None
        store.store([event(document({"Latency": 1}))], [first])
        assert store.mark("path:/a.log") == first
        store.store([], [second])
    with LocalStore(tmp_path / "store.duckdb") as store:
        assert store.mark("path:/a.log") == second


def test_events_whose_marks_cannot_be_kept_are_not_kept_either(store: LocalStore) -> None:
    """Else the next run would store them again."""
    with pytest.raises(duckdb.Error):
        store.store([event(document({"Latency": 1}))], [Mark("s", 1, 1, "00"), Mark("t", 2**80, 1, "ff")])
    assert store.query("SELECT COUNT(*) FROM METRICS") == [(0,)]
    assert store.mark("s") is None
    put(store, document({"Latency": 1}))
    assert store.query("SELECT COUNT(*) FROM METRICS") == [(1,)]


def test_a_full_disk_stores_neither_events_nor_marks_and_says_so(tmp_path: Path) -> None:
    """What was stored before remains, and the store works again when there is room."""
    path = tmp_path / "store.duckdb"
    before, after = Mark("s", 1, 1, "00"), Mark("s", 2, 2, "ff")
    many = [event(document({"Latency": number / 7}, dimensions={"Key": "x" * number})) for number in range(1, 1001)]
    with LocalStore(path) as store:
        store.store(many[:3], [before])
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    with LocalStore(path) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, unlimited[1]))
        try:
            with pytest.raises(TryAgainLaterError, match=r"store\.duckdb: could not be written.*make room"):
                store.store(many, [after])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    with LocalStore(path) as store:
        assert store.mark("s") == before
        assert store.query("SELECT COUNT(*) FROM METRICS") == [(3,)]
        store.store(many, [after])
        assert store.query("SELECT COUNT(*) FROM METRICS") == [(1003,)]


def test_the_time_of_a_line_without_one_is_the_time_of_reading(store: LocalStore) -> None:
    """A row always has a time."""
    put(store, document({"Latency": 1}, timestamp_ms=None))
    assert store.query("SELECT epoch_ms(Timestamp) FROM METRICS") == [(NOW_MS,)]
