"""What is wrong with a parsed EMF document: the rules of the schema, and those that no schema can state.

A document goes in; findings come out, each with a reason code of the table in `verdicts`. The emitter's tests,
`flowemf check` and the processor all ask here. Source of the rules:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import islice, pairwise
from typing import Any

from flowemf_schemas import limits, load, names, units
from flowemf_schemas.findings import Finding, finding, kind_of, shown
from flowemf_schemas.targets import MISSING, target_hint, target_note, target_reason
from flowemf_schemas.verdicts import Scope
from flowemf_schemas.violations import Path, Violation, compile_schema

__all__ = [
    "Finding",
    "bounded",
    "dimension_sets_of",
    "examine",
    "examine_metadata",
    "examine_targets",
    "finding",
    "is_sound_dimension_value",
    "metadata_of",
    "shown",
    "target_reason",
]

_DEFAULT_DIMENSIONS: list[list[str]] = [[]]


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

    Args:
        document: what JSON gave: any type.

    Returns:
        The findings about `_aws` or the root of a version 0 document; at most `limits.FINDINGS_PER_LINE` and one that
        says so.
    """
    directives = _directives_text(document)
    if directives in _sound_directives:
        return []
    found = bounded(_schema_findings(document))
    if not any(each.scope is Scope.LINE for each in found):
        found += _notes(metadata_of(document))
    if directives and not found and len(_sound_directives) < _REMEMBERED_TEXTS:
        _sound_directives.add(directives)
    return found


# The directives of an application repeat from line to line: to remember those without a finding saves a quarter of the
# time that a good line takes.
_sound_directives: set[str] = set()
_REMEMBERED_TEXTS = 1024
_REMEMBERED_CHARACTERS = 4096


def _directives_text(document: Any) -> str:
    """Give the directives as text where nothing else in the metadata can be at fault, else nothing."""
    metadata = document.get(names.AWS) if type(document) is dict else None
    if type(metadata) is not dict or names.CLOUDWATCH_METRICS not in metadata:
        return ""
    timestamp_ms = metadata.get(names.TIMESTAMP)
    if type(timestamp_ms) is not int or not 0 <= timestamp_ms <= limits.TIMESTAMP_MS:
        return ""
    try:
        text = json.dumps(metadata[names.CLOUDWATCH_METRICS])
    except (ValueError, RecursionError):  # an integer of more digits, or more levels, than Python wants to write
        return ""
    return text if len(text) <= _REMEMBERED_CHARACTERS else ""


@cache
def _accepted() -> Callable[[Any], Iterator[Violation]]:
    return compile_schema(load("emf-accepted"))


def _schema_findings(document: Any) -> Iterator[Finding]:
    found = (_of_violation(document, violation) for violation in _accepted()(document))
    previous = None
    for each in found:
        if each != previous:  # an empty name is both too short and without the first character it needs
            yield each
        previous = each


def _of_violation(document: Any, violation: Violation) -> Finding:
    where = _where(document, violation.path, violation.value)
    return finding(violation.reason, where, hint=_hint(violation), **_place(violation.path))


def bounded(found: Iterator[Finding]) -> list[Finding]:
    """Stop looking where a line is hopeless: what is hostile or no EMF at all costs no more than what is wrong."""
    listed = list(islice(found, limits.FINDINGS_PER_LINE))
    if next(found, None) is not None:
        listed.append(finding("too-many-findings", f"more than {limits.FINDINGS_PER_LINE} defects"))
    return listed


def _notes(metadata: Mapping[str, Any]) -> Iterator[Finding]:
    if names.TIMESTAMP not in metadata:
        yield finding("timestamp-missing", "")
    directives = metadata[names.CLOUDWATCH_METRICS]
    yield from _note(
        "namespace-not-ascii",
        (shown(each[names.NAMESPACE]) for each in directives if not _is_api_text(each[names.NAMESPACE])),
    )
    yield from _note("dimensions-missing", _numbered(names.DIMENSIONS not in each for each in directives))
    yield from _note("metrics-empty", _numbered(not each[names.METRICS] for each in directives))


