"""Every way of writing the event that is compared: flowemf's, the peers', and the floor.

The name of a way goes in; a function comes out that writes one event to standard output, made ready as the library's
documentation says. Each library is imported only by its own way.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import time_ns
from typing import Any

from emitting import event

Emit = Callable[[str, float], object]


@dataclass(frozen=True, slots=True)
class Emitter:
    """A way that is ready: `emit` writes an event, `settle` returns when everything has left the process."""

    emit: Emit
    settle: Callable[[], object]


def buffered(emit: Emit) -> Emitter:
    """Complete a way that leaves text in `sys.stdout`: without PYTHONUNBUFFERED up to 8 KB, lost at SIGTERM."""
    return Emitter(emit, sys.stdout.flush)


def nothing_left() -> None:
    """Return: a synchronous way has written everything when it returns."""


# --- flowemf


def configured(**settings: Any) -> Any:
    """Configure flowemf for the event, with every safety on."""
    import flowemf

    flowemf.configure(
        event.NAMESPACE, custom_dimensions=event.CUSTOM_DIMENSIONS, **{"rollups": "none", "sink": "stdout", **settings}
    )
    flowemf.bind(**event.BOUND)
    return flowemf


def flowemf_sync() -> Emitter:
    """Write synchronously, the properties bound once as for a request that writes several lines."""
    return Emitter(configured().on_flow_end, nothing_left)


def flowemf_rebound() -> Emitter:
    """Bind the properties anew for every single event."""
    flowemf = configured()

    def emit(name: str, duration_ms: float) -> None:
        flowemf.bind(**event.BOUND)
        flowemf.on_flow_end(name, duration_ms)

    return Emitter(emit, nothing_left)


def flowemf_rollups() -> Emitter:
    """Write the default dimension sets as well: a longer line than anybody else's here."""
    return Emitter(configured(rollups="standard").on_flow_end, nothing_left)


def flowemf_background() -> Emitter:
    """Write from the queue and its thread."""
    import flowemf

    # Nothing else than emitting happens here, faster than the thread can follow: nothing may be dropped for that.
    configured(delivery="background", queue_size=1_000_000)

    def settle() -> None:
        if not flowemf.flush(60) or flowemf.stats().keys() != {"lines_written"}:
            raise RuntimeError(f"not every line was written: {flowemf.stats()}")

    return Emitter(flowemf.on_flow_end, settle)


# --- The floor, and what people write by themselves


def _filled() -> tuple[dict[str, Any], Callable[[str, float], dict[str, Any]]]:
    document = event.document("", 0.0, 0)
    metadata = document["_aws"]

    def fill(name: str, duration_ms: float) -> dict[str, Any]:
        metadata["Timestamp"] = time_ns() // 1_000_000
        document["FlowName"] = name
        document["FlowDuration"] = duration_ms
        return document

    return document, fill


