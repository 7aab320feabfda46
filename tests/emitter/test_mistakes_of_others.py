"""The mistakes of the libraries that people use today, and that flowemf does not make them.

Each test makes the mistake with the real peer first, so that it stays a fact and no rumour, then asks the same of
flowemf.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from aws_embedded_metrics import MetricsLogger, metric_scope
from aws_embedded_metrics.environment import environment_detector
from aws_embedded_metrics.environment.environment_detector import EnvironmentCache
from aws_embedded_metrics.logger.metrics_logger_factory import create_metrics_logger
from aws_lambda_powertools import Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

import flowemf

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
Document = dict[str, Any]


class Output(io.StringIO):
    """Standard output, where something may happen in another thread just when the first line is written."""

    def __init__(self, meanwhile: Callable[[], object] | None = None) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def write(self, text: str) -> int:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            thread = threading.Thread(target=meanwhile)
            thread.start()
            thread.join()
        return super().write(text)

    @property
    def documents(self) -> list[Document]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def values(self, metric: str) -> list[Any]:
        """List the values of a metric, whether they stand in arrays or alone."""
        found = [document.get(metric, []) for document in self.documents]
        return [value for each in found for value in (each if isinstance(each, list) else [each])]


def output_of(program: Callable[[], object], meanwhile: Callable[[], object] | None = None) -> Output:
    output = Output(meanwhile)
    with contextlib.redirect_stdout(output):
        program()
    return output


@pytest.fixture(autouse=True)
def _peers_that_write_to_stdout(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let aws-embedded-metrics write to stdout, and Powertools forget its class-level state."""
    monkeypatch.setattr(EnvironmentCache, "environment", environment_detector.local_environment)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "orders")
    yield
    forget_powertools()


def forget_powertools() -> None:
    metrics = Metrics(namespace="Peer")
    metrics.clear_metrics()
    metrics.clear_default_dimensions()
    metrics.dimension_set.clear()


# --- aws-embedded-metrics


def test_a_failing_measurement_replaces_the_applications_exception(captured: Any) -> None:
    """The peer flushes in `finally`: its TypeError takes the place of the user's KeyError."""

    @metric_scope
    def theirs(metrics: MetricsLogger) -> None:
        metrics.put_metric("Price", Decimal("9.90"))
        raise KeyError("mine")

    with pytest.raises(TypeError, match="Decimal is not JSON serializable"):
        theirs()

    flowemf.configure("App", sink=captured)

    @flowemf.flow("buy")
    def ours() -> None:
        flowemf.metric("Price", object())  # type: ignore[arg-type]
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        ours()
    assert captured.last["FlowError"] == 1


CONNECTING = """
import sys
def hook(event, arguments):
    if event == "socket.connect":
        sys.stderr.write(f"connects to {arguments[1]}\\n")
sys.addaudithook(hook)
"""
THEIRS = """
from aws_embedded_metrics.logger.metrics_logger_factory import create_metrics_logger
create_metrics_logger().put_metric("M", 1).flush_sync()
"""
OURS = """
import flowemf
flowemf.configure("App")
flowemf.metric("M", 1)
"""


def test_outside_lambda_metrics_go_to_a_socket_and_are_dropped(run_python: Run) -> None:
    """The peer dials 0.0.0.0:25888 by default; nobody is there, and nothing is written anywhere."""
    theirs = run_python(CONNECTING + THEIRS, environment={"AWS_EMF_ENVIRONMENT": "default"})
    assert b"connects to ('0.0.0.0', 25888)" in theirs.stderr
    assert theirs.stdout == b""
    ours = run_python(CONNECTING + OURS)
    assert b"connects" not in ours.stderr
    assert json.loads(ours.stdout)["M"] == 1


ODD: list[Any] = [Decimal("0.5"), datetime(2026, 1, 2, tzinfo=timezone.utc)]


@pytest.mark.parametrize("value", ODD, ids=["decimal", "datetime"])
def test_a_value_of_another_type_raises_at_the_flush(captured: Any, value: Any) -> None:
    """The peer takes it without a word and fails later, far from where it came from; all other metrics are lost."""
    logger = create_metrics_logger().put_metric("Beside", 1).set_property("odd", value)
    with pytest.raises(TypeError, match="not JSON serializable"):
        logger.flush_sync()

    flowemf.configure("App", sink=captured)
    flowemf.bind(odd=value)
    flowemf.metric("Beside", 1)
    flowemf.metric("Odd", value)
    assert captured.documents[0]["Beside"] == 1
    assert captured.documents[0]["odd"] == str(value)
    assert [document["Odd"] for document in captured.documents[1:]] == ([0.5] if value == Decimal("0.5") else [])


def test_what_one_thread_records_while_another_flushes_is_lost() -> None:
    """The peer replaces its context after it was written: what came in between is gone."""
    logger = create_metrics_logger().put_metric("M", 1)

    def theirs() -> None:
        logger.flush_sync()
        logger.flush_sync()

    assert output_of(theirs, meanwhile=lambda: logger.put_metric("M", 2)).values("M") == [1]

    monitor = flowemf.Monitor("App", sink="stdout")
    ours = output_of(lambda: monitor.metric("M", 1), meanwhile=lambda: monitor.metric("M", 2))
    assert sorted(ours.values("M")) == [1, 2]


