"""What is wrong with a parsed EMF document: the rules of the schema, and those that no schema can state.

A document goes in; findings come out, each with a reason code of the table in `verdicts`. The emitter's tests,
`flowemf check` and the processor all ask here. Source of the rules:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from flowemf_schemas import limits, names, units, validator
from flowemf_schemas.verdicts import VERDICTS, Scope

_SHOWN_CHARACTERS = 80
_DEFAULT_DIMENSIONS: list[list[str]] = [[]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect of one document.

    Attributes:
        reason: a key of `verdicts.VERDICTS`.
        message: where it is, the offending value, and what is meant by it; one line of text.
        hint: what to do.
        directive: the index of the metric directive concerned, where there is one.
        dimension_set: the index of the dimension set concerned, within its directive.
        metric: the index of the metric definition concerned, within its directive.
    """

    reason: str
    message: str
    hint: str
    directive: int | None = None
    dimension_set: int | None = None
    metric: int | None = None

    @property
    def scope(self) -> Scope:
        """How much of the line this takes with it."""
        return VERDICTS[self.reason].scope


def finding(reason: str, where: str, *, hint: str = "", **place: int) -> Finding:
    """Build a finding whose words come from the table of verdicts.

    Args:
        reason: a key of `verdicts.VERDICTS`.
        where: the place and the offending value, as the beginning of a sentence.
        hint: a better remedy than the table's, if there is one.
        place: indexes `directive`, `dimension_set`, `metric`.

    Returns:
        The finding.
    """
    verdict = VERDICTS[reason]
    message = f"{where}: {verdict.meaning}" if where else verdict.meaning
    return Finding(reason, message, hint or verdict.remedy, **place)


def examine(document: Any, *, size_bytes: int = 0) -> list[Finding]:
    """List everything that is wrong with a document.

    >>> [each.reason for each in examine({"_aws": {"CloudWatchMetrics": []}})]
    ['timestamp-missing']

    Args:
        document: what JSON gave: any type.
        size_bytes: the length of the line, where it is known.

    Returns:
        The findings; empty for a flawless document. Where the metadata is unreadable (scope `line`), the
        targets are not looked at.
    """
    found = list(_size(size_bytes))
    found += examine_metadata(document)
    if any(each.scope is Scope.LINE for each in found):
        return found
    return found + examine_targets(document)


