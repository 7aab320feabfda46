"""The same calls through aws-embedded-metrics itself and through the bridge: the same numbers in the same series."""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pytest
from aws_embedded_metrics import MetricsLogger
from aws_embedded_metrics.environment import environment_detector
from aws_embedded_metrics.environment.environment_detector import EnvironmentCache
from aws_embedded_metrics.logger.metrics_logger_factory import create_metrics_logger
from aws_embedded_metrics.storage_resolution import StorageResolution
from hypothesis import given, settings
from hypothesis import strategies as st

import flowemf
from flowemf.integrations import embedded_metrics

Call = Callable[[MetricsLogger], object]
# The library is right only where a name keeps its unit, a key its value, and no name means two things.
METRICS = {
    "Latency": ("Milliseconds", StorageResolution.STANDARD),
    "Load": ("Percent", StorageResolution.HIGH),
    "Requests": ("Count", StorageResolution.STANDARD),
    "Plain": (None, StorageResolution.STANDARD),
}
DIMENSIONS = {"Route": "chat", "Stage": "one", "Team": "ai & co", "Model": "amazon.nova-lite-v1:0"}

values = st.integers(-(2**53), 2**53) | st.floats(-1e12, 1e12).filter(lambda value: value == 0 or abs(value) > 1e-9)
dimension_sets = st.sets(st.sampled_from(sorted(DIMENSIONS))).map(
    lambda keys: {key: DIMENSIONS[key] for key in sorted(keys)}
)


def put(name: str, many: list[float]) -> Call:
    unit, resolution = METRICS[name]
    return lambda logger: [logger.put_metric(name, value, unit, resolution) for value in many]  # type: ignore[arg-type]


calls: st.SearchStrategy[Call] = st.one_of(
    st.builds(put, st.sampled_from(sorted(METRICS)), st.lists(values, max_size=8)),
    st.builds(put, st.sampled_from(sorted(METRICS)), st.lists(values, min_size=150, max_size=150)),
    dimension_sets.map(lambda chosen: lambda logger: logger.put_dimensions(dict(chosen))),
    st.tuples(st.lists(dimension_sets, max_size=3, unique_by=tuple), st.booleans()).map(
        lambda asked: lambda logger: logger.set_dimensions(*map(dict, asked[0]), use_default=asked[1])
    ),
    st.booleans().map(lambda asked: lambda logger: logger.reset_dimensions(asked)),
    st.sampled_from(["Shop", "Shop/Chat"]).map(lambda name: lambda logger: logger.set_namespace(name)),
    st.booleans().map(lambda asked: lambda logger: setattr(logger, "flush_preserve_dimensions", asked)),
    st.tuples(st.sampled_from(["a", "b"]), st.integers(-(2**63), 2**63) | st.text("xyz")).map(
        lambda pair: lambda logger: logger.set_property(*pair)
    ),
    st.just(lambda logger: logger.flush_sync()),
)


def datapoints(lines: Iterable[str | bytes]) -> Counter[object]:
    """Count each value of each series: namespace, dimensions, metric, unit and resolution."""
    found: Counter[object] = Counter()
    for line in lines:
        document = json.loads(line)
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", ()):
            for definition in directive["Metrics"]:
                value = document[definition["Name"]]
                for keys in directive["Dimensions"] or [[]]:
                    series = (
                        directive["Namespace"],
                        frozenset((key, document[key]) for key in keys),
                        definition["Name"],
                        definition["Unit"],
                        definition.get("StorageResolution", 60),
                    )
                    found.update((series, each) for each in (value if isinstance(value, list) else [value]))
    return found


def properties(lines: Iterable[str | bytes]) -> set[str]:
    """Collect the properties of lines with metrics."""
    names = {*METRICS, *DIMENSIONS, "_aws"}
    documents = [json.loads(line) for line in lines]
    return {
        json.dumps({name: value for name, value in document.items() if name not in names}, sort_keys=True)
        for document in documents
        if any(directive["Metrics"] for directive in document.get("_aws", {}).get("CloudWatchMetrics", ()))
    }


def with_the_library(calls_made: list[Call]) -> list[str]:
    output = io.StringIO()
    EnvironmentCache.environment = environment_detector.lambda_environment
    with contextlib.redirect_stdout(output):
        make(calls_made)
    return output.getvalue().splitlines()


def with_the_bridge(calls_made: list[Call]) -> list[bytes]:
    lines: list[bytes] = []
    EnvironmentCache.environment = None
    monitor = flowemf.Monitor("App", sink=lines.append)
    embedded_metrics.install(monitor)
    try:
        make(calls_made)
    finally:
        embedded_metrics.uninstall()
    assert {reason for reason in monitor.stats() if reason != "lines_written"} == set()
    return lines


def make(calls_made: list[Call]) -> None:
    logger = create_metrics_logger()
    for call in calls_made:
        call(logger)
    logger.flush_sync()


@pytest.fixture(autouse=True, scope="module")
def _in_lambda() -> Iterator[None]:
    """Run as a Lambda function, where the library writes to stdout."""
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": "my-function",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[7]abc",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(EnvironmentCache, "environment", None)
        yield


@settings(max_examples=80)
@given(calls_made=st.lists(calls, max_size=12))
def test_any_calls_give_the_same_datapoints_and_properties(calls_made: list[Call]) -> None:
    """Where the library is right, the bridge writes what it writes: value by value, series by series."""
    theirs, ours = with_the_library(calls_made), with_the_bridge(calls_made)
    assert datapoints(ours) == datapoints(theirs)
    assert properties(ours) == properties(theirs)


def test_the_comparison_sees_numbers() -> None:
    """A comparison of nothing with nothing would prove nothing."""
    found = datapoints(with_the_library([put("Latency", [1, 2, 2]), put("Load", [0.5])]))
    assert sorted(found.values()) == [1, 1, 2]
