"""Which alarms an application and its pipeline should have, and which of them could never fire.

What is published and what is wished for go in; the parameters of PutMetricAlarm come out, and for each alarm
on a series that nobody publishes the reason why it would never fire.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.insight.dashboard import rate
from flowemf_processor.core.insight.inventory import Standing
from flowemf_schemas import limits, names

if TYPE_CHECKING:
    from flowemf_processor.core.insight.inventory import Inventory
    from flowemf_processor.model import Dimensions

ABOVE, BELOW = "GreaterThanThreshold", "LessThanThreshold"
QUIET, LOUD = "notBreaching", "breaching"
HANDLERS = "flowemf/Handlers"
PROCESSOR, PROCESSOR_LAG = "flowemf/Processor", "ProcessorLag"
_LOGS, _LAMBDA = "AWS/Logs", "AWS/Lambda"
_MINUTE, _HOUR = 60, 3600
_OURS = {*names.FLOW_METRICS, *names.GENERATION_METRICS}
_THROTTLED = (names.ERROR_THROTTLING, names.ERROR_RATE_LIMIT)


@dataclass(frozen=True, slots=True)
class Watched:
    """A series that an alarm looks at.

    Attributes:
        namespace: its namespace.
        metric: the metric's name.
        dimensions: its dimension set.
        is_ours: whether lines publish it; a service of AWS, or a metric filter, publishes the others.
    """

    namespace: str
    metric: str
    dimensions: Dimensions = ()
    is_ours: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """When an alarm fires.

    Attributes:
        key: its name among the rules.
        meaning: what it means when it fires.
        threshold: what the statistic is compared with, where the user says nothing else.
        statistic: CloudWatch's name of it.
        metric: the metric; empty where several are computed with.
        period_seconds: over how long the statistic is taken.
        periods: how many periods in a row make an alarm.
        comparison: when the threshold is crossed.
        missing: what a period without data counts as.
    """

    key: str
    meaning: str
    threshold: float
    statistic: str = "Sum"
    metric: str = ""
    period_seconds: int = 5 * _MINUTE
    periods: int = 1
    comparison: str = ABOVE
    missing: str = QUIET


FLOW_RULES = (
    Rule("error-rate", "more than {threshold:g} % of the flows fail", 5, periods=2),
    Rule("error-count", "more than {threshold:g} flows fail in five minutes", 5, metric=names.FLOW_ERROR, periods=2),
    Rule(
        "token-usage",
        "more than {threshold:,.0f} tokens are used in an hour",
        1_000_000,
        metric=names.TOKENS_USED,
        period_seconds=_HOUR,
    ),
    Rule(
        "latency-p95",
        "5 % of the flows take longer than {threshold:,.0f} ms",
        30_000,
        "p95",
        names.FLOW_DURATION,
        periods=3,
    ),
    Rule("throttling", "more than {threshold:g} calls are throttled in five minutes", 5),
    Rule(
        "no-data",
        "fewer than {threshold:g} flows are started in 15 minutes: nothing runs, or its lines get lost",
        1,
        metric=names.FLOW_STARTED,
        period_seconds=15 * _MINUTE,
        comparison=BELOW,
        missing=LOUD,
    ),
)
"""What is watched of an application."""

_LOG_GROUP_RULES = (
    Rule("emf-validation-errors", "lines are refused as metrics", 0, metric="EMFValidationErrors"),
    Rule("emf-parsing-errors", "lines are no JSON that can be read as metrics", 0, metric="EMFParsingErrors"),
)
_HANDLER_RULES = (
    Rule("handler-errors", "invocations of the handler fail", 0, metric=names.INVOCATIONS_FAILED),
    Rule(
        "iterator-age",
        "the stream is read more than {threshold:,.0f} ms late",
        600_000,
        "Maximum",
        names.ITERATOR_AGE,
        periods=3,
    ),
)
_FUNCTION_RULE = Rule("handler-crashes", "the handler ends without a word, or is killed", 0, metric="Errors")
_PROCESSOR_RULES = (
    Rule(
        "processor-heartbeat",
        "the processor has said nothing for five minutes",
        1,
        "SampleCount",
        PROCESSOR_LAG,
        comparison=BELOW,
        missing=LOUD,
    ),
    Rule(
        "processor-lag",
        "what is delivered is more than {threshold:g} seconds old",
        900,
        "Maximum",
        PROCESSOR_LAG,
        periods=3,
    ),
)
RULES = (*FLOW_RULES, *_LOG_GROUP_RULES, *_HANDLER_RULES, _FUNCTION_RULE, *_PROCESSOR_RULES)
"""Every rule."""
KEYS = tuple(rule.key for rule in RULES)
"""The key of every rule."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What alarms are wanted.

    Attributes:
        only: the keys of the rules; empty for all.
        thresholds: other thresholds than the rules' own, by key.
        dimensions: the dimension set that the flows' alarms watch; the empty one is the roll-up over everything.
        actions: what is told when an alarm fires and when it is over, such as the ARN of an SNS topic.
        log_groups: those whose lines CloudWatch extracts.
        functions: the names of handlers' functions.
        processor_log_groups: those into which a `replay --follow --log-json` writes.
    """

    only: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    dimensions: Dimensions = ()
    actions: tuple[str, ...] = ()
    log_groups: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    processor_log_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm: what it watches, and the parameters of PutMetricAlarm."""

    key: str
    watched: tuple[Watched, ...]
    parameters: dict[str, Any]

    @property
    def name(self) -> str:
        """What the account calls it."""
        return str(self.parameters["AlarmName"])


