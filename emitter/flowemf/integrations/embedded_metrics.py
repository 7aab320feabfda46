"""Lets code that was written for aws-embedded-metrics write through our sink.

What `@metric_scope` functions and `MetricsLogger` objects record goes in; whole lines, with the same metrics under the
same dimensions, leave through a monitor. The library's own event loop, probes and sockets are not used any more.

    from flowemf.integrations import embedded_metrics

    flowemf.configure("MyApp/GenKit")
    embedded_metrics.install()

What is different from then on:

- No call raises: what the library refuses with an exception, or fails on while it flushes, is mended or left out,
  counted in `flowemf.stats()` and said once. Numbers of other kinds (`Decimal`, numpy's) are written as numbers; NaN
  and infinities are left out; dimension values are cleaned like those of every line of ours.
- Loggers may be shared by threads.
- A metric that comes with two units, or two resolutions, or that is called like a dimension, gets a line of its own.
- A flush that recorded nothing writes nothing; one with properties alone writes them as plain JSON without `_aws`.

What cannot be mended here: the library still takes a quarter of a second to import, and calls that bypass the
`MetricsLogger` for its `context` are safe in one thread only. What the library asks EC2's metadata service for is not
asked: on EC2 set AWS_EMF_ENVIRONMENT=ec2, and ServiceType is what it was. An environment or a sink of the application's
own is not called.
"""

from __future__ import annotations

import os
from functools import wraps
from time import time_ns
from typing import TYPE_CHECKING, Any

from flowemf import _default
from flowemf._monitor import Monitor
from flowemf._process_lock import ProcessLock
from flowemf.integrations._embedded_metrics_lines import OTHERS, lines_of_context
from flowemf_schemas import limits, names, units

try:
    from aws_embedded_metrics.config import get_config
    from aws_embedded_metrics.environment import Environment, environment_detector
    from aws_embedded_metrics.environment.environment_detector import EnvironmentCache
    from aws_embedded_metrics.logger.metric import Metric
    from aws_embedded_metrics.logger.metrics_context import MetricsContext
    from aws_embedded_metrics.logger.metrics_logger import MetricsLogger
    from aws_embedded_metrics.sinks import Sink
    from aws_embedded_metrics.storage_resolution import StorageResolution
