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
from aws_embedded_metrics.environment import environment_detector
from aws_embedded_metrics.environment.environment_detector import EnvironmentCache, resolve_environment
from aws_embedded_metrics.logger.metrics_context import MetricsContext
from aws_embedded_metrics.logger.metrics_logger_factory import create_metrics_logger
from aws_embedded_metrics.storage_resolution import StorageResolution
from aws_embedded_metrics.unit import Unit

import flowemf
from flowemf.integrations import embedded_metrics
from flowemf_schemas import rules, validator

Document = dict[str, Any]
DEFAULTS = {"LogGroup": "Unknown-metrics", "ServiceName": "Unknown", "ServiceType": "Unknown"}


class Bridged:
    """The lines that came through the bridge, each of which has passed the schemas."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.monitor = flowemf.Monitor("App/Test", sink=self.raw.append, custom_dimensions={"Team": "ai"})

    @property
    def lines(self) -> list[Document]:
        found = [json.loads(line, parse_constant=pytest.fail) for line in self.raw]
        for document in found:
            if "_aws" in document:
                assert [error.message for error in validator("emf-written").iter_errors(document)] == []
                assert rules.examine(document) == []
        return found

    @property
    def line(self) -> Document:
        (one,) = self.lines
        return one

    @property
    def counts(self) -> dict[str, int]:
        return {reason: count for reason, count in self.monitor.stats().items() if reason != "lines_written"}


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


def directive(line: Document) -> Document:
    (one,) = line["_aws"]["CloudWatchMetrics"]
    return dict(one)


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


# --- The environment


def test_nothing_is_probed_and_no_socket_is_opened(bridged: Bridged, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the metadata service of EC2 nor an agent is asked; code that asks for the environment gets our sink."""

    async def probe(self: object) -> bool:
        raise AssertionError("probed")

    monkeypatch.setattr(environment_detector.ec2_environment.__class__, "probe", probe)
    environment = asyncio.run(resolve_environment())
    context = MetricsContext(dimensions=[{"A": "1"}])
    context.put_metric("M", 1)
    environment.get_sink().accept(context)
    assert bridged.line["M"] == 1
    assert environment.get_sink().name() == "FlowEMFSink"
    assert asyncio.run(environment.probe()) is True


LAMBDA = {
    "AWS_LAMBDA_FUNCTION_NAME": "my-function-3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[7]abc",
    "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
}


