"""Reads one line, and the measurements in it.

A line goes in; an event, a rejection with its reasons, or the remark that this is ordinary log comes out. The metrics
and dimension sets of an event are those that no finding took away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowemf_processor.core.conditions import NO_CONDITIONS, Conditions
from flowemf_processor.core.document import BrokenLineError, may_be_metric, read_document
from flowemf_processor.model import Event, Incomplete, Line, Measurement, Other, Record, Rejected, StatisticSet
from flowemf_schemas import names, units
from flowemf_schemas.rules import Finding, dimension_sets_of, finding, metadata_of
from flowemf_schemas.targets import target_note
from flowemf_schemas.verdicts import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowemf_processor.model import Dimensions

_DEFAULT_RESOLUTION_SECONDS = 60


def parse(line: Line, *, received_ms: int, conditions: Conditions = NO_CONDITIONS) -> Record:
    """Read one line.

    Args:
        line: the line, with its position.
        received_ms: the time that an event gets, in milliseconds since the epoch, of which neither the line itself nor
            its wrapper states one.
        conditions: what is demanded of the line beyond what CloudWatch does.

    Returns:
        `Event` for a metric line of which at least one datapoint can be used (or that defines none), `Rejected` for a
        metric line of which nothing can be used, `Incomplete` for the torn end of a source, `Other` for everything
        else.
    """
    if not may_be_metric(line.data):
        return _unless_torn(line, ())
    try:
        document = read_document(line)
    except BrokenLineError as broken:
        return _unless_torn(line, (broken.found,))
    if document is None:
        return Other(line.position)
    return _event(line, document, received_ms, conditions)


def _unless_torn(line: Line, findings: tuple[Finding, ...]) -> Record:
    """Judge what is no metric line. An unterminated line with a brace in it may become one when its rest is written."""
    if not line.terminated and b"{" in line.data:
        return Incomplete(line.position, (finding("line-incomplete", ""),))
    return Rejected(line.position, findings) if findings else Other(line.position)


def _event(line: Line, document: Any, received_ms: int, conditions: Conditions) -> Event | Rejected:
    also = (finding("objects-share-line", ""),) if line.is_shared else ()
    findings = tuple(conditions.judge(document, size_bytes=line.size_bytes, also=also))
    if any(each.scope is Scope.LINE for each in findings):
        return Rejected(line.position, findings)
    measurements = _measurements_of(document, findings)
    if not measurements and any(each.scope is not Scope.NOTE for each in findings):
        return Rejected(line.position, findings)
    if line.origin.received_ms is not None:
        received_ms = line.origin.received_ms
    timestamp_ms = int(metadata_of(document).get(names.TIMESTAMP, received_ms))
    return Event(line.position, timestamp_ms, measurements, findings, line.origin)


# --- Measurements -----------------------------------------------------------------------------------------------------


def _measurements_of(document: Mapping[str, Any], findings: Iterable[Finding]) -> tuple[Measurement, ...]:
    """Read what the directives of a document define.

    Args:
        document: a document without a finding of scope `line`.
        findings: what `rules.examine` said about it.

    Returns:
        One measurement for each directive and metric, less those that a finding of scope `metric` names, under the
        dimension sets that no finding of scope `dimension set` names. A directive of which no set is left gives
        nothing, and nor does one that a finding of scope `directive` names.
    """
    lost_directives = {each.directive for each in findings if each.scope is Scope.DIRECTIVE}
    lost_sets = {(each.directive, each.dimension_set) for each in findings if each.scope is Scope.DIMENSION_SET}
    lost_metrics = {(each.directive, each.metric) for each in findings if each.scope is Scope.METRIC}
    measurements: list[Measurement] = []
    for index, directive in enumerate(metadata_of(document)[names.CLOUDWATCH_METRICS]):
        sets = tuple(
            _dimensions(document, keys)
            for place, keys in enumerate(dimension_sets_of(directive))
            if (index, place) not in lost_sets
        )
        if sets and index not in lost_directives:
            wanted = (
                definition
                for place, definition in enumerate(directive[names.METRICS])
                if (index, place) not in lost_metrics
            )
            measurements += _of_directive(document, directive[names.NAMESPACE], sets, wanted)
    return tuple(measurements)


def _dimensions(document: Mapping[str, Any], keys: list[str]) -> Dimensions:
    return tuple(sorted((key, document[key]) for key in keys))


def _of_directive(
    document: Mapping[str, Any], namespace: str, sets: tuple[Dimensions, ...], definitions: Iterable[Mapping[str, Any]]
) -> Iterator[Measurement]:
    for definition in definitions:
        name = definition[names.NAME]
        values, statistic_set = read_target(document[name])
        yield Measurement(
            namespace,
            name,
            unit_of(definition),
            resolution_of(definition),
            sets,
            values,
            statistic_set,
        )


def unit_of(definition: Mapping[str, Any]) -> str:
    """Give the unit of a metric definition."""
    unit: str = definition.get(names.UNIT, units.NONE)
    return unit


def resolution_of(definition: Mapping[str, Any]) -> int:
    """Give the storage resolution of a metric definition, in seconds."""
    return int(definition.get(names.STORAGE_RESOLUTION, _DEFAULT_RESOLUTION_SECONDS))


def read_target(target: Any) -> tuple[tuple[tuple[float, float], ...], StatisticSet | None]:
    """Read the target of a metric.

    >>> read_target([1, 2])
    (((1.0, 1.0), (2.0, 1.0)), None)

    Args:
        target: a member of the root in which no fault was found.

    Returns:
        The values with their counts; or a statistic set, where the line says no more.
    """
    if type(target) is list:
        return tuple((float(value), 1.0) for value in target), None
    if type(target) is not dict:
        return ((float(target), 1.0),), None
    if names.VALUES in target:
        pairs = zip(target[names.VALUES], target[names.COUNTS], strict=True)
        return tuple((float(value), float(count)) for value, count in pairs), None
    return _read_statistic_set(target)


def _read_statistic_set(target: Mapping[str, Any]) -> tuple[tuple[tuple[float, float], ...], StatisticSet | None]:
    """Read a statistic set; where it says what every value was, read the values, since those give percentiles."""
    members = (names.COUNT, names.SUM, names.MIN, names.MAX)
    count, total, minimum, maximum = (float(target[member]) for member in members)
    if target_note(target) is None:  # else Min and Max were not recorded, and only the sum is true
        if minimum == maximum:
            return ((minimum, count),), None
        if count == 1:
            return ((total, 1.0),), None
    return (), StatisticSet(count, total, minimum, maximum)
