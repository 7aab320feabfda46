"""Alarms as text: for people, for CloudFormation, for a shell; and how they differ from those in an account.

Alarms go in; lines or a template come out.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.insight.alarms import BELOW, metric_filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.core.insight.alarms import Alarm

_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9]+")


def described(alarm: Alarm) -> Iterator[str]:
    """Say in a few lines what an alarm is."""
    said = alarm.parameters
    sign = "<" if said["ComparisonOperator"] == BELOW else ">"
    if "Metrics" in said:
        what = str(said["Metrics"][0]["Expression"])
        period = said["Metrics"][1]["MetricStat"]["Period"]
    else:
        what, period = f"{said.get('ExtendedStatistic') or said.get('Statistic')}", said["Period"]
    times = f", {said['EvaluationPeriods']} times in a row" if said["EvaluationPeriods"] > 1 else ""
    yield alarm.name
    yield f"    when {said['AlarmDescription'].removeprefix(alarm.name + ': ')}"
    yield f"    {what} {sign} {_number(said['Threshold'])} over {period} s{times}; no data is {_missing(said)}"
    for number, each in enumerate(alarm.watched):
        pairs = ", ".join(f"{key}={value}" for key, value in each.dimensions) or "without dimensions"
        which = f"m{number} = " if "Metrics" in said else "of "
        yield f"    {which}{each.namespace} {each.metric}, {pairs}"


def _number(value: float) -> str:
    """Write a number with no more decimals than it has.

    >>> _number(1_000_000.0), _number(2.5)
    ('1,000,000', '2.5')
    """
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def _missing(said: dict[str, Any]) -> str:
    return "an alarm" if said["TreatMissingData"] == "breaching" else "no alarm"


def template(alarms: Sequence[Alarm], processor_log_groups: Sequence[str]) -> dict[str, Any]:
    """Make a CloudFormation template.

    Args:
        alarms: the alarms.
        processor_log_groups: the log groups that need a metric filter.
    """
    resources: dict[str, Any] = {}
    for alarm in alarms:
        resources[_id(alarm.name, resources)] = {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm.parameters}
    for group in processor_log_groups:
        wanted = metric_filter(group)
        properties = {_capital(key): wanted[key] for key in ("logGroupName", "filterName", "filterPattern")}
        properties["MetricTransformations"] = [
            {_capital(key): value for key, value in each.items()} for each in wanted["metricTransformations"]
        ]
        name = _id(f"filter {group}", resources)
        resources[name] = {"Type": "AWS::Logs::MetricFilter", "Properties": properties}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def _capital(key: str) -> str:
    return key[0].upper() + key[1:]


def _id(name: str, taken: dict[str, Any]) -> str:
    """Make a logical id: letters and digits, no two alike."""
    words = _NOT_IN_AN_ID.sub(" ", name).split()
    wanted = "".join(word[0].upper() + word[1:] for word in words)[:240]
    found, number = wanted, 1
    while found in taken:
        number += 1
        found = f"{wanted}{number}"
    return found


def commands(alarms: Sequence[Alarm], processor_log_groups: Sequence[str]) -> Iterator[str]:
    """Write a command of the AWS CLI for each alarm."""
    for group in processor_log_groups:
        yield f"aws logs put-metric-filter --cli-input-json {shlex.quote(json.dumps(metric_filter(group)))}"
    for alarm in alarms:
        yield f"aws cloudwatch put-metric-alarm --cli-input-json {shlex.quote(json.dumps(alarm.parameters))}"


def changes(alarm: Alarm, there: dict[str, Any] | None) -> list[str]:
    """Say how an alarm differs from the one in the account; nothing where it does not."""
    before = [] if there is None else _lines(there)
    name = alarm.name
    lines = difflib.unified_diff(
        before, _lines(alarm.parameters), f"{name} (in the account)", f"{name} (new)", "", "", 0, ""
    )
    return [line for line in lines if not line.startswith("@@")]


def _lines(parameters: dict[str, Any]) -> list[str]:
    lines = []
    for key in sorted(parameters):
        rows = parameters[key] if key == "Metrics" else [parameters[key]]
        lines += [f"  {key}: {json.dumps(row, sort_keys=True)}" for row in rows]
    return lines
