"""Alarms whose names would be too long for the service."""

from __future__ import annotations

from typing import Any

import pytest

from flowemf_processor.core.insight.alarm_forms import template
from flowemf_processor.core.insight.alarms import Wish, alarms, metric_filter
from flowemf_processor.core.insight.inventory import Inventory
from flowemf_schemas import limits

LONGEST_GROUP = "/" + "g" * (limits.LOG_GROUP_NAME_LENGTH - 1)
PREFIX = "flowemf pipeline processor-lag "


def processor_alarms(*groups: str) -> dict[str, dict[str, Any]]:
    """Give the parameters of the alarms of logs that processors write, by name."""
    judged = alarms(Inventory("nothing"), Wish(processor_log_groups=groups))
    assert judged.refused == []
    return {alarm.name: alarm.parameters for alarm in judged.alarms}


@pytest.mark.parametrize("beyond", [0, 1, 200])
def test_an_alarms_name_is_shortened_from_the_limit_on(beyond: int) -> None:
    """A name of the longest that may be is left as it is; a longer one becomes as long as that."""
    group = "g" * (limits.ALARM_NAME_LENGTH - len(PREFIX) + beyond)
    [name] = [each for each in processor_alarms(group) if each.startswith(PREFIX)]
    assert len(name) == limits.ALARM_NAME_LENGTH
    assert (name == PREFIX + group) is (beyond == 0)


def test_names_that_begin_alike_stay_apart_when_they_are_shortened() -> None:
    """Two log groups whose names differ in their last letter have alarms and lag metrics of their own."""
    groups = (LONGEST_GROUP[:-1] + "a", LONGEST_GROUP[:-1] + "b")
    both = processor_alarms(*groups)
    assert len(both) == 2 * len(processor_alarms(groups[0]))
    metrics = {each["MetricName"] for each in both.values()}
    assert len(metrics) == 2
    assert max(map(len, metrics)) <= limits.METRIC_NAME_LENGTH
    for name, parameters in both.items():
        assert parameters["AlarmDescription"].startswith(f"{name}: ")


def test_a_shortened_alarm_watches_the_metric_that_its_filter_makes() -> None:
    """The metric filter writes under the very name that the alarm reads."""
    watched = {each["MetricName"] for each in processor_alarms(LONGEST_GROUP).values()}
    [transformation] = metric_filter(LONGEST_GROUP)["metricTransformations"]
    assert watched == {transformation["metricName"]}


def test_logical_ids_of_alarms_that_differ_in_their_marks_alone_are_told_apart() -> None:
    """CloudFormation takes letters and digits only, so that two names may become one."""
    judged = alarms(Inventory("nothing"), Wish(log_groups=("/a/b", "/a-b")))
    resources = template(judged.alarms, ())["Resources"]
    names = {each["Properties"]["AlarmName"] for each in resources.values()}
    assert len(names) == len(resources) == len(judged.alarms)
    assert {identifier for identifier in resources if identifier.endswith("2")}