def test_two_units_under_one_name_are_merged() -> None:
    """Both peers keep one unit for all values: 12 milliseconds become 12 seconds, or one second one millisecond."""

    def embedded() -> None:
        create_metrics_logger().put_metric("L", 1, "Seconds").put_metric("L", 12, "Milliseconds").flush_sync()

    def powertools() -> None:
        metrics = Metrics(namespace="Peer")
        metrics.add_metric("L", MetricUnit.Seconds, 1)
        metrics.add_metric("L", MetricUnit.Milliseconds, 12)
        metrics.flush_metrics()

    def ours() -> None:
        monitor = flowemf.Monitor("App")
        monitor.metric("L", 1, "Seconds")
        monitor.metric("L", 12, "Milliseconds")

    assert pairs(output_of(embedded)) == [("Seconds", [1, 12])]
    assert pairs(output_of(powertools)) == [("Milliseconds", [1, 12])]
    assert pairs(output_of(ours)) == [("Seconds", 1), ("Milliseconds", 12)]


def pairs(output: Output) -> list[tuple[str, Any]]:
    """List the unit and the values of each metric."""
    definitions = [
        (document, definition)
        for document in output.documents
        for definition in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    ]
    return [(definition["Unit"], document[definition["Name"]]) for document, definition in definitions]


def test_a_metric_overwrites_the_dimension_of_its_name() -> None:
    """In both peers the dimension's target becomes a number, so that CloudWatch drops the whole set."""

    def embedded() -> None:
        create_metrics_logger().set_dimensions({"Route": "chat"}).put_metric("Route", 5).flush_sync()

    def powertools() -> None:
        metrics = Metrics(namespace="Peer")
        metrics.add_dimension("Route", "chat")
        metrics.add_metric("Route", MetricUnit.Count, 5)
        metrics.flush_metrics()

    for theirs in (embedded, powertools):
        (document,) = output_of(theirs).documents
        assert "Route" in document["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]
        assert document["Route"] in (5, [5])

    monitor = flowemf.Monitor("App", rollups="none")
    (document,) = output_of(lambda: monitor.metric("Route", 5, "Count", {"Route": "chat", "Stage": "one"})).documents
    assert document["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stage"]]
    assert document["Route"] == 5
    assert monitor.stats()["dimension_dropped"] == 1


IMPORTED = "import sys\nimport {module}\nprint(*sorted(sys.modules))"


def test_importing_it_brings_an_http_client_and_an_event_loop(run_python: Run) -> None:
    """The peer needs a quarter of a second for it; ours imports neither, nor what it does not use at once."""
    theirs = set(run_python(IMPORTED.format(module="aws_embedded_metrics")).stdout.decode().split())
    ours = set(run_python(IMPORTED.format(module="flowemf")).stdout.decode().split())
    heavy = {"aiohttp", "asyncio", "logging", "ssl", "json", "re", "typing"}
    assert heavy <= theirs
    assert heavy & ours == set()


ENDINGS = {
    "SIGTERM": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "SIGKILL, as a Lambda function's timeout ends": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
}
WRITERS = {
    "aws-embedded-metrics": """
from aws_embedded_metrics.logger.metrics_logger_factory import create_metrics_logger
for index in range(20):
    create_metrics_logger().put_metric("M", index).flush_sync()
""",
    "Powertools": """
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
for index in range(20):
    metrics = Metrics(namespace="Peer", service="orders")
    metrics.add_metric("M", MetricUnit.Count, index)
    metrics.flush_metrics()
""",
    "flowemf": """
import flowemf
flowemf.configure("App")
for index in range(20):
    flowemf.metric("M", index)
""",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
@pytest.mark.parametrize("library", WRITERS)
def test_stdout_is_not_flushed_and_the_end_of_the_program_takes_the_lines(
    run_python: Run, library: str, ending: str
) -> None:
    """The peers lose twenty lines of twenty into a pipe; ours have left when the call returns."""
    flags = {"environment": {"AWS_EMF_ENVIRONMENT": "local", "PYTHONUNBUFFERED": ""}}
    finished = run_python(WRITERS[library] + ending, **flags)
    assert finished.returncode < 0
    written = [json.loads(line)["M"] for line in finished.stdout.splitlines()]
    assert written == (list(range(20)) if library == "flowemf" else [])


def test_a_flush_inside_an_event_loop_starts_another_one(monkeypatch: pytest.MonkeyPatch, captured: Any) -> None:
    """The first `flush_sync` of the peer runs a second event loop in a new thread, and blocks the first one for it."""
    monkeypatch.setattr(EnvironmentCache, "environment", None)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "my-function")
    started: list[str] = []
    monkeypatch.setattr(threading.Thread, "start", noting(started, threading.Thread.start))

    async def theirs() -> None:
        create_metrics_logger().put_metric("M", 1).flush_sync()

    output_of(lambda: asyncio.run(theirs()))
    assert len(started) == 1

    async def ours() -> None:
        flowemf.Monitor("App", sink=captured).metric("M", 1)

    asyncio.run(ours())
    assert len(started) == 1
    assert captured.last["M"] == 1


