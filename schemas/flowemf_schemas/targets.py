"""Why a member of the root cannot be the target of a metric.

A value goes in; a reason code of the table in `verdicts` comes out, or None for a value that CloudWatch takes.
"""

from __future__ import annotations

from typing import Any

from flowemf_schemas import limits, names


class _Missing:
    """Stands for a member that is not there, since null is a value of its own."""


MISSING = _Missing()


def target_reason(value: Any) -> str | None:
    """Say why a value cannot be the target of a metric.

    >>> target_reason(1.5) is None
    True
    >>> target_reason("1.5")
    'value-not-a-number'

    Args:
        value: a member of the root, or `MISSING`; good are a number, an array of numbers, `{"Values", "Counts"}` and
            `{"Min", "Max", "Sum", "Count"}`.

    Returns:
        A reason code of scope `metric`, or None.
    """
    if value is MISSING:
        return "value-missing"
    if type(value) is list:
        return _values_reason(value)
    if type(value) is dict:
        return _distribution_reason(value)
    return _number_reason(value)


def _number_reason(value: Any) -> str | None:
    if type(value) is not int and type(value) is not float:  # a bool is an int to isinstance, and none to CloudWatch
        return "value-not-a-number"
    return None if -limits.VALUE_MAGNITUDE <= value <= limits.VALUE_MAGNITUDE else "value-out-of-range"


def _values_reason(values: list[Any]) -> str | None:
    if not values:
        return "values-empty"
    if len(values) > limits.VALUES_PER_TARGET:
        return "too-many-values"
    return next((reason for reason in map(_number_reason, values) if reason), None)


def _distribution_reason(target: dict[str, Any]) -> str | None:
    if names.VALUES in target or names.COUNTS in target:
        return _weighted_reason(target.get(names.VALUES), target.get(names.COUNTS))
    if any(member in target for member in (names.MIN, names.MAX, names.SUM, names.COUNT)):
        return _statistic_set_reason(target)
    return "value-not-a-number"


def _weighted_reason(values: Any, counts: Any) -> str | None:
    if type(values) is not list or type(counts) is not list or len(values) != len(counts):
        return "counts-mismatch"
    return _values_reason(values) or next((reason for reason in map(_count_reason, counts) if reason), None)


def _count_reason(count: Any) -> str | None:
    reason = _number_reason(count)
    if reason == "value-not-a-number" or count <= 0:
        return "count-not-positive"
    return reason


def _statistic_set_reason(target: dict[str, Any]) -> str | None:
    numbers = [target.get(member) for member in (names.MIN, names.MAX, names.SUM, names.COUNT)]
    reasons = [_number_reason(number) for number in numbers]
    if "value-not-a-number" in reasons:
        return "statistic-set-incomplete"
    if any(reasons):
        return "value-out-of-range"
    if target[names.COUNT] <= 0:
        return "count-not-positive"
    return "statistic-set-incoherent" if target[names.MIN] > target[names.MAX] else None


def target_hint(value: Any) -> str:
    """Say what to write instead of a value that is no number.

    >>> target_hint("1.5"), target_hint([1, True])
    ('write the number without quotes', 'write 1 for true and 0 for false')

    Args:
        value: a member of the root for which `target_reason` says `value-not-a-number`.

    Returns:
        A remedy, or nothing where the table's own says it all.
    """
    items = value if type(value) is list else [value]
    if any(type(item) is str for item in items):
        return "write the number without quotes"
    return "write 1 for true and 0 for false" if any(type(item) is bool for item in items) else ""


def target_note(value: Any) -> str | None:
    """Say what is odd about a value that can be the target of a metric.

    OpenTelemetry's exporters write Min and Max as 0 for histograms that did not record them, and CloudWatch takes it:
    https://github.com/aws-observability/aws-otel-collector/issues/1218

    >>> target_note({"Min": 0, "Max": 0, "Sum": 5, "Count": 2})
    'statistic-set-mean-outside'

    Args:
        value: a member of the root for which `target_reason` finds nothing.

    Returns:
        A reason code of scope `note`, or None.
    """
    if type(value) is not dict or names.VALUES in value:
        return None
    low, high, total, count = (float(value[member]) for member in (names.MIN, names.MAX, names.SUM, names.COUNT))
    slack = 1e-9 * max(abs(low), abs(high))  # sums of floats are not exact
    return None if low - slack <= total / count <= high + slack else "statistic-set-mean-outside"
