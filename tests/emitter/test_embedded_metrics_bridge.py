"""Code that was written for aws-embedded-metrics, after `install()`: it works on, without the library's defects."""

from __future__ import annotations

import asyncio
import doctest
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from aws_embedded_metrics import MetricsLogger, metric_scope
from aws_embedded_metrics.config import get_config
from aws_embedded_metrics.environment.environment_detector import EnvironmentCache
from aws_embedded_metrics.logger.metrics_logger_factory import create_metrics_logger
from aws_embedded_metrics.storage_resolution import StorageResolution
from aws_embedded_metrics.unit import Unit
from bridged_metrics import Bridged, Document, directive

import flowemf
from flowemf.integrations import embedded_metrics

DEFAULTS = {"LogGroup": "Unknown-metrics", "ServiceName": "Unknown", "ServiceType": "Unknown"}


@pytest.fixture(autouse=True)
def _library_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without an environment in the library's cache, and leave nothing installed."""
    monkeypatch.setattr(EnvironmentCache, "environment", None)
    yield
    embedded_metrics.uninstall()


@pytest.fixture
def bridged() -> Bridged:
    made = Bridged()
    embedded_metrics.install(made.monitor)
    return made


def units_of(line: Document) -> dict[str, str]:
    return {each["Name"]: each["Unit"] for each in directive(line)["Metrics"]}


# --- What works on


def test_the_example_of_the_documentation_runs() -> None:
    """What the docstring of `install` shows is what happens."""
    assert doctest.testmod(embedded_metrics).failed == 0


def test_a_decorated_function_writes_when_it_ends(bridged: Bridged) -> None:
    """Metrics, units, dimensions, properties and namespace are the library's; no roll-up and no dimension is added."""

    @metric_scope
    def handler(question: str, metrics: MetricsLogger) -> str:
        metrics.set_namespace("Shop/Chat").put_dimensions({"Route": "chat"}).set_property("question", 7)
        metrics.put_metric("Latency", 12, "Milliseconds").put_metric("Latency", 13, "Milliseconds")
        metrics.put_metric("Load", 0.5, "Percent", StorageResolution.HIGH)
        return question.upper()

    assert handler("why?") == "WHY?"
    assert directive(bridged.line) == {
        "Namespace": "Shop/Chat",
        "Dimensions": [["LogGroup", "ServiceName", "ServiceType", "Route"]],
        "Metrics": [
            {"Name": "Latency", "Unit": "Milliseconds"},
            {"Name": "Load", "Unit": "Percent", "StorageResolution": 1},
        ],
    }
    expected = {**DEFAULTS, "Route": "chat", "Latency": [12, 13], "Load": 0.5, "question": 7}
    assert {name: value for name, value in bridged.line.items() if name != "_aws"} == expected


def test_every_kind_of_function_can_be_decorated(bridged: Bridged) -> None:
    """Functions, coroutines and generators of both kinds, with and without parentheses, inside a running loop."""

    @metric_scope
    async def coroutine(metrics: MetricsLogger) -> None:
        metrics.put_metric("Coroutine", 1)
        function()

    @metric_scope
    def function(metrics: MetricsLogger) -> None:
        metrics.put_metric("Function", 1)

    @metric_scope(flush_on_yield=False)
    def generator(metrics: MetricsLogger) -> Iterator[int]:
        for index in range(3):
            metrics.put_metric("Generator", index)
            yield index

    @metric_scope(flush_on_yield=True)
    async def stream(metrics: MetricsLogger) -> Any:
        for index in range(2):
            metrics.put_metric("Stream", index)
            yield index

    async def main() -> list[int]:
        await coroutine()
        return [index async for index in stream()] + list(generator())

    assert asyncio.run(main()) == [0, 1, 0, 1, 2]
    written = [{name: line[name] for name in units_of(line)} for line in bridged.lines]
    assert written == [{"Function": 1}, {"Coroutine": 1}, {"Stream": 0}, {"Stream": 1}, {"Generator": [0, 1, 2]}]