def noting(started: list[str], start: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    def noted(thread: threading.Thread) -> None:
        started.append(thread.name)
        start(thread)

    return noted


def test_every_event_repeats_the_whole_declaration() -> None:
    """What the peer writes for a hundred events is paid for by the byte; ours can be merged, with the same numbers."""

    def theirs() -> None:
        for value in range(100):
            create_metrics_logger().set_dimensions({"Route": "chat"}).put_metric("L", value, "Seconds").flush_sync()

    def ours() -> None:
        monitor = flowemf.Monitor("App", rollups="none", metric_buffer_size=100)
        for value in range(100):
            monitor.metric("L", value, "Seconds", {"Route": "chat"})
        flowemf.flush()

    of_them, of_us = output_of(theirs), output_of(ours)
    assert of_them.values("L") == of_us.values("L") == list(range(100))
    assert len(of_us.getvalue()) * 20 < len(of_them.getvalue())


# --- Powertools for AWS Lambda


def test_dimensions_leak_from_one_instance_to_another(captured: Any) -> None:
    """The peer keeps them in a dictionary of its class."""

    def theirs() -> None:
        Metrics(namespace="First").add_dimension("Tenant", "acme")
        second = Metrics(namespace="Second")
        second.add_metric("M", MetricUnit.Count, 1)
        second.flush_metrics()

    assert output_of(theirs).documents[0]["Tenant"] == "acme"

    flowemf.Monitor("First", custom_dimensions={"Tenant": "acme"}, sink=captured)
    flowemf.Monitor("Second", custom_dimensions={"Stage": "one"}, sink=captured).metric("M", 1)
    assert captured.last["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stage"], []]
    assert "Tenant" not in captured.last


def test_nan_becomes_invalid_json(captured: Any) -> None:
    """The peer's line can be read by no strict reader, and CloudWatch is one."""

    def theirs() -> None:
        metrics = Metrics(namespace="Peer")
        metrics.add_metric("M", MetricUnit.Count, float("nan"))
        metrics.flush_metrics()

    with pytest.raises(ValueError, match="NaN"):
        json.loads(output_of(theirs).getvalue(), parse_constant=refuse)

    monitor = flowemf.Monitor("App", sink=captured)
    monitor.metric("M", float("nan"))
    monitor.on_flow_end("chat", float("nan"))
    [line] = captured.lines
    assert json.loads(line, parse_constant=refuse)["FlowCompleted"] == 1
    assert monitor.stats()["value_not_finite"] == 2


def refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def test_two_threads_that_flush_write_the_same_metrics_twice() -> None:
    """The peer clears its metrics after they were printed: who flushes in between prints them too."""
    metrics = Metrics(namespace="Peer")
    metrics.add_metric("M", MetricUnit.Count, 1)
    assert output_of(metrics.flush_metrics, meanwhile=metrics.flush_metrics).values("M") == [1, 1]

    monitor = flowemf.Monitor("App", sink="stdout")
    ours = output_of(lambda: monitor.metric("M", 1), meanwhile=lambda: monitor.metric("N", 1))
    assert (ours.values("M"), ours.values("N")) == ([1], [1])


def test_a_body_that_raises_prints_null() -> None:
    """The peer's `single_metric` prints its result in `finally`, though there is none."""

    def theirs() -> None:
        with contextlib.suppress(KeyError), single_metric(name="M", unit=MetricUnit.Count, value=1, namespace="Peer"):
            raise KeyError("mine")

    assert output_of(theirs).getvalue() == "null\n"

    monitor = flowemf.Monitor("App")

    def ours() -> None:
        with contextlib.suppress(KeyError), monitor.flow("chat"):
            raise KeyError("mine")

    documents = output_of(ours).documents
    assert [document["event"] for document in documents] == ["flow.start", "flow.end"]
    assert documents[1]["FlowError"] == 1


def test_an_empty_dimension_value_loses_all_dimensions(captured: Any) -> None:
    """CloudWatch skips every dimension of a line with an empty one; the peer leaves it out, and the series changes."""

    def theirs() -> None:
        metrics = Metrics(namespace="Peer")
        metrics.add_dimension("Route", "")
        metrics.add_metric("M", MetricUnit.Count, 1)
        metrics.flush_metrics()

    with pytest.warns(UserWarning, match="empty"):
        assert output_of(theirs).documents[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]

    monitor = flowemf.Monitor("App", sink=captured)
    monitor.metric("M", 1, "Count", {"Route": ""})
    assert captured.last["Route"] == "unknown"
    assert monitor.stats()["dimension_empty"] == 1
