"""Compares the limits with the service models that botocore ships, wherever a model states one.

The models of CloudWatch and CloudWatch Logs go in; a constant that differs from them, or that nobody placed, fails.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.loaders
import pytest

from flowemf_schemas import limits
from flowemf_schemas.limits import Limit

# constant -> service, shape and member of the shape that state it
STATED = {
    "DIMENSIONS_PER_SET": ("cloudwatch", "Dimensions", "max"),
    "DIMENSION_VALUE_LENGTH": ("cloudwatch", "DimensionValue", "max"),
    "NAMESPACE_LENGTH": ("cloudwatch", "Namespace", "max"),
    "METRIC_NAME_LENGTH": ("cloudwatch", "MetricName", "max"),
    "API_DIMENSION_NAME_LENGTH": ("cloudwatch", "DimensionName", "max"),
    "ALARM_NAME_LENGTH": ("cloudwatch", "AlarmName", "max"),
    "LOG_EVENTS_PER_BATCH": ("logs", "InputLogEvents", "max"),
    "LOG_GROUP_NAME_LENGTH": ("logs", "LogGroupName", "max"),
    "LOG_STREAM_NAME_LENGTH": ("logs", "LogStreamName", "max"),
    "TRANSACTION_ITEMS": ("dynamodb", "TransactWriteItemList", "max"),
    "BATCH_WRITE_ITEMS": ("dynamodb", "WriteRequests", "max"),
}
# These stand in the prose alone; should a model come to state one, it has to be the same number.
PROSE_WITH_SHAPE = {
    "DATUMS_PER_REQUEST": ("cloudwatch", "MetricData", "max"),
    "VALUES_PER_DATUM": ("cloudwatch", "Values", "max"),
}
PROSE_ONLY = {
    "METRICS_PER_DIRECTIVE",
    "VALUES_PER_TARGET",
    "DIMENSION_KEY_LENGTH",
    "EVENT_BYTES",
    "REQUEST_BYTES",
    "AGE_PAST_MS",
    "AGE_FUTURE_MS",
    "LOG_BATCH_BYTES",
    "LOG_EVENT_OVERHEAD_BYTES",
    "LOG_BATCH_SPAN_MS",
    "QUERY_RESULTS",
    "LAMBDA_RESPONSE_BYTES",
}
ALL = {name: value for name, value in vars(limits).items() if isinstance(value, Limit)}


@cache
def shapes(service: str) -> dict[str, Any]:
    """Give the shapes of a service's model."""
    model: dict[str, Any] = botocore.loaders.Loader().load_service_model(service, "service-2")["shapes"]
    return model


@pytest.mark.parametrize("name", STATED)
def test_a_limit_that_the_model_states_is_the_models(name: str) -> None:
    """The service's own description and our constant cannot drift apart."""
    service, shape, member = STATED[name]
    assert ALL[name] == shapes(service)[shape][member]


@pytest.mark.parametrize("name", PROSE_WITH_SHAPE)
def test_a_limit_that_the_model_leaves_out_does_not_contradict_it(name: str) -> None:
    """A newer model may state what is prose today."""
    service, shape, member = PROSE_WITH_SHAPE[name]
    assert shapes(service)[shape].get(member, ALL[name]) == ALL[name]


def test_each_limit_is_stated_by_a_model_or_known_not_to_be() -> None:
    """Whoever adds a limit says where it can be checked."""
    assert set(ALL) == set(STATED) | set(PROSE_WITH_SHAPE) | PROSE_ONLY
    assert len(ALL) == len(STATED) + len(PROSE_WITH_SHAPE) + len(PROSE_ONLY)


@pytest.mark.parametrize("name", ALL)
def test_each_limit_names_its_source(name: str) -> None:
    """Where to read it, and who refuses what is beyond it."""
    limit = ALL[name]
    assert limit > 0
    assert limit.source.startswith("https://docs.aws.amazon.com/")
    services = {limits.EXTRACTION, limits.METRICS_API, limits.ALARMS_API, limits.LOGS_API, limits.LOGS_QUERIES}
    assert limit.enforced_by in services | {limits.LAMBDA, limits.DYNAMODB}


def test_where_two_roads_differ_the_tighter_limit_holds() -> None:
    """A line inside our limits passes both extraction and PutMetricData."""
    assert limits.DIMENSION_KEY_LENGTH <= limits.API_DIMENSION_NAME_LENGTH
    assert limits.VALUES_PER_TARGET <= limits.VALUES_PER_DATUM
    assert limits.EVENT_BYTES <= limits.LOG_BATCH_BYTES


def test_the_magnitude_of_values_is_the_power_of_two_that_the_service_names() -> None:
    """2^360 is exact as a float."""
    assert int(limits.VALUE_MAGNITUDE) == 2**360


def test_requests_may_name_the_members_that_the_model_requires() -> None:
    """What our schemas of requests require and allow are members of the model's shapes."""
    from flowemf_schemas import load

    metric, logs = load("put-metric-data-request"), load("put-log-events-request")
    datum = metric["$defs"]["datum"]
    pairs = [
        (metric, shapes("cloudwatch")["PutMetricDataInput"]),
        (datum, shapes("cloudwatch")["MetricDatum"]),
        (datum["properties"]["Dimensions"]["items"], shapes("cloudwatch")["Dimension"]),
        (datum["properties"]["StatisticValues"], shapes("cloudwatch")["StatisticSet"]),
        (logs, shapes("logs")["PutLogEventsRequest"]),
        (logs["properties"]["logEvents"]["items"], shapes("logs")["InputLogEvent"]),
    ]
    for schema, shape in pairs:
        assert set(shape.get("required", ())) <= set(schema["required"]) <= set(schema["properties"])
        assert set(schema["properties"]) <= set(shape["members"])