def test_loggers_and_functions_that_existed_before_are_included() -> None:
    """`install` may come after the application's modules were imported."""
    logger = create_metrics_logger().put_metric("Early", 1)
    early = Bridged()
    embedded_metrics.install(early.monitor)
    logger.put_metric("Early", 2).flush_sync()
    assert early.line["Early"] == [1, 2]


DIMENSIONS: list[tuple[Callable[[MetricsLogger], object], list[list[str]]]] = [
    (lambda logger: None, [[*DEFAULTS]]),
    (lambda logger: logger.put_dimensions({"A": "1"}).put_dimensions({"B": "2"}), [[*DEFAULTS, "A"], [*DEFAULTS, "B"]]),
    (lambda logger: logger.put_dimensions({"A": "1"}).put_dimensions({"A": "2"}), [[*DEFAULTS, "A"]]),
    (lambda logger: logger.set_dimensions({"A": "1"}, {"A": "1", "B": "2"}), [["A"], ["A", "B"]]),
    (lambda logger: logger.set_dimensions({"A": "1"}, use_default=True), [[*DEFAULTS, "A"]]),
    (lambda logger: logger.set_dimensions(), [[]]),
    (lambda logger: logger.put_dimensions({"A": "1"}).reset_dimensions(use_default=False), [[]]),
    (lambda logger: logger.put_dimensions({"A": "1"}).reset_dimensions(use_default=True), [[*DEFAULTS]]),
    (lambda logger: logger.put_dimensions(None), [[*DEFAULTS]]),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("change", "expected"), DIMENSIONS, ids=range(len(DIMENSIONS)))
def test_dimension_sets_are_those_of_the_library(
    bridged: Bridged, change: Callable[[MetricsLogger], object], expected: list[list[str]]
) -> None:
    """Default dimensions come first in each set, unless they were switched off."""
    logger = create_metrics_logger()
    change(logger)
    logger.put_metric("M", 1).flush_sync()
    assert directive(bridged.line)["Dimensions"] == expected


def test_a_flush_keeps_properties_and_the_namespace_and_forgets_the_rest(bridged: Bridged) -> None:
    """As in the library: dimensions go too, unless `flush_preserve_dimensions` says otherwise."""
    logger = create_metrics_logger().set_namespace("Shop").set_property("a", 1).put_dimensions({"A": "1"})
    logger.put_metric("M", 1).flush_sync()
    logger.put_metric("N", 2).flush_sync()
    logger.flush_preserve_dimensions = True
    logger.set_dimensions({"B": "1"}).put_metric("O", 3).flush_sync()
    logger.put_metric("P", 4).flush_sync()
    lines = bridged.lines
    assert [[*units_of(line)] for line in lines] == [["M"], ["N"], ["O"], ["P"]]
    assert [directive(line)["Dimensions"][0][-1] for line in lines] == ["A", "ServiceType", "B", "B"]
    assert {(line["a"], directive(line)["Namespace"]) for line in lines} == {(1, "Shop")}
    assert logger.new().put_metric("Q", 5).context.properties == {"a": 1}


def test_a_timestamp_is_kept(bridged: Bridged) -> None:
    """With or without a time zone, in milliseconds; without one the time at which recording began."""
    moment = datetime.now(timezone.utc) - timedelta(hours=1)
    create_metrics_logger().set_timestamp(moment).put_metric("M", 1).flush_sync()
    assert bridged.line["_aws"]["Timestamp"] == round(moment.timestamp() * 1000)


def test_an_exception_can_be_recorded(bridged: Bridged) -> None:
    """`add_stack_trace` puts class, message and traceback into a property, cleaned like every property of ours."""
    logger = create_metrics_logger().put_metric("Failures", 1)
    try:
        raise ValueError("mail ada@example.com")
    except ValueError:
        logger.add_stack_trace("error", {"step": 2})
    logger.flush_sync()
    assert bridged.line["error"]["error_type"] == "ValueError"
    assert bridged.line["error"]["error_str"] == "mail [redacted:email]"
    assert "raise ValueError" in bridged.line["error"]["traceback"]


def test_properties_alone_are_a_plain_line(bridged: Bridged) -> None:
    """Nothing is extracted from it, and nothing was lost; without anything to say nothing is written."""
    create_metrics_logger().flush_sync()
    assert bridged.lines == []
    create_metrics_logger().set_property("a", 1).flush_sync()
    assert bridged.line == {**DEFAULTS, "a": 1}