def _numbered(concerned: Iterable[bool]) -> Iterator[str]:
    return (f"directive {number}" for number, is_concerned in enumerate(concerned, start=1) if is_concerned)


def _note(reason: str, places: Iterator[str]) -> Iterator[Finding]:
    """Give one note for all the places that deserve it: notes never make a good line tiresome."""
    first = next(places, None)
    if first is not None:
        others = sum(1 for _ in places)
        yield finding(reason, f"{first} and {others:,} more" if others else first)


def _place(path: Path) -> dict[str, int]:
    """Read the indexes out of a path such as _aws, CloudWatchMetrics, 0, Metrics, 3, Unit."""
    place = {}
    kinds = {names.CLOUDWATCH_METRICS: "directive", names.DIMENSIONS: "dimension_set", names.METRICS: "metric"}
    for member, index in pairwise(path):
        if isinstance(index, int) and member in kinds:
            place[kinds[str(member)]] = index
    return place


def _where(document: Any, path: Path, value: Any) -> str:
    spelled = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    name = _metric_name(document, path)
    beginning = f"metric {shown(name)}, {spelled}" if name is not None else spelled
    if isinstance(value, (dict, list)):
        return f"{beginning} ({kind_of(value)})" if beginning else f"the root ({kind_of(value)})"
    return f"{beginning} is {shown(value)}" if beginning else f"the root is {shown(value)}"


def _metric_name(document: Any, path: Path) -> Any:
    """Give the name of the metric that a path leads into, unless the name itself is at fault."""
    if names.METRICS not in path or path[-1] in (names.METRICS, names.NAME):
        return None
    definition = document
    for step in path[: path.index(names.METRICS) + 2]:
        definition = definition[step]
    return definition.get(names.NAME) if isinstance(definition, dict) else None


def _hint(violation: Violation) -> str:
    if violation.reason == "unit-unknown" and isinstance(violation.value, str):
        meant = units.suggest(violation.value)
        return f"did you mean {shown(meant)}?" if meant else ""
    if violation.reason == "directive-incomplete":
        return f"add {' and '.join(member for member in violation.rule if member not in violation.value)}"
    return ""


# --- The targets: what no schema can say ------------------------------------------------------------------------------


def examine_targets(document: Mapping[str, Any]) -> list[Finding]:
    """List what is wrong with the members that the directives point at.

    Args:
        document: a document whose metadata has no finding of scope `line`.

    Returns:
        The findings, each with the indexes of the directive and of the dimension set or metric concerned; at most
        `limits.FINDINGS_PER_LINE` and one that says so, and the notes. Of a line that stands for more than
        `limits.DATAPOINTS_PER_LINE` datapoints that one finding alone.
    """
    directives = metadata_of(document)[names.CLOUDWATCH_METRICS]
    datapoints = _datapoints(document, directives)
    if datapoints > limits.DATAPOINTS_PER_LINE:  # nothing more is said of it: to look at each would take minutes
        return [finding("too-many-datapoints", f"{datapoints:,} datapoints")]
    keys = dict.fromkeys(key for each in directives for one in dimension_sets_of(each) for key in one)
    reasons_by_metric: dict[str, str | None] = {}
    found = bounded(_target_findings(document, directives, keys, reasons_by_metric))
    good_metrics = [name for name, reason in reasons_by_metric.items() if reason is None]
    return [*found, *_dimension_notes(document, keys), *_metric_notes(document, good_metrics)]


def _datapoints(document: Mapping[str, Any], directives: Iterable[Mapping[str, Any]]) -> int:
    """Count what the line would stand for if nothing in it were at fault."""
    return sum(
        len(dimension_sets_of(directive))
        * sum(_numbers(document.get(each[names.NAME])) for each in directive[names.METRICS])
        for directive in directives
    )


def _numbers(target: Any) -> int:
    values = target.get(names.VALUES) if type(target) is dict else target
    return len(values) if type(values) is list else 1