def test_a_lambda_function_has_its_own_dimensions_and_properties(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever installs the function chose its name: it stays, even if it looks like an identifier."""
    for name, value in LAMBDA.items():
        monkeypatch.setenv(name, value)
    in_lambda = Bridged()
    embedded_metrics.install(in_lambda.monitor)
    logger = create_metrics_logger().put_metric("M", 1)
    logger.flush_sync()
    logger.flush_sync()
    line = in_lambda.line
    name = LAMBDA["AWS_LAMBDA_FUNCTION_NAME"]
    assert (line["LogGroup"], line["ServiceName"], line["ServiceType"]) == (name, name, "AWS::Lambda::Function")
    assert (line["executionEnvironment"], line["memorySize"]) == ("AWS_Lambda_python3.11", "128")
    assert (line["functionVersion"], line["logStreamId"]) == ("7", "2026/01/01/[7]abc")
    assert line["traceId"] == LAMBDA["_X_AMZN_TRACE_ID"]


ENVIRONMENTS = {
    "": ("Unknown-metrics", "Unknown", "Unknown"),
    "local": ("Unknown-metrics", "Unknown", "Unknown"),
    "ec2": ("Unknown-metrics", "Unknown", "AWS::EC2::Instance"),
    "Default": ("Unknown-metrics", "Unknown", "Unknown"),
    "nonsense": ("Unknown-metrics", "Unknown", "Unknown"),
}


@pytest.mark.parametrize(("configured", "expected"), ENVIRONMENTS.items())
def test_the_configured_environment_decides_the_default_dimensions(
    monkeypatch: pytest.MonkeyPatch, configured: str, expected: tuple[str, str, str]
) -> None:
    """AWS_EMF_ENVIRONMENT means what it meant."""
    monkeypatch.setattr(get_config(), "environment", configured)
    made = Bridged()
    embedded_metrics.install(made.monitor)
    create_metrics_logger().put_metric("M", 1).flush_sync()
    assert (made.line["LogGroup"], made.line["ServiceName"], made.line["ServiceType"]) == expected


def test_the_librarys_configuration_is_read_at_each_flush(bridged: Bridged, monkeypatch: pytest.MonkeyPatch) -> None:
    """Applications change it in code, and AWS_EMF_NAMESPACE gives the namespace as before."""
    monkeypatch.setattr(get_config(), "service_name", "orders")
    monkeypatch.setattr(get_config(), "service_type", "web")
    monkeypatch.setattr(get_config(), "log_group_name", "my-group")
    monkeypatch.setattr(get_config(), "namespace", "Configured")
    create_metrics_logger().put_metric("M", 1).flush_sync()
    line = bridged.line
    assert (line["LogGroup"], line["ServiceName"], line["ServiceType"]) == ("my-group", "orders", "web")
    assert directive(line)["Namespace"] == "Configured"


def test_a_default_dimension_may_name_a_team_and_holds_no_secret(
    bridged: Bridged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the program chose it; a key in it is a mistake all the same, and is counted."""
    monkeypatch.setattr(get_config(), "service_name", "team-ai@company.com")
    monkeypatch.setattr(get_config(), "service_type", "key " + "AKIA" + "IOSFODNN7EXAMPLE")
    create_metrics_logger().put_metric("M", 1).flush_sync()
    assert bridged.line["ServiceName"] == "team-ai@company.com"
    assert bridged.line["ServiceType"] == "key [redacted:aws-access-key]"
    assert bridged.counts == {"dimension_redacted": 1}


# --- Which monitor


def test_without_a_monitor_of_its_own_it_writes_through_the_default_one() -> None:
    """`configure` may come later and may come again."""
    embedded_metrics.install()
    first: list[bytes] = []
    second: list[bytes] = []
    for sink in (first, second):
        flowemf.configure("App", sink=sink.append)
        create_metrics_logger().put_metric("M", 1).flush_sync()
    assert (len(first), len(second)) == (1, 1)


def test_without_configure_nothing_is_lost(capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line of migration is enough: the environment variables say the rest."""
    embedded_metrics.install()
    create_metrics_logger().put_metric("M", 1).flush_sync()
    assert json.loads(capfd.readouterr().out)["M"] == 1
    embedded_metrics.uninstall()
    monkeypatch.setenv("FLOWEMF_ROLLUPS", "some")
    with pytest.raises(flowemf.ConfigurationError, match="FLOWEMF_ROLLUPS"):
        embedded_metrics.install()


def test_installing_twice_changes_the_monitor_and_uninstalling_gives_everything_back(bridged: Bridged) -> None:
    """The library's classes are what they were, method by method."""
    embedded_metrics.uninstall()
    before = {owner: dict(vars(owner)) for owner in (MetricsLogger, MetricsContext, EnvironmentCache)}
    embedded_metrics.uninstall()
    embedded_metrics.install(bridged.monitor)
    other = Bridged()
    embedded_metrics.install(other.monitor)
    create_metrics_logger().put_metric("M", 1).flush_sync()
    assert (bridged.lines, len(other.lines)) == ([], 1)
    embedded_metrics.uninstall()
    assert {owner: dict(vars(owner)) for owner in (MetricsLogger, MetricsContext, EnvironmentCache)} == before


# --- The library's defects


def test_what_was_taken_from_a_logger_before_uninstalling_does_nothing_after(bridged: Bridged, capfd: Any) -> None:
    """Callers may hold a method; nothing is written or raised any more, mistakes included."""
    logger = create_metrics_logger()
    flush, put_metric, set_timestamp = logger.flush_sync, logger.put_metric, logger.context.set_timestamp
    embedded_metrics.uninstall()
    assert put_metric() is logger
    put_metric("M", 1)
    set_timestamp(datetime(1999, 1, 1, tzinfo=timezone.utc))
    assert logger.context.meta["Timestamp"] > 1_000_000_000_000
    flush()
    assert bridged.raw == []
    assert bridged.counts == {}
    assert capfd.readouterr() == ("", "")


def test_a_default_monitor_that_is_gone_has_a_successor(capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment variables say how it writes."""
    monkeypatch.setenv("AWS_EMF_NAMESPACE", "App/Later")
    flowemf.configure("App/Test", sink=pytest.fail)
    embedded_metrics.install()
    monkeypatch.setattr(flowemf._default, "_monitor", None)
    for _ in range(2):
        create_metrics_logger().put_metric("M", 1).flush_sync()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["M"] for line in lines] == [1, 1]


def test_an_environment_that_the_library_has_found_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its default dimensions are those of before, whatever is configured now."""
    monkeypatch.setattr(EnvironmentCache, "environment", environment_detector.lambda_environment)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders")
    monkeypatch.setattr(get_config(), "environment", "local")
    made = Bridged()
    embedded_metrics.install(made.monitor)
    create_metrics_logger().put_metric("M", 1).flush_sync()
    assert (made.line["ServiceName"], made.line["ServiceType"]) == ("orders", "AWS::Lambda::Function")


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
