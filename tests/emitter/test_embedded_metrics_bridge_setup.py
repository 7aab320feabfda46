"""The bridge from aws-embedded-metrics: which environment and configuration it finds, and through whom it writes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from aws_embedded_metrics import MetricsLogger
from aws_embedded_metrics.config import get_config
from aws_embedded_metrics.environment import environment_detector
from aws_embedded_metrics.environment.environment_detector import EnvironmentCache, resolve_environment
from aws_embedded_metrics.logger.metrics_context import MetricsContext
from aws_embedded_metrics.logger.metrics_logger_factory import create_metrics_logger
from bridged_metrics import Bridged, directive

import flowemf
from flowemf.integrations import embedded_metrics


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


def test_a_disabled_monitor_writes_nothing_and_the_application_goes_on() -> None:
    """Code that is written for the library calls it as ever."""
    monitor = flowemf.Monitor("App/Test", disabled=True)
    embedded_metrics.install(monitor)
    context = MetricsContext(dimensions=[{"A": "1"}])
    context.put_metric("M", 1)
    asyncio.run(resolve_environment()).get_sink().accept(context)
    assert monitor.stats() == {"lines_written": 0}


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
