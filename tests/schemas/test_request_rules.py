"""Tries the rules about requests to CloudWatch: each limit exactly reached, and one over.

PutMetricData and PutLogEvents requests go in; sentences come out, none for a request inside every limit.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from emf_documents import json_values
from hypothesis import given, settings

from flowemf_schemas import limits
from flowemf_schemas.request_rules import examine_log_request, examine_metric_request


def datum(**members: Any) -> dict[str, Any]:
    """Give a datum, changed as wanted; a member of None is left out."""
    plain = {"MetricName": "m", "Timestamp": 1_700_000_000, "Unit": "None", "Values": [1.5], "Counts": [2]} | members
    return {member: value for member, value in plain.items() if value is not None}


def metric_request(*data: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Give a PutMetricData request."""
    return {"Namespace": "MyApp/GenKit", "MetricData": list(data or [datum()])} | members


def statistics(**members: Any) -> dict[str, Any]:
    """Give a datum with a statistic set."""
    plain = {"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2} | members
    return datum(Values=None, Counts=None, StatisticValues=plain)


def dimensions(count: int, **members: Any) -> list[dict[str, Any]]:
    """Give dimensions with names of their own."""
    return [{"Name": f"k{number}", "Value": "v"} | members for number in range(count)]


BIG = limits.VALUE_MAGNITUDE
VALUES, DATUMS = limits.VALUES_PER_DATUM, limits.DATUMS_PER_REQUEST

GOOD_METRICS = {
    "a plain request": metric_request(),
    "a statistic set": metric_request(statistics()),
    "1000 datums": metric_request(*[datum()] * DATUMS),
    "150 values": metric_request(datum(Values=list(range(VALUES)), Counts=[1] * VALUES)),
    "30 dimensions": metric_request(datum(Dimensions=dimensions(30))),
    "no dimensions": metric_request(datum(Dimensions=[])),
    "the longest names": metric_request(
        datum(MetricName="n" * 255, Dimensions=[{"Name": "k" * 255, "Value": "v" * 1024}]), Namespace="N" * 255
    ),
    "the largest values": metric_request(datum(Values=[BIG, -BIG], Counts=[BIG, 5e-324])),
    "printable ASCII": metric_request(datum(Dimensions=[{"Name": " ~", "Value": " !~"}]), Namespace="a b:#"),
    "high resolution": metric_request(datum(StorageResolution=1)),
}
WRONG_METRICS = {
    "no namespace": {"MetricData": [datum()]},
    "no datum": metric_request() | {"MetricData": []},
    "1001 datums": metric_request(*[datum()] * (DATUMS + 1)),
    "151 values": metric_request(datum(Values=list(range(VALUES + 1)), Counts=[1] * (VALUES + 1))),
    "151 counts": metric_request(datum(Values=list(range(VALUES)), Counts=[1] * (VALUES + 1))),
    "a value twice": metric_request(datum(Values=[1, 1.0], Counts=[1, 1])),
    "no values": metric_request(datum(Values=[], Counts=[])),
    "values without counts": metric_request(datum(Counts=None)),
    "fewer counts than values": metric_request(datum(Values=[1, 2], Counts=[1])),
    "values and statistics": metric_request(datum(StatisticValues=statistics()["StatisticValues"])),
    "neither values nor statistics": metric_request(datum(Values=None, Counts=None)),
    "half a statistic set": metric_request(datum(Values=None, Counts=None, StatisticValues={"Sum": 1})),
    "a statistic set of nothing": metric_request(statistics(SampleCount=0)),
    "31 dimensions": metric_request(datum(Dimensions=dimensions(31))),
    "a dimension twice": metric_request(datum(Dimensions=[{"Name": "k", "Value": "a"}, {"Name": "k", "Value": "b"}])),
    "an empty dimension value": metric_request(datum(Dimensions=dimensions(1, Value=""))),
    "a blank dimension value": metric_request(datum(Dimensions=dimensions(1, Value="  "))),
    "a dimension value too long": metric_request(datum(Dimensions=dimensions(1, Value="v" * 1025))),
    "a dimension value beyond ASCII": metric_request(datum(Dimensions=dimensions(1, Value="é"))),
    "a dimension value with a newline": metric_request(datum(Dimensions=dimensions(1, Value="v\n"))),
    "a dimension name too long": metric_request(datum(Dimensions=dimensions(1, Name="k" * 256))),
    "a dimension name with a colon first": metric_request(datum(Dimensions=dimensions(1, Name=":k"))),
    "a dimension name with a newline": metric_request(datum(Dimensions=dimensions(1, Name="k\n"))),
    "a metric name too long": metric_request(datum(MetricName="n" * 256)),
    "a namespace too long": metric_request(Namespace="N" * 256),
    "a namespace with a colon first": metric_request(Namespace=":N"),
    "a blank namespace": metric_request(Namespace=" "),
    "a namespace beyond ASCII": metric_request(Namespace="é"),
    "an unknown unit": metric_request(datum(Unit="ms")),
    "a resolution of 30": metric_request(datum(StorageResolution=30)),
    "a value too large": metric_request(datum(Values=[BIG * (1 + 2**-52)])),
    "an infinite value": metric_request(datum(Values=[float("inf")])),
    "a value that is no number": metric_request(datum(Values=[float("nan")])),
    "a value that is a bool": metric_request(datum(Values=[True])),
    "a count of nothing": metric_request(datum(Counts=[0])),
    "a timestamp of a fraction": metric_request(datum(Timestamp=1.5)),
    "an unknown member": metric_request(datum(Value=1)),
}


def event(timestamp: Any = 1_700_000_000_000, message: Any = "{}") -> dict[str, Any]:
    """Give a log event."""
    return {"timestamp": timestamp, "message": message}


def log_request(*events: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Give a PutLogEvents request."""
    return {"logGroupName": "/app/log", "logStreamName": "s", "logEvents": list(events or [event()])} | members


ROOM = limits.LOG_BATCH_BYTES - limits.LOG_EVENT_OVERHEAD_BYTES
DAY = limits.LOG_BATCH_SPAN_MS
GOOD_LOGS = {
    "a plain request": log_request(),
    "10,000 events": log_request(*[event()] * limits.LOG_EVENTS_PER_BATCH),
    "a batch that is full to the byte": log_request(event(message="x" * ROOM)),
    "a batch full of two-byte characters": log_request(event(message="é" * (ROOM // 2))),
    "a span of 24 hours": log_request(event(0), event(DAY)),
    "the longest names": log_request(logGroupName="g" * 512, logStreamName="s" * 512),
}
WRONG_LOGS = {
    "no event": log_request() | {"logEvents": []},
    "10,001 events": log_request(*[event()] * (limits.LOG_EVENTS_PER_BATCH + 1)),
    "a byte too much": log_request(event(message="x" * (ROOM + 1))),
    "bytes, not characters": log_request(event(message="é" * (ROOM // 2 + 1))),
    "the overhead of a second event": log_request(event(message="x" * ROOM), event(message="y")),
    "a span above 24 hours": log_request(event(0), event(DAY + 1)),
    "out of order": log_request(event(1), event(0)),
    "an empty message": log_request(event(message="")),
    "half a character": log_request(event(message="\ud800")),
    "a negative timestamp": log_request(event(-1)),
    "a timestamp as text": log_request(event("0")),
    "a group name too long": log_request(logGroupName="g" * 513),
    "a group name with a newline": log_request(logGroupName="g\n"),
    "a group name with a space": log_request(logGroupName="a b"),
    "a stream name too long": log_request(logStreamName="s" * 513),
    "a stream name with a colon": log_request(logStreamName="a:b"),
    "a stream name with a star": log_request(logStreamName="a*"),
    "a sequence token, which is ignored anyway": log_request(sequenceToken="1"),
}


@pytest.mark.parametrize("name", GOOD_METRICS)
def test_a_metric_request_at_the_limit_is_fine(name: str) -> None:
    """Exactly at each limit of PutMetricData."""
    assert examine_metric_request(GOOD_METRICS[name]) == []


@pytest.mark.parametrize("name", WRONG_METRICS)
def test_a_metric_request_over_the_limit_is_not(name: str) -> None:
    """One over each limit, and what the service refuses besides."""
    problems = examine_metric_request(WRONG_METRICS[name])
    assert problems
    assert all(len(problem) < 400 for problem in problems)


def test_a_metric_request_may_have_one_megabyte_to_the_byte() -> None:
    """The size is that of the request as JSON."""
    request = metric_request(*[datum(Dimensions=dimensions(30, Value="v" * 1024)) for _ in range(33)])
    room = limits.REQUEST_BYTES - len(json.dumps(request, separators=(",", ":")))
    filler = [{"Name": f"f{number}", "Value": "w" * 1000} for number in range(room // 1100)]
    request["MetricData"].append(datum(Dimensions=filler, MetricName="n"))
    while (room := limits.REQUEST_BYTES - len(json.dumps(request, separators=(",", ":")))) > 0:
        request["MetricData"][0]["MetricName"] += "m" * min(room, 255 - len(request["MetricData"][0]["MetricName"]))
        request["MetricData"].append(request["MetricData"].pop(0))
    over = copy.deepcopy(request)
    over["Namespace"] += "x"
    assert examine_metric_request(request) == []
    (problem,) = examine_metric_request(over)
    assert "1,048,577 bytes" in problem


@pytest.mark.parametrize("name", GOOD_LOGS)
def test_a_log_request_at_the_limit_is_fine(name: str) -> None:
    """Exactly at each limit of PutLogEvents."""
    assert examine_log_request(GOOD_LOGS[name]) == []


@pytest.mark.parametrize("name", WRONG_LOGS)
def test_a_log_request_over_the_limit_is_not(name: str) -> None:
    """One over each limit, and what the service refuses besides."""
    problems = examine_log_request(WRONG_LOGS[name])
    assert problems
    assert all(len(problem) < 400 for problem in problems)


@given(request=json_values().filter(lambda value: isinstance(value, dict)))
@settings(max_examples=100)
def test_any_json_object_can_be_examined(request: dict[str, Any]) -> None:
    """What is no request at all is told so, without an exception."""
    assert examine_metric_request(request)
    assert examine_log_request(request)
    assert examine_metric_request(metric_request() | request) is not None