def orjson_write() -> Emitter:
    """Build the document of each event, serialise it with orjson, and write it: no check, no lock, no context."""
    import orjson

    dumps, write, newline = orjson.dumps, os.write, orjson.OPT_APPEND_NEWLINE
    directives = event.document("", 0.0, 0)["_aws"]["CloudWatchMetrics"]

    def emit(name: str, duration_ms: float) -> None:
        document = {
            "_aws": {"Timestamp": time_ns() // 1_000_000, "CloudWatchMetrics": directives},
            **event.CUSTOM_DIMENSIONS,
            "FlowName": name,
            "Status": "Success",
            "FlowCompleted": 1,
            "FlowDuration": duration_ms,
            **event.CONSTANT,
            **event.BOUND,
        }
        write(1, dumps(document, option=newline))

    return Emitter(emit, nothing_left)


def orjson_kept() -> Emitter:
    """Keep one document for all events and change it in place, which two threads cannot do at once."""
    import orjson

    _, fill = _filled()
    dumps, write, newline = orjson.dumps, os.write, orjson.OPT_APPEND_NEWLINE

    def emit(name: str, duration_ms: float) -> None:
        write(1, dumps(fill(name, duration_ms), option=newline))

    return Emitter(emit, nothing_left)


def constant_write() -> Emitter:
    """Write one constant line of that length: what no synchronous way can fall below."""
    import json

    line = json.dumps(event.document(*event.EVENTS[0], 1_700_000_000_000), separators=(",", ":")).encode() + b"\n"
    write = os.write
    return Emitter(lambda *_: write(1, line), nothing_left)


def orjson_lock() -> Emitter:
    """Do the same under a lock, as threads need it."""
    from threading import Lock

    lock, emit_one = Lock(), orjson_write().emit

    def emit(name: str, duration_ms: float) -> None:
        with lock:
            emit_one(name, duration_ms)

    return Emitter(emit, nothing_left)


def json_write() -> Emitter:
    """Serialise with the standard library and write to `sys.stdout`."""
    import json

    _, fill = _filled()
    dumps, write = json.dumps, sys.stdout.write

    def emit(name: str, duration_ms: float) -> None:
        write(dumps(fill(name, duration_ms)) + "\n")

    return buffered(emit)


def structlog_json() -> Emitter:
    """Log through structlog's standard JSON pipeline; the properties are bound to its context once."""
    import structlog

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(**event.BOUND)
    log = structlog.get_logger()
    document, fill = _filled()
    for name in (*event.BOUND, "event"):
        del document[name]

    def emit(name: str, duration_ms: float) -> None:
        fill(name, duration_ms)
        log.info(event.CONSTANT["event"], **document)

    return buffered(emit)


# --- The peers


def _aws_embedded_metrics() -> Callable[[Any, str, float], None]:
    from aws_embedded_metrics.config import get_config

    get_config().environment = "local"  # its standard output; otherwise it looks for EC2 and dials an agent
    get_config().namespace = event.NAMESPACE  # once for all: `set_namespace` would check it for every event
    properties = {**event.CONSTANT, **event.BOUND}

    def fill(metrics: Any, name: str, duration_ms: float) -> None:
        metrics.set_dimensions({**event.CUSTOM_DIMENSIONS, "FlowName": name, "Status": "Success"})
        metrics.put_metric("FlowCompleted", 1, "Count")
        metrics.put_metric("FlowDuration", duration_ms, "Milliseconds")
        for key, value in properties.items():
            metrics.set_property(key, value)

    return fill


def aws_flush_sync() -> Emitter:
    """Make a logger for each event and flush it: its fastest way that gives each event its own timestamp."""
    fill = _aws_embedded_metrics()
    from aws_embedded_metrics.logger.metrics_logger_factory import create_metrics_logger

    def emit(name: str, duration_ms: float) -> None:
        metrics = create_metrics_logger()
        fill(metrics, name, duration_ms)
        metrics.flush_sync()

    return buffered(emit)


def aws_one_logger() -> Emitter:
    """Keep one logger and flush it for each event: lines carry the time of the flush before, threads lose values."""
    fill = _aws_embedded_metrics()
    from aws_embedded_metrics.logger.metrics_logger_factory import create_metrics_logger

    metrics = create_metrics_logger()

    def emit(name: str, duration_ms: float) -> None:
        fill(metrics, name, duration_ms)
        metrics.flush_sync()

    return buffered(emit)


def aws_metric_scope() -> Emitter:
    """Decorate a function, as its documentation begins."""
    fill = _aws_embedded_metrics()
    from aws_embedded_metrics.metric_scope import metric_scope

    def emit(name: str, duration_ms: float, metrics: Any) -> None:
        fill(metrics, name, duration_ms)

    return buffered(metric_scope(emit))  # type: ignore[arg-type] # the decorator passes `metrics`


def powertools() -> Emitter:
    """Keep one Metrics object with default dimensions and flush it for each event."""
    from aws_lambda_powertools.metrics import Metrics

    metrics = Metrics(namespace=event.NAMESPACE, service=event.CUSTOM_DIMENSIONS["service"])
    metrics.set_default_dimensions(**{key: value for key, value in event.CUSTOM_DIMENSIONS.items() if key != "service"})
    properties = {**event.CONSTANT, **event.BOUND}

    def emit(name: str, duration_ms: float) -> None:
        metrics.add_dimension("FlowName", name)
        metrics.add_dimension("Status", "Success")
        metrics.add_metric("FlowCompleted", "Count", 1)
        metrics.add_metric("FlowDuration", "Milliseconds", duration_ms)
        for key, value in properties.items():
            metrics.add_metadata(key, value)
        metrics.flush_metrics()

    return buffered(emit)


# --- What the decorator adds

DECORATED_NAME = event.NAMES[0]


def empty_call() -> Emitter:
    """Call a function that does nothing."""

    def emit(name: str, duration_ms: float) -> None:
        pass

    return Emitter(emit, nothing_left)


def two_lines() -> Emitter:
    """Write the two lines of a flow by the hooks, inside a flow, so that they carry its identifier."""
    flowemf = configured()
    flowemf.flow("around").__enter__()
    start, end = flowemf.on_flow_start, flowemf.on_flow_end

    def emit(_: str, duration_ms: float) -> None:
        start(DECORATED_NAME)
        end(DECORATED_NAME, duration_ms)

    return Emitter(emit, nothing_left)


def decorated_call() -> Emitter:
    """Call a function that does nothing, decorated: the same two lines."""
    flowemf = configured()

    return Emitter(flowemf.flow(DECORATED_NAME)(empty_call().emit), nothing_left)


@dataclass(frozen=True, slots=True)
class Way:
    """One way of writing the event.

    Attributes:
        label: its name in the table.
        package: the distribution that it needs.
        make: the function that makes it ready.
        unbuffered: whether its process gets PYTHONUNBUFFERED=1, as most containers do: each line has left when the call
            returns. Without it `sys.stdout` gathers some sixteen lines for one write, and loses them at SIGTERM.
    """

    label: str
    package: str
    make: Callable[[], Emitter]
    unbuffered: bool = False


_AWS = "aws-embedded-metrics"
_AT_ONCE = "PYTHONUNBUFFERED=1"

WAYS = {
    "flowemf": Way("flowemf, synchronous", "flowemf", flowemf_sync),
    "flowemf-background": Way("flowemf, background delivery", "flowemf", flowemf_background),
    "flowemf-rebound": Way("flowemf, properties bound anew for each event", "flowemf", flowemf_rebound),
    "flowemf-rollups": Way("flowemf, with the default roll-ups (longer line)", "flowemf", flowemf_rollups),
    "constant": Way("os.write of a constant line", "flowemf", constant_write),
    "orjson": Way("orjson.dumps of the same whole document + os.write", "orjson", orjson_write),
    "orjson-kept": Way("the same, one document kept and changed in place", "orjson", orjson_kept),
    "json": Way("json.dumps + sys.stdout.write", "flowemf", json_write),
    "structlog": Way("structlog, standard JSON", "structlog", structlog_json),
    "aws": Way(f"{_AWS}, create_metrics_logger + flush_sync", _AWS, aws_flush_sync),
    "aws-at-once": Way(f"{_AWS}, the same, {_AT_ONCE}", _AWS, aws_flush_sync, unbuffered=True),
    "aws-one-logger": Way(f"{_AWS}, one logger + flush_sync", _AWS, aws_one_logger),
    "aws-metric-scope": Way(f"{_AWS}, metric_scope", _AWS, aws_metric_scope),
    "powertools": Way("Powertools, Metrics + flush_metrics", "aws-lambda-powertools", powertools),
    "powertools-at-once": Way(
        f"Powertools, the same, {_AT_ONCE}", "aws-lambda-powertools", powertools, unbuffered=True
    ),
    "orjson-lock": Way("orjson.dumps + os.write under a lock", "orjson", orjson_lock),
    "empty-call": Way("calling an empty function", "flowemf", empty_call),
    "two-lines": Way("the two lines of a flow by the hooks", "flowemf", two_lines),
    "decorated-call": Way("calling an empty function decorated with flow()", "flowemf", decorated_call),
}
SAME_DOCUMENT = (
    *("flowemf", "flowemf-background", "flowemf-rebound", "orjson", "orjson-kept", "json", "structlog"),
    *("aws", "aws-at-once", "aws-one-logger", "aws-metric-scope", "powertools", "powertools-at-once"),
)