def metadata_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the object that holds Timestamp and CloudWatchMetrics: `_aws`, or the root of a version 0 document."""
    metadata: Mapping[str, Any] = document.get(names.AWS, document)
    return metadata


def dimension_sets_of(directive: Mapping[str, Any]) -> list[list[str]]:
    """Give the dimension sets of a directive: a missing member means one empty set."""
    sets: list[list[str]] = directive.get(names.DIMENSIONS, _DEFAULT_DIMENSIONS)
    return sets


def _size(size_bytes: int) -> Iterator[Finding]:
    if size_bytes > limits.EVENT_BYTES:
        yield finding("line-too-large", f"{size_bytes:,} bytes")


# --- The metadata: what the schema says -------------------------------------------------------------------------------


def examine_metadata(document: Any) -> list[Finding]:
    """List what the schema `emf-accepted` finds wrong, and the notes on what is missing.

    The directives of an application repeat from line to line, so the verdict on each distinct list of them is
    remembered (jsonschema takes about 0.2 ms for one).

    Args:
        document: what JSON gave: any type.

    Returns:
        The findings about `_aws` or the root of a version 0 document.
    """
    timestamp_ms = _plain_timestamp(document)
    if timestamp_ms is None:
        return list(_schema_findings(document))
    directives = json.dumps(metadata_of(document)[names.CLOUDWATCH_METRICS])
    version = None if names.AWS in document else json.dumps(document.get(names.VERSION))
    return list(_remembered(directives, version))


def _plain_timestamp(document: Any) -> int | None:
    """Give the timestamp of a document whose frame is sound, so that only its directives need the schema."""
    if type(document) is not dict:
        return None
    metadata = metadata_of(document)
    if type(metadata) is not dict or names.CLOUDWATCH_METRICS not in metadata:
        return None
    timestamp_ms = metadata.get(names.TIMESTAMP)
    return timestamp_ms if type(timestamp_ms) is int and 0 <= timestamp_ms <= limits.TIMESTAMP_MS else None


@lru_cache(maxsize=1024)
def _remembered(directives: str, version: str | None) -> tuple[Finding, ...]:
    metadata = {names.TIMESTAMP: 0, names.CLOUDWATCH_METRICS: json.loads(directives)}
    document = {names.AWS: metadata} if version is None else {**metadata, names.VERSION: json.loads(version)}
    return tuple(_schema_findings(document))


def _schema_findings(document: Any) -> Iterator[Finding]:
    broken = False
    for error in validator("emf-accepted").iter_errors(document):
        reason = error.schema["x-reasons"][error.validator]
        path = list(error.absolute_path)
        broken = broken or VERDICTS[reason].scope is Scope.LINE
        yield finding(reason, _where(document, path, error.instance), hint=_hint(reason, error), **_place(path))
    if not broken:
        yield from _notes(metadata_of(document))


def _notes(metadata: Mapping[str, Any]) -> Iterator[Finding]:
    if names.TIMESTAMP not in metadata:
        yield finding("timestamp-missing", "")
    for index, directive in enumerate(metadata[names.CLOUDWATCH_METRICS]):
        if names.DIMENSIONS not in directive:
            yield finding("dimensions-missing", f"directive {index + 1}", directive=index)
        if not directive[names.METRICS]:
            yield finding("metrics-empty", f"directive {index + 1}", directive=index)


def _place(path: Sequence[Any]) -> dict[str, int]:
    """Read the indexes out of a path such as _aws, CloudWatchMetrics, 0, Metrics, 3, Unit."""
    place = {}
    kinds = {names.CLOUDWATCH_METRICS: "directive", names.DIMENSIONS: "dimension_set", names.METRICS: "metric"}
    for member, index in pairwise(path):
        if isinstance(index, int) and member in kinds:
            place[kinds[member]] = index
    return place


def _where(document: Any, path: Sequence[Any], value: Any) -> str:
    spelled = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    name = _metric_name(document, path)
    beginning = f"metric {shown(name)}, {spelled}" if name is not None else spelled
    if isinstance(value, (dict, list)):
        return f"{beginning} ({_kind(value)})" if beginning else f"the root ({_kind(value)})"
    return f"{beginning} is {shown(value)}" if beginning else f"the root is {shown(value)}"


def _metric_name(document: Any, path: Sequence[Any]) -> Any:
    """Give the name of the metric that a path leads into, unless the name itself is at fault."""
    if names.METRICS not in path or path[-1] in (names.METRICS, names.NAME):
        return None
    definition = document
    for step in path[: path.index(names.METRICS) + 2]:
        definition = definition[step]
    return definition.get(names.NAME) if isinstance(definition, dict) else None


def _kind(value: dict[str, Any] | list[Any]) -> str:
    kind, items = ("an object", "members") if isinstance(value, dict) else ("an array", "items")
    return f"{kind} of {len(value)} {items}"


def _hint(reason: str, error: Any) -> str:
    if reason == "unit-unknown" and isinstance(error.instance, str):
        meant = units.suggest(error.instance)
        return f"did you mean {shown(meant)}?" if meant else ""
    if error.validator == "required":
        missing = [member for member in error.validator_value if member not in error.instance]
        return f"add the member {' and '.join(missing)}" if reason == "directive-incomplete" else ""
    return ""


def shown(value: Any) -> str:
    r"""Show a value as JSON on one line of printable characters, cut where it is long.

    >>> shown("a\nb")
    '"a\\nb"'
    """
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}… ({len(text):,} characters)"


# --- The targets: what no schema can say ------------------------------------------------------------------------------


def examine_targets(document: Mapping[str, Any]) -> list[Finding]:
    """List what is wrong with the members that the directives point at.

    Args:
        document: a document whose metadata has no finding of scope `line`.

    Returns:
        The findings, each with the indexes of the directive and of the dimension set or metric concerned.
    """
    found: list[Finding] = []
    for index, directive in enumerate(metadata_of(document)[names.CLOUDWATCH_METRICS]):
        found += _dimension_findings(document, dimension_sets_of(directive), index)
        found += _metric_findings(document, directive[names.METRICS], index)
    return found


def _dimension_findings(document: Mapping[str, Any], sets: list[list[str]], directive: int) -> Iterator[Finding]:
    seen: set[frozenset[str]] = set()
    for index, keys in enumerate(sets):
        distinct = frozenset(keys)
        if len(distinct) < len(keys):
            yield finding(
                "dimension-key-repeated", f"dimension set {shown(keys)}", directive=directive, dimension_set=index
            )
        elif distinct in seen:
            yield finding(
                "dimension-set-repeated", f"dimension set {shown(keys)}", directive=directive, dimension_set=index
            )
        seen.add(distinct)
        for key in keys:
            reason = _dimension_reason(document.get(key, _MISSING))
            if reason is not None:
                yield finding(reason, _dimension_place(document, key), directive=directive, dimension_set=index)
            if not _is_dimension_text(key) or key[0] == ":":
                yield finding(
                    "dimension-key-not-ascii", f"dimension key {shown(key)}", directive=directive, dimension_set=index
                )


class _Missing:
    """Stands for a member that is not there, since null is a value of its own."""


_MISSING = _Missing()


def _dimension_reason(value: Any) -> str | None:
    if type(value) is not str:
        return "dimension-value-missing" if value is _MISSING else "dimension-value-not-a-string"
    if not value:
        return "dimension-value-empty"
    if len(value) > limits.DIMENSION_VALUE_LENGTH:
        return "dimension-value-too-long"
    return None if _is_dimension_text(value) else "dimension-value-not-ascii"


def _is_dimension_text(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _dimension_place(document: Mapping[str, Any], key: str) -> str:
    return f"dimension {shown(key)} is {shown(document[key])}" if key in document else f"dimension {shown(key)}"


def _metric_findings(
    document: Mapping[str, Any], definitions: list[dict[str, Any]], directive: int
) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, definition in enumerate(definitions):
        name = definition[names.NAME]
        if name in seen:
            yield finding("metric-repeated", f"metric {shown(name)}", directive=directive, metric=index)
            continue
        seen.add(name)
        value = document.get(name, _MISSING)
        reason = target_reason(value)
        if reason is not None:
            yield finding(reason, _metric_place(name, value), directive=directive, metric=index)


def _metric_place(name: str, value: Any) -> str:
    if value is _MISSING:
        return f"metric {shown(name)}"
    if isinstance(value, (list, dict)) and len(value) > 8:
        return f"metric {shown(name)} ({_kind(value)})"
    return f"metric {shown(name)} is {shown(value)}"


def target_reason(value: Any) -> str | None:
    """Say why a value cannot be the target of a metric.

    >>> target_reason(1.5) is None
    True
    >>> target_reason("1.5")
    'value-not-a-number'

    Args:
        value: a member of the root; good are a number, an array of numbers, `{"Values", "Counts"}` and
            `{"Min", "Max", "Sum", "Count"}`.

    Returns:
        A reason code of scope `metric`, or None.
    """
    if value is _MISSING:
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
    if names.SUM in target or names.COUNT in target:
        return _statistic_set_reason(target)
    return "value-not-a-number"


def _weighted_reason(values: Any, counts: Any) -> str | None:
    if type(values) is not list or type(counts) is not list or len(values) != len(counts):
        return "counts-mismatch"
    reason = _values_reason(values)
    if reason is None and any(_number_reason(count) or count <= 0 for count in counts):
        reason = "count-not-positive"
    return reason


def _statistic_set_reason(target: dict[str, Any]) -> str | None:
    numbers = [target.get(member) for member in (names.MIN, names.MAX, names.SUM, names.COUNT)]
    reasons = [_number_reason(number) for number in numbers]
    if "value-not-a-number" in reasons:
        return "statistic-set-incomplete"
    if any(reasons):
        return "value-out-of-range"
    low, high, total, count = (float(number) for number in numbers if number is not None)
    if count <= 0:
        return "count-not-positive"
    slack = 1e-9 * max(abs(low), abs(high))  # sums of floats are not exact
    return None if low <= high and low - slack <= total / count <= high + slack else "statistic-set-incoherent"