except ImportError as missing:
    raise ImportError(
        "flowemf.integrations.embedded_metrics needs aws-embedded-metrics, which is not installed: "
        "pip install aws-embedded-metrics"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = ["install", "uninstall"]

_BAD_TIMESTAMP = (
    "timestamp_refused",
    "CloudWatch refuses what is older than two weeks or two hours ahead; the time of recording was written instead",
)


class _Bridge:
    """What is installed: the monitor to write through, the environment, and what stood in the library's places."""

    def __init__(self, monitor: Monitor | None) -> None:
        self.chosen = monitor
        # Whoever installs the bridge and configures nothing loses no metrics: environment variables say the rest.
        self.fallback = Monitor() if monitor is None and _default.configured() is None else None
        self.environment = _BridgedEnvironment(_own_environment())
        self.replaced: list[tuple[type, str, object]] = []

    @property
    def monitor(self) -> Monitor:
        """The monitor that was passed, else the default one, else one made of the environment variables."""
        monitor = self.chosen or _default.configured() or self.fallback
        if monitor is None:  # the default monitor was there at first, and is gone
            monitor = self.fallback = Monitor()
        return monitor

    def replace(self, owner: type, name: str, replacement: object) -> None:
        """Put something into a place of the library's, to be taken out again."""
        self.replaced.append((owner, name, owner.__dict__[name]))
        setattr(owner, name, replacement)


_bridge: _Bridge | None = None
# One lock for all loggers: what it guards takes a microsecond.
_lock = ProcessLock()


def install(monitor: Monitor | None = None) -> None:
    r"""Make aws-embedded-metrics write through a monitor; a further call only changes the monitor.

    Loggers and decorated functions that exist already are included. Default dimensions stay what the library's own
    environment would give; no dimension set is added.

    >>> import flowemf
    >>> install(flowemf.Monitor(sink=print))
    >>> from aws_embedded_metrics.logger.metrics_logger_factory import create_metrics_logger
    >>> create_metrics_logger().put_metric("Latency", 12, "Milliseconds").flush_sync()  # doctest: +ELLIPSIS
    b'{"_aws":{"Timestamp":...,"LogGroup":"Unknown-metrics",...,"Latency":12}\n'
    >>> uninstall()

    Args:
        monitor: the monitor to write through; its custom dimensions and roll-ups are not added. Without it the default
            one at the time of each flush, and before `flowemf.configure` one made of the environment variables.

    Raises:
        ConfigurationError: there is no monitor, and an environment variable is wrong.
    """
    global _bridge  # noqa: PLW0603 - the library is one for the process
    if _bridge is not None:
        _bridge.chosen = monitor
        return
    bridge = _Bridge(monitor)
    for name in ("set_property", "put_dimensions", "set_dimensions", "reset_dimensions", "put_metric"):
        bridge.replace(MetricsLogger, name, _guarded(getattr(MetricsLogger, name)))
    for name in ("set_timestamp", "add_stack_trace", "new"):
        bridge.replace(MetricsLogger, name, _guarded(getattr(MetricsLogger, name)))
    bridge.replace(MetricsLogger, "set_namespace", _guarded(_set_namespace))
    bridge.replace(MetricsLogger, "flush_sync", _flush_sync)
    bridge.replace(MetricsLogger, "flush", _flush)
    bridge.replace(MetricsContext, "put_metric", _put_metric)
    bridge.replace(MetricsContext, "put_dimensions", _put_dimensions)
    bridge.replace(MetricsContext, "set_dimensions", _set_dimensions)
    bridge.replace(MetricsContext, "set_timestamp", _set_timestamp)
    bridge.replace(EnvironmentCache, "environment", bridge.environment)
    _bridge = bridge


def uninstall() -> None:
    """Give aws-embedded-metrics its own ways back; without `install` before, do nothing."""
    global _bridge  # noqa: PLW0603 - see install
    if _bridge is not None:
        for owner, name, original in reversed(_bridge.replaced):
            setattr(owner, name, original)
        _bridge = None


# --- The methods of MetricsLogger


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let one thread at a time change a logger, and no exception out."""

    @wraps(method)
    def guarded(self: MetricsLogger, *args: Any, **kwargs: Any) -> Any:
        try:
            with _lock:
                return method(self, *args, **kwargs)
        except Exception as problem:
            _failed(problem)
            return self

    return guarded


def _set_namespace(self: MetricsLogger, namespace: str) -> MetricsLogger:
    """Set the namespace; whether CloudWatch takes it is looked at when it is written."""
    self.context.namespace = namespace
    return self


async def _flush(self: MetricsLogger) -> None:
    """Write what was recorded; nothing is awaited."""
    _flush_sync(self)


def _flush_sync(self: MetricsLogger) -> None:
    """Write what was recorded, and start afresh."""
    try:
        with _lock:
            context = self.context
            if _bridge is not None:
                context.set_default_dimensions(_bridge.environment.default_dimensions())
            self.context = context.create_copy_with_context(self.flush_preserve_dimensions)
        _write(context)
    except Exception as problem:
        _failed(problem)


def _write(context: MetricsContext) -> None:
    """Write what a context holds."""
    if _bridge is None:
        return
    bulk = _bridge.monitor.lines.in_bulk()
    properties = {**context.properties, **_bridge.environment.properties()} if _has_content(context) else {}
    bulk.write(lines_of_context(bulk, context, properties, extracted=not get_config().disable_metric_extraction))


def _has_content(context: MetricsContext) -> bool:
    return bool(context.metrics or context.properties)


def _failed(problem: Exception) -> None:
    if _bridge is not None:
        _bridge.monitor.lines.failed(problem)


# --- The methods of MetricsContext: what they are given is looked at when it is written


def _put_metric(
    self: MetricsContext,
    key: str,
    value: float,
    unit: str | None = None,
    storage_resolution: StorageResolution = StorageResolution.STANDARD,
) -> None:
    """Keep one value; apart from others of that name, if it comes in another unit or resolution."""
    added = Metric(value, unit or units.NONE, storage_resolution)
    known = self.metrics.setdefault(key, added)
    if (known.unit, known.storage_resolution) != (added.unit, added.storage_resolution):
        others: dict[object, tuple[str, Metric]] = self.__dict__.setdefault(OTHERS, {})
        known = others.setdefault((key, added.unit, added.storage_resolution), (key, added))[1]
    if known is not added:
        known.add_value(value)


def _put_dimensions(self: MetricsContext, dimension_set: dict[str, str]) -> None:
    """Add a dimension set; an earlier one with the same keys makes way, as in the library."""
    if dimension_set is not None:
        added = dict(dimension_set)
        self.dimensions = [each for each in self.dimensions if each.keys() != added.keys()] + [added]


def _set_dimensions(self: MetricsContext, dimension_sets: list[dict[str, str]], use_default: bool = False) -> None:
    """Replace all dimension sets."""
    self.dimensions = [dict(each) for each in dimension_sets]
    self.should_use_default_dimensions = use_default


def _set_timestamp(self: MetricsContext, timestamp: datetime) -> None:
    """Set the time of the metrics, unless CloudWatch would refuse it: then the time of recording stays."""
    try:
        timestamp_ms = round(timestamp.timestamp() * 1000)
    except Exception:  # no datetime, or one of a year that the machine cannot count
        timestamp_ms = 0
    age_ms = time_ns() // 1_000_000 - timestamp_ms
    if -limits.AGE_FUTURE_MS <= age_ms <= limits.AGE_PAST_MS:
        self.meta[names.TIMESTAMP] = timestamp_ms
    elif _bridge is not None:
        _bridge.monitor.tally.count(*_BAD_TIMESTAMP)


# --- The environment


def _own_environment() -> Environment:
    """Give the environment that the library would find, without asking the network."""
    known = EnvironmentCache.environment
    if known is not None:
        return known
    by_name = {
        "lambda": environment_detector.lambda_environment,
        "ec2": environment_detector.ec2_environment,
        "default": environment_detector.default_environment,
        "local": environment_detector.local_environment,
    }
    in_lambda = bool(os.environ.get("AWS_LAMBDA_FUNCTION_NAME"))
    configured = (get_config().environment or "").lower()
    return by_name.get(configured) or by_name["lambda" if in_lambda else "default"]


class _BridgedEnvironment(Environment):
    """The library's own environment, with our sink."""

    def __init__(self, own: Environment) -> None:
        self._own = own

    def default_dimensions(self) -> dict[str, str]:
        """Give the dimensions that the library adds."""
        settings = get_config()
        return {
            "LogGroup": self.get_log_group_name(),
            "ServiceName": settings.service_name or self.get_name(),
            "ServiceType": settings.service_type or self.get_type(),
        }

    def properties(self) -> dict[str, Any]:
        """Give the properties that the library adds."""
        context = MetricsContext()
        self.configure_context(context)
        return context.properties

    async def probe(self) -> bool:
        """Say that this is the environment."""
        return True

    def get_name(self) -> str:
        """Name the service."""
        return self._own.get_name()

    def get_type(self) -> str:
        """Name the kind of compute; the library's EC2 environment knows its own only after it was probed."""
        if self._own is environment_detector.ec2_environment:
            return "AWS::EC2::Instance"
        return self._own.get_type()

    def get_log_group_name(self) -> str:
        """Name the log group."""
        return self._own.get_log_group_name()

    def configure_context(self, context: MetricsContext) -> None:
        """Add the properties of the environment; those of EC2 only where they were asked for before."""
        if hasattr(self._own, "metadata") or self._own is not environment_detector.ec2_environment:
            self._own.configure_context(context)

    def get_sink(self) -> Sink:
        """Give our sink."""
        return _BridgedSink()


class _BridgedSink(Sink):
    """Our sink, for code that asks the environment for it."""

    def accept(self, context: MetricsContext) -> None:
        """Write what a context holds."""
        try:
            _write(context)
        except Exception as problem:
            _failed(problem)

    @staticmethod
    def name() -> str:
        """Name the sink."""
        return "FlowEMFSink"
