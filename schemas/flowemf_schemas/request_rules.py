"""What is wrong with a request to CloudWatch: the rules of its schema, and those that no schema can state.

A PutMetricData or PutLogEvents request goes in; sentences come out, none for a request inside every limit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flowemf_schemas import limits, names, validator


def examine_metric_request(request: Mapping[str, Any]) -> list[str]:
    """List what is wrong with a PutMetricData request.

    Args:
        request: the parameters as the JSON protocol carries them; Timestamp in seconds.

    Returns:
        Sentences; empty for a request inside every limit.
    """
    problems = _schema_problems("put-metric-data-request", request)
    if problems:
        return problems
    for index, datum in enumerate(request["MetricData"]):
        if len(datum.get(names.VALUES, ())) != len(datum.get(names.COUNTS, ())):
            problems.append(f"MetricData[{index}]: Values and Counts differ in length")
        keys = [dimension["Name"] for dimension in datum.get("Dimensions", ())]
        if len(set(keys)) < len(keys):
            problems.append(f"MetricData[{index}]: a dimension stands twice in {keys}")
    try:
        size_bytes = len(json.dumps(request, separators=(",", ":"), allow_nan=False).encode())
    except ValueError as error:  # NaN passes every minimum and maximum
        return [*problems, f"the request is not JSON: {error}"]
    if size_bytes > limits.REQUEST_BYTES:
        problems.append(f"the request has {size_bytes:,} bytes; at most {limits.REQUEST_BYTES:,} are allowed")
    return problems


def examine_log_request(request: Mapping[str, Any]) -> list[str]:
    """List what is wrong with a PutLogEvents request.

    Args:
        request: the parameters as the JSON protocol carries them; timestamps in milliseconds.

    Returns:
        Sentences; empty for a request inside every limit.
    """
    problems = _schema_problems("put-log-events-request", request)
    if problems:
        return problems
    times = [event["timestamp"] for event in request["logEvents"]]
    if times != sorted(times):
        problems.append("logEvents: not in chronological order")
    if max(times) - min(times) > limits.LOG_BATCH_SPAN_MS:
        problems.append("logEvents: they span more than 24 hours")
    try:
        messages = [event["message"].encode() for event in request["logEvents"]]
    except UnicodeEncodeError:
        return [*problems, "logEvents: a message holds half a character (a lone surrogate), which UTF-8 cannot carry"]
    size_bytes = sum(len(message) + limits.LOG_EVENT_OVERHEAD_BYTES for message in messages)
    if size_bytes > limits.LOG_BATCH_BYTES:
        problems.append(f"logEvents: {size_bytes:,} bytes; at most {limits.LOG_BATCH_BYTES:,} are allowed")
    return problems


def _schema_problems(name: str, request: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in validator(name).iter_errors(request)]
