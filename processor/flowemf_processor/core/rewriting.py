"""Writes records as text again: a metric record as the line that stands for it, or what a record lost.

An event that carries its text goes in, and one line of JSON comes out: the text as it was, unless it lacks a timestamp
or has metrics that are not to be sent. Or a line goes in with the record that was read out of it, and an object of the
schema `rejects` comes out: its text as it was or, where part of the record was used, a line of the lost part alone.
Mended and replayed, such texts bring exactly what was left out the first time.
"""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any

from flowemf_processor.model import Event, Rejected, Rejection
from flowemf_schemas import names
from flowemf_schemas.rules import dimension_sets_of, metadata_of
from flowemf_schemas.verdicts import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowemf_processor.model import Line, Record
    from flowemf_schemas.rules import Finding

# What they name is used already, under its first definition: alone it would be good, and count a second time.
_REPETITIONS = frozenset(("metric-repeated", "dimension-set-repeated"))
_DIGITS_WRITTEN = 4000  # Python refuses to write integers of more than 4,300 digits
_NO_TIMESTAMP = "timestamp-missing"
# Outside of strings, which cannot hold them, line breaks mean no more than spaces do: https://www.rfc-editor.org/rfc/rfc8259#section-2
_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


def line_text(event: Event) -> bytes:
    """Write one metric record on one line.

    CloudWatch takes the time of ingestion where a line states none, and it extracts every directive. So a line without
    a timestamp is given the one that the event has, which is its wrapper's or that of reading; and directives of
    namespaces that may not be read are left out. Any other line stays byte by byte what it was.

    Args:
        event: one that carries its text.

    Returns:
        The line, without a line ending.
    """
    unwanted = {found.directive for found in event.findings if found.scope is Scope.DIRECTIVE}
    has_no_time = any(found.reason == _NO_TIMESTAMP for found in event.findings)
    if not unwanted and not has_no_time:
        return event.text.translate(_ONE_LINE)
    document = _loaded(event.text)
    given = {names.TIMESTAMP: event.timestamp_ms} if has_no_time else {}
    directives = metadata_of(document)[names.CLOUDWATCH_METRICS]
    return _written(document, [each for index, each in enumerate(directives) if index not in unwanted], given)


# --- What a record lost -----------------------------------------------------------------------------------------------


def rejection_of(line: Line, record: Record, *, received_ms: int) -> Rejection | None:
    """Say what a record lost.

    Args:
        line: the text that was read last.
        record: what it gave.
        received_ms: the time that the record gets where neither it nor its wrapper states one.

    Returns:
        None where nothing was lost: notes cost nothing, and nor do repetitions of what was used.
    """
    if not isinstance(record, (Event, Rejected)):
        return None
    is_part = isinstance(record, Event)
    if is_part and not any(map(_is_loss, record.findings)):
        return None
    if isinstance(record, Rejected) and record.text is not None:
        line = record.text
    wrapped_ms = line.origin.received_ms
    return Rejection(line, record.findings, is_part, received_ms if wrapped_ms is None else wrapped_ms)


def _is_loss(found: Finding) -> bool:
    return found.scope is not Scope.NOTE and found.reason not in _REPETITIONS


def rejection_as_json(rejection: Rejection) -> dict[str, Any]:
    """Write a rejection as the schema `rejects` has it.

    Args:
        rejection: what a record lost.

    Returns:
        The object.
    """
    line = rejection.line
    event_id = {names.REJECTS_EVENT_ID: line.origin.event_id} if line.origin.event_id else {}
    event_number = {"event_number": line.position.event} if line.position.event else {}
    return {
        names.REJECTS: names.REJECTS_SCHEMA_VERSION,
        "source": line.position.source.encode(errors="backslashreplace").decode(),
        "line_number": line.position.line,
        **event_number,
        "offset_bytes": line.position.offset_bytes,
        "size_bytes": line.size_bytes,
        names.REJECTS_RECEIVED_MS: rejection.received_ms,
        **event_id,
        "is_part": rejection.is_part,
        "findings": [
            {"reason": each.reason, "scope": each.scope.value, "message": each.message, "hint": each.hint}
            for each in rejection.findings
        ],
        **_text(_lost_part(line.data, rejection.findings) if rejection.is_part else line.data),
    }


def _text(data: bytes) -> dict[str, str]:
    try:
        return {names.REJECTS_LINE: data.decode()}
    except UnicodeDecodeError:
        return {names.REJECTS_LINE_BASE64: base64.b64encode(data).decode()}


def _lost_part(data: bytes, findings: Iterable[Finding]) -> bytes:
    """Write the record anew with directives that define what was lost, and nothing else."""
    document = _loaded(data)
    return _written(document, list(_lost_directives(metadata_of(document)[names.CLOUDWATCH_METRICS], findings)), {})


def _lost_directives(directives: Iterable[Mapping[str, Any]], findings: Iterable[Finding]) -> Iterator[dict[str, Any]]:
    findings = tuple(findings)
    for index, directive in enumerate(directives):
        here = [each for each in findings if each.directive == index]
        if any(each.scope is Scope.DIRECTIVE for each in here):
            yield dict(directive)
        else:
            yield from _without_what_was_used(directive, here)


def _without_what_was_used(directive: Mapping[str, Any], here: Iterable[Finding]) -> Iterator[dict[str, Any]]:
    """Pair the lost metrics with every set, and the lost sets with every other metric; repetitions stay out."""
    reason_of_metric = {each.metric: each.reason for each in here if each.scope is Scope.METRIC}
    reasons_of_set: dict[int | None, set[str]] = {}
    for each in here:
        if each.scope is Scope.DIMENSION_SET:
            reasons_of_set.setdefault(each.dimension_set, set()).add(each.reason)
    definitions = list(enumerate(directive[names.METRICS]))
    sets = [
        (place, keys)
        for place, keys in enumerate(dimension_sets_of(directive))
        if _REPETITIONS.isdisjoint(reasons_of_set.get(place, ()))
    ]
    lost = [each for place, each in definitions if reason_of_metric.get(place, "metric-repeated") not in _REPETITIONS]
    if lost:
        with_sets = {names.DIMENSIONS: [keys for _, keys in sets]} if names.DIMENSIONS in directive else {}
        yield {**directive, **with_sets, names.METRICS: lost}
    kept = [each for place, each in definitions if place not in reason_of_metric]
    lost_sets = [keys for place, keys in sets if place in reasons_of_set]
    if kept and lost_sets:
        yield {**directive, names.DIMENSIONS: lost_sets, names.METRICS: kept}


# --- Reading and writing without loss ---------------------------------------------------------------------------------


def _loaded(data: bytes) -> Any:
    """Parse a document that is going to be written again; what no float and no integer can hold stays as text."""
    return json.loads(data, parse_int=_integer, parse_float=_float)


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _DIGITS_WRITTEN else digits


def _float(spelled: str) -> float | str:
    """Keep the spelling of what no float can hold: as text it is no number either, and can be read and mended."""
    number = float(spelled)
    return number if math.isfinite(number) else spelled


def _written(document: dict[str, Any], directives: list[Any], given: Mapping[str, Any]) -> bytes:
    """Write a document with other directives, and what its metadata lacks."""
    metadata = document.get(names.AWS, document)  # version 0 has it at the root
    metadata.update({**given, names.CLOUDWATCH_METRICS: directives})
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