@dataclass(frozen=True, slots=True)
class Judged:
    """The alarms that can fire; those that cannot, each with the reason; what is to be known of the others."""

    alarms: list[Alarm] = field(default_factory=list)
    refused: list[tuple[Alarm, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def alarms(inventory: Inventory, wish: Wish) -> Judged:
    """Make the alarms.

    Args:
        inventory: what is published.
        wish: what is wanted.

    Returns:
        Every alarm, by whether it could ever fire.
    """
    judged = Judged()
    for alarm in _wanted(inventory, wish):
        if wish.only and alarm.key not in wish.only:
            continue
        reason = _why_never(alarm, inventory)
        if reason:
            judged.refused.append((alarm, reason))
            continue
        judged.alarms.append(alarm)
        judged.notes.extend(_notes(alarm, inventory))
    return judged


def _wanted(inventory: Inventory, wish: Wish) -> Iterator[Alarm]:
    for namespace in inventory.namespaces:
        metrics = set(inventory.metrics(namespace))
        if metrics & _OURS:
            yield from _of_flows(namespace, metrics, wish)
    for group in wish.log_groups:
        yield from _of_pipeline(_LOG_GROUP_RULES, _LOGS, ("LogGroupName", group), wish, is_ours=False)
    for function in wish.functions:
        dimension = (names.FUNCTION_NAME, function)
        yield from _of_pipeline(_HANDLER_RULES, HANDLERS, dimension, wish, is_ours=True)
        yield from _of_pipeline((_FUNCTION_RULE,), _LAMBDA, dimension, wish, is_ours=False)
    for group in wish.processor_log_groups:
        yield from _of_processor(group, wish)


def _of_flows(namespace: str, metrics: set[str], wish: Wish) -> Iterator[Alarm]:
    scope = "".join(f" {key}={value}" for key, value in wish.dimensions)
    for rule in FLOW_RULES:
        name = f"flowemf {namespace} {rule.key}{scope}"
        if rule.key == "error-rate":
            watched = [Watched(namespace, each, wish.dimensions) for each in (names.FLOW_COMPLETED, names.FLOW_ERROR)]
            yield _computed(rule, name, watched, rate("m1", ["m0", "m1"]), wish)
        elif rule.key == "throttling":
            # A call that is tried again succeeds in the end, so that only its generation tells of the throttling
            metric = names.GENERATION_ERROR if names.GENERATION_COUNT in metrics else names.FLOW_ERROR
            sets = [tuple(sorted((*wish.dimensions, (names.ERROR_TYPE, each)))) for each in _THROTTLED]
            watched = [Watched(namespace, metric, each) for each in sets]
            yield _computed(rule, name, watched, "SUM([m0, m1])", wish)
        else:
            yield _plain(rule, name, Watched(namespace, rule.metric, wish.dimensions), wish)


def _of_pipeline(
    rules: Sequence[Rule], namespace: str, dimension: tuple[str, str], wish: Wish, *, is_ours: bool
) -> Iterator[Alarm]:
    for rule in rules:
        watched = Watched(namespace, rule.metric, (dimension,), is_ours)
        yield _plain(rule, f"flowemf pipeline {rule.key} {dimension[1]}", watched, wish)


def _of_processor(group: str, wish: Wish) -> Iterator[Alarm]:
    for rule in _PROCESSOR_RULES:
        watched = Watched(PROCESSOR, lag_metric(group), is_ours=False)
        yield _plain(rule, f"flowemf pipeline {rule.key} {group}", watched, wish)


def lag_metric(group: str) -> str:
    """Name the metric that a metric filter makes of a processor's log.

    The dimensions of such a metric can only come out of the lines, so each log group has a metric of its own.

    >>> lag_metric("/ecs/flowemf")
    'ProcessorLag /ecs/flowemf'
    """
    return _within(f"{PROCESSOR_LAG} {group}", limits.METRIC_NAME_LENGTH)


def _within(name: str, most: int) -> str:
    """Shorten a name that the service would refuse; a digest tells it from others that begin like it."""
    if len(name) <= most:
        return name
    digest = blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{name[: most - len(digest) - 1]}~{digest}"


def metric_filter(group: str) -> dict[str, Any]:
    """Write the parameters of PutMetricFilter that turn the processor's status lines into the metric of its lag.

    Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html
    """
    transformation = {
        "metricNamespace": PROCESSOR,
        "metricName": lag_metric(group),
        "metricValue": "$.lag_seconds",
        "unit": "Seconds",
    }
    return {
        "logGroupName": group,
        "filterName": "flowemf-processor-lag",
        "filterPattern": '{ ($.event = "status") && ($.lag_seconds >= 0) }',
        "metricTransformations": [transformation],
    }


def _common(rule: Rule, name: str, wish: Wish) -> dict[str, Any]:
    threshold = wish.thresholds.get(rule.key, rule.threshold)
    name = _within(name, limits.ALARM_NAME_LENGTH)
    parameters = {
        "AlarmName": name,
        "AlarmDescription": f"{name}: {rule.meaning.format(threshold=threshold)}",
        "EvaluationPeriods": rule.periods,
        "Threshold": float(threshold),
        "ComparisonOperator": rule.comparison,
        "TreatMissingData": rule.missing,
    }
    if wish.actions:
        parameters |= {"AlarmActions": [*wish.actions], "OKActions": [*wish.actions]}
    return parameters


def _plain(rule: Rule, name: str, watched: Watched, wish: Wish) -> Alarm:
    kind = "ExtendedStatistic" if rule.statistic.startswith("p") else "Statistic"
    parameters = {**_common(rule, name, wish), **_metric(watched), kind: rule.statistic, "Period": rule.period_seconds}
    return Alarm(rule.key, (watched,), parameters)


def _computed(rule: Rule, name: str, watched: Sequence[Watched], expression: str, wish: Wish) -> Alarm:
    metrics: list[dict[str, Any]] = [{"Id": "result", "Expression": expression, "Label": rule.key, "ReturnData": True}]
    for number, each in enumerate(watched):
        stat = {"Metric": _metric(each), "Period": rule.period_seconds, "Stat": rule.statistic}
        metrics.append({"Id": f"m{number}", "MetricStat": stat, "ReturnData": False})
    return Alarm(rule.key, tuple(watched), {**_common(rule, name, wish), "Metrics": metrics})


def _metric(watched: Watched) -> dict[str, Any]:
    metric: dict[str, Any] = {"Namespace": watched.namespace, "MetricName": watched.metric}
    if watched.dimensions:
        metric["Dimensions"] = [{"Name": key, "Value": value} for key, value in watched.dimensions]
    return metric


def _why_never(alarm: Alarm, inventory: Inventory) -> str:
    for each in alarm.watched:
        standing = inventory.standing(each.namespace, each.metric, each.dimensions)
        if each.is_ours and standing is Standing.ABSENT:
            keys = tuple(sorted(key for key, _ in each.dimensions))
            return inventory.why_absent(each.namespace, each.metric, keys, each.dimensions)
    return ""


def _notes(alarm: Alarm, inventory: Inventory) -> Iterator[str]:
    foreseen = [
        each.metric
        for each in alarm.watched
        if each.is_ours and inventory.standing(each.namespace, each.metric, each.dimensions) is Standing.FORESEEN
    ]
    for metric in dict.fromkeys(foreseen):
        yield f"{alarm.name}: {inventory.source} has not got all of {metric} yet; it comes with the first such error"