def _target_findings(
    document: Mapping[str, Any],
    directives: list[Mapping[str, Any]],
    keys: Iterable[str],
    reasons_by_metric: dict[str, str | None],
) -> Iterator[Finding]:
    for key in keys:
        if document.get(key) == "":
            yield finding("dimension-value-empty", f"dimension {shown(key)} is {shown('')}")
    for index, directive in enumerate(directives):
        yield from _set_findings(document, dimension_sets_of(directive), index)
        yield from _metric_findings(document, directive[names.METRICS], index, reasons_by_metric)


def _set_findings(document: Mapping[str, Any], sets: list[list[str]], directive: int) -> Iterator[Finding]:
    seen: set[frozenset[str]] = set()
    for index, keys in enumerate(sets):
        distinct = frozenset(keys)
        if len(distinct) < len(keys):
            yield _of_set("dimension-key-repeated", f"dimension set {shown(keys)}", directive, index)
        elif distinct in seen:
            yield _of_set("dimension-set-repeated", f"dimension set {shown(keys)}", directive, index)
        else:  # a set that is refused does not make its good twin a repetition
            seen.add(distinct)
        for key in dict.fromkeys(keys):
            reason = _dimension_reason(document.get(key, MISSING))
            if reason is not None:
                yield _of_set(reason, _dimension_place(document, key), directive, index)


def _of_set(reason: str, where: str, directive: int, dimension_set: int) -> Finding:
    return finding(reason, where, directive=directive, dimension_set=dimension_set)


def _dimension_reason(value: Any) -> str | None:
    if type(value) is not str:
        return "dimension-value-missing" if value is MISSING else "dimension-value-not-a-string"
    return "dimension-value-too-long" if len(value) > limits.DIMENSION_VALUE_LENGTH else None


def _dimension_place(document: Mapping[str, Any], key: str) -> str:
    return f"dimension {shown(key)} is {shown(document[key])}" if key in document else f"dimension {shown(key)}"


def _dimension_notes(document: Mapping[str, Any], keys: Iterable[str]) -> Iterator[Finding]:
    odd_keys = (f"dimension key {shown(key)}" for key in keys if key[0] == ":" or not _is_api_text(key))
    yield from _note("dimension-key-not-ascii", odd_keys)
    odd_values = (
        _dimension_place(document, key)
        for key in keys
        if type(document.get(key)) is str and document[key] and not _is_api_text(document[key])
    )
    yield from _note("dimension-value-not-ascii", odd_values)


def _metric_notes(document: Mapping[str, Any], metrics: Iterable[str]) -> Iterator[Finding]:
    odd = (_metric_place(name, document[name]) for name in metrics if target_note(document[name]))
    yield from _note("statistic-set-mean-outside", odd)


def is_sound_dimension_value(value: str) -> bool:
    """Tell whether nothing is to be said of a dimension's value."""
    return value != "" and _dimension_reason(value) is None and _is_api_text(value)


def _is_api_text(text: str) -> bool:
    """Tell whether PutMetricData takes a text: ASCII without control characters, and not only white space."""
    return text.isascii() and text.isprintable() and not text.isspace()


def _metric_findings(
    document: Mapping[str, Any],
    definitions: list[dict[str, Any]],
    directive: int,
    reasons_by_metric: dict[str, str | None],
) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, definition in enumerate(definitions):
        name = definition[names.NAME]
        if name in seen:
            yield finding("metric-repeated", f"metric {shown(name)}", directive=directive, metric=index)
            continue
        seen.add(name)
        value = document.get(name, MISSING)
        if name not in reasons_by_metric:  # thousands of directives may point at one array
            reasons_by_metric[name] = target_reason(value)
        reason = reasons_by_metric[name]
        if reason is not None:
            hint = target_hint(value) if reason == "value-not-a-number" else ""
            yield finding(reason, _metric_place(name, value), hint=hint, directive=directive, metric=index)


def _metric_place(name: str, value: Any) -> str:
    if value is MISSING:
        return f"metric {shown(name)}"
    if isinstance(value, (list, dict)) and len(value) > 8:
        return f"metric {shown(name)} ({kind_of(value)})"
    return f"metric {shown(name)} is {shown(value)}"