def test_extraction_can_be_switched_off(bridged: Bridged, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_EMF_DISABLE_METRIC_EXTRACTION means what it meant: the numbers stand in the log and nowhere else."""
    monkeypatch.setattr(get_config(), "disable_metric_extraction", True)
    create_metrics_logger().set_property("a", 1).put_metric("M", 1).put_metric("M", 2).flush_sync()
    assert bridged.line == {**DEFAULTS, "M": [1, 2], "a": 1}


def test_lines_know_the_flow_they_belong_to(bridged: Bridged) -> None:
    """What is bound and the flow around stand on them, unless the application says it itself."""
    flowemf.configure("App", sink=lambda _: None)
    flowemf.bind(tenant="acme", user="bound")
    with flowemf.flow("chat") as flow:
        create_metrics_logger().set_property("user", "own").put_metric("M", 1).flush_sync()
    line = bridged.line
    assert (line["flow_id"], line["tenant"], line["user"]) == (flow.flow_id, "acme", "own")
    assert bridged.counts == {}


# --- The library's defects


@pytest.mark.parametrize("timestamp", ["soon", -1, 10**18, 1.5, None])
def test_a_time_that_is_none_is_the_time_of_writing(bridged: Bridged, timestamp: object) -> None:
    """Code that writes into `context.meta` by itself may put anything there."""
    logger = create_metrics_logger().put_metric("M", 1)
    logger.context.meta["Timestamp"] = timestamp
    before = time.time() * 1000
    logger.flush_sync()
    assert before - 1000 <= bridged.line["_aws"]["Timestamp"] <= time.time() * 1000


def test_a_dimension_cannot_be_called_like_the_directive(bridged: Bridged) -> None:
    """`_aws` is left out; the others of its set stay."""
    create_metrics_logger().set_dimensions({"_aws": "x", "Team": "ai"}).put_metric("M", 1).flush_sync()
    assert directive(bridged.line)["Dimensions"] == [["Team"]]


def test_the_applications_exception_comes_through(bridged: Bridged) -> None:
    """The library flushes in `finally`, and what fails there would take its place."""

    @metric_scope
    def handler(metrics: MetricsLogger) -> None:
        metrics.set_property("when", datetime.now(timezone.utc)).put_metric("M", Decimal("0.1"))
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        handler()
    assert bridged.line["M"] == 0.1


VALUES = [
    (Decimal("12.50"), 12.5),
    (Decimal("0.1"), 0.1),
    (Fraction(1, 3), 1 / 3),
    (7, 7),
    (float("nan"), None),
    (float("-inf"), None),
    (Decimal("NaN"), None),
    (Decimal("1e999"), None),
    (True, None),
    ("12", None),
    (None, None),
    (datetime.now(timezone.utc), None),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=range(len(VALUES)))
def test_a_value_of_any_kind_is_a_number_or_counted(bridged: Bridged, value: Any, expected: float | None) -> None:
    """Neither the call nor the flush raises, and the metrics beside it are written."""
    create_metrics_logger().put_metric("M", value).put_metric("Beside", 1).flush_sync()
    assert bridged.line.get("M") == expected
    assert bridged.line["Beside"] == 1
    assert (expected is None) == bool(bridged.counts)
    assert "internal_error" not in bridged.counts


def test_properties_of_any_kind_are_written(bridged: Bridged) -> None:
    """Dates, decimals and objects as their text; what has no JSON form is left out and counted."""
    logger = create_metrics_logger().put_metric("M", 1)
    logger.set_property("day", date(2026, 1, 2)).set_property("price", Decimal("9.90")).set_property("_aws", {})
    logger.set_property("nan", float("nan")).set_property("tags", {"a": [1, {2}]}).set_property(5, 5)  # type: ignore[arg-type]
    logger.flush_sync()
    line = bridged.line
    assert (line["day"], line["price"], line["tags"]) == ("2026-01-02", "9.90", {"a": [1, "{2}"]})
    assert bridged.counts == {"property_dropped": 2, "property_collision": 1}


def test_one_name_with_two_units_is_two_lines(bridged: Bridged) -> None:
    """The library writes 12 milliseconds as 12 seconds."""
    logger = create_metrics_logger().put_metric("Latency", 1, "Seconds").put_metric("Latency", 12, "Milliseconds")
    logger.put_metric("Latency", 2, "Seconds").put_metric("Latency", 3, "Seconds", StorageResolution.HIGH)
    logger.put_metric("Other", 5).flush_sync()
    written = [(units_of(line)["Latency"], line["Latency"]) for line in bridged.lines]
    assert written == [("Seconds", [1, 2]), ("Milliseconds", 12), ("Seconds", 3)]
    assert directive(bridged.lines[2])["Metrics"][0]["StorageResolution"] == 1
    assert [line.get("Other") for line in bridged.lines] == [5, None, None]


def test_a_metric_named_like_a_dimension_has_a_line_without_it(bridged: Bridged) -> None:
    """In the library the number overwrites the dimension, and every metric of the line loses its series."""
    logger = create_metrics_logger().set_dimensions({"Route": "chat", "Stage": "one"})
    logger.put_metric("Route", 5).put_metric("Latency", 12).flush_sync()
    latency, route = bridged.lines
    assert (latency["Route"], latency["Latency"], directive(latency)["Dimensions"]) == (
        "chat",
        12,
        [["Route", "Stage"]],
    )
    assert (route["Route"], "Latency" in route, directive(route)["Dimensions"]) == (5, False, [["Stage"]])


def test_two_sets_that_disagree_on_a_value_are_two_lines(bridged: Bridged) -> None:
    """In the library the last value wins, and the first set counts for the wrong series."""
    logger = create_metrics_logger().set_dimensions({"Route": "chat"}, {"Route": "search", "Stage": "one"})
    logger.put_metric("Latency", 12).flush_sync()
    written = [(line["Route"], directive(line)["Dimensions"], line["Latency"]) for line in bridged.lines]
    assert written == [("chat", [["Route"]], 12), ("search", [["Route", "Stage"]], 12)]


def test_a_property_never_overwrites_a_metric_or_a_dimension(bridged: Bridged) -> None:
    """In the library a property of that name takes the dimension's place."""
    logger = create_metrics_logger().set_dimensions({"Route": "chat"}).set_property("Route", "x")
    logger.set_property("Latency", "slow").put_metric("Latency", 12).flush_sync()
    assert (bridged.line["Route"], bridged.line["Latency"]) == ("chat", 12)
    assert bridged.counts == {"property_collision": 2}


@pytest.fixture
def _impatient_threads() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_impatient_threads")
def test_threads_may_share_a_logger(bridged: Bridged) -> None:
    """The library loses what is put while another thread puts or flushes."""
    logger = create_metrics_logger()

    def work() -> None:
        for index in range(500):
            logger.put_metric("M", 1).set_property(f"p{index % 7}", index)
            if index % 10 == 0:
                logger.flush_sync()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logger.flush_sync()
    values = [line["M"] for line in bridged.lines if "M" in line]
    assert sum(len(value) if isinstance(value, list) else 1 for value in values) == 4000


FORKING = """
import os, threading
import flowemf
from aws_embedded_metrics.logger.metrics_logger_factory import create_metrics_logger
from flowemf.integrations import embedded_metrics

flowemf.configure("App")
embedded_metrics.install()
held = threading.Event()

def hold():
    with embedded_metrics._lock:
        held.set()
        threading.Event().wait(1)

threading.Thread(target=hold, daemon=True).start()
held.wait()
if os.fork() == 0:
    create_metrics_logger().put_metric("M", 1).flush_sync()
    os._exit(0)
os.wait()
"""


def test_a_forked_process_records_at_once(run_python: Callable[..., Any]) -> None:
    """It does not wait for a lock that a thread of its parent held at that moment."""
    finished = run_python(FORKING, flags=("-W", "ignore::DeprecationWarning"))
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["M"] == 1


def test_more_than_one_line_holds_is_divided(bridged: Bridged) -> None:
    """100 metrics and 100 values a line; every number once."""
    logger = create_metrics_logger().set_dimensions({"A": "1"})
    for index in range(250):
        logger.put_metric("Many", index)
        logger.put_metric(f"M{index}", index)
    logger.flush_sync()
    lines = bridged.lines
    assert max(len(directive(line)["Metrics"]) for line in lines) == 100
    many = [line["Many"] for line in lines if "Many" in line]
    assert [value for values in many for value in values] == list(range(250))
    assert [line[f"M{index}"] for index in range(250) for line in lines if f"M{index}" in line] == list(range(250))


MISTAKES: list[tuple[Callable[[MetricsLogger], object], str]] = [
    (lambda logger: logger.put_metric("N", 2, "ms"), "unit_unknown"),
    (lambda logger: logger.put_metric("", 2), "metric_name_refused"),
    (lambda logger: logger.put_metric("x" * 300, 2), "metric_name_refused"),
    (lambda logger: logger.put_metric(["M"], 2), "internal_error"),  # type: ignore[arg-type]
    (lambda logger: logger.put_metric("N", 2, "Count", 5), "resolution_unknown"),  # type: ignore[arg-type]
    (lambda logger: logger.put_dimensions({"A": ""}), "dimension_empty"),
    (lambda logger: logger.put_dimensions({"A": "caf\u00e9"}), "dimension_percent_encoded"),
    (lambda logger: logger.put_dimensions({"A": 1.5}), "dimension_not_text"),  # type: ignore[dict-item]
    (lambda logger: logger.put_dimensions({":A": "x"}), "dimension_percent_encoded"),
    (lambda logger: logger.put_dimensions({f"A{n}": "x" for n in range(40)}), "dimension_dropped"),
    (lambda logger: logger.put_dimensions({"A": "x" * 2000}), "dimension_shortened"),
    (lambda logger: logger.set_dimensions({"A": "AKIAIOSFODNN7EXAMPLE"}), "dimension_redacted"),
    (lambda logger: logger.put_dimensions("A"), "internal_error"),  # type: ignore[arg-type]
    (lambda logger: logger.set_namespace(""), "namespace_refused"),
    (lambda logger: logger.set_namespace("AWS/Lambda"), "namespace_refused"),
    (lambda logger: logger.set_timestamp(datetime.now() - timedelta(days=20)), "timestamp_refused"),
    (lambda logger: logger.set_timestamp(datetime.now() + timedelta(hours=3)), "timestamp_refused"),
    (lambda logger: logger.set_timestamp(datetime.min), "timestamp_refused"),
    (lambda logger: logger.set_timestamp(None), "timestamp_refused"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("mistake", "reason"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_counted_and_never_raised(
    bridged: Bridged, mistake: Callable[[MetricsLogger], MetricsLogger], reason: str
) -> None:
    """Calls can still be chained, and the other metrics are valid lines."""
    logger = create_metrics_logger()
    assert mistake(logger) is logger
    logger.put_metric("M", 1).flush_sync()
    assert 1 in [line["M"] for line in bridged.lines]
    assert reason in bridged.counts


def test_resolutions_and_units_may_be_spelled_as_the_library_takes_them(bridged: Bridged) -> None:
    """Members of its enumerations, and their values; the library writes a resolution of 1 as 60, and fails on Unit."""
    logger = create_metrics_logger().put_metric("A", 1, Unit.SECONDS, 1)  # type: ignore[arg-type]
    logger.put_metric("B", 1, None, None).flush_sync()  # type: ignore[arg-type]
    assert directive(bridged.line)["Metrics"] == [
        {"Name": "A", "Unit": "Seconds", "StorageResolution": 1},
        {"Name": "B", "Unit": "None"},
    ]


def test_a_failing_sink_never_reaches_the_application() -> None:
    """What cannot be written is counted."""

    def broken(line: bytes) -> None:
        raise OSError("full")

    monitor = flowemf.Monitor("App", sink=broken)
    embedded_metrics.install(monitor)
    create_metrics_logger().put_metric("M", 1).flush_sync()
    asyncio.run(create_metrics_logger().put_metric("M", 1).flush())
    assert monitor.stats()["output_failed"] == 2
