"""Turns what a MetricsContext of aws-embedded-metrics has recorded into lines of ours.

A context and its properties go in; whole lines come out, with the same metrics under the same dimension sets.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from flowemf import _context
from flowemf._encoding.document import Part, fitting, parts, targets_of
from flowemf._encoding.text import CHANGES, dimension_key
from flowemf._events.custom import namespace_of
from flowemf._redaction.redactor import REDACTED_DIMENSION
from flowemf_schemas import limits, names, units

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aws_embedded_metrics.logger.metric import Metric
    from aws_embedded_metrics.logger.metrics_context import MetricsContext

    from flowemf._encoding.document import Measure
    from flowemf._events.bulk import Bulk
    from flowemf._events.custom import Problems

OTHERS = "_flowemf_others"
"""Where a context keeps the metrics whose name is there already with another unit or resolution."""

_TOO_MANY = ("dimension_dropped", "a dimension set has more than 30 dimensions; default dimensions were left out")


def lines_of_context(
    bulk: Bulk, context: MetricsContext, properties: Mapping[str, Any], *, extracted: bool
) -> list[bytes]:
    """Make the lines.

    Args:
        bulk: the way to check and write.
        context: what was recorded.
        properties: the properties of the context and of its environment.
        extracted: whether metrics are to be extracted; if not, the lines have no `_aws`.

    Returns:
        Lines; one of properties alone where there is no metric, none where there is nothing at all.
    """
    sets = [_clean_set(bulk, each, context.default_dimensions) for each in _dimension_sets(bulk, context)]
    measures = [measure for measure in _measures(bulk, context) if measure is not None]
    taken = {names.AWS, *(key for each in sets for key in each), *(each.name for each in measures)}
    members = bulk.properties(properties, taken)
    around = {name: value for name, value in _context.everything().items() if name not in {*members, *taken}}
    members.update(bulk.properties(around, ()))
    if not measures:
        return [_plain(Part(units.NONE, sets, ()), members)] if properties else []
    divided = parts(_namespace(bulk, context), sets, measures)
    if not extracted:
        return [_plain(part, members) for part in divided]
    timestamp_ms = _timestamp_ms(bulk, context)
    return [line for part in divided for line in bulk.encoded(part, timestamp_ms, members)]


def _plain(part: Part, properties: Mapping[str, bytes]) -> bytes:
    """Write a line that nothing is extracted from."""
    targets = b"".join(targets_of(part))
    kept = [properties[name] for name in fitting(properties, limits.EVENT_BYTES - len(targets) - 2)]
    return b"{%b}\n" % b"".join([targets, *kept])[1:]


def _namespace(bulk: Bulk, context: MetricsContext) -> str:
    problems: Problems = []
    namespace = namespace_of(bulk.settings, context.namespace, problems)
    bulk.count(problems)
    return bulk.settings.namespace if namespace is None else namespace


def _timestamp_ms(bulk: Bulk, context: MetricsContext) -> int:
    timestamp_ms = context.meta.get(names.TIMESTAMP)
    if type(timestamp_ms) is int and 0 <= timestamp_ms <= limits.TIMESTAMP_MS:
        return timestamp_ms
    return bulk.settings.clock.wall_ms()


def _dimension_sets(bulk: Bulk, context: MetricsContext) -> Iterator[Mapping[str, Any]]:
    """Give the sets with the default dimensions in them, as far as 30 have room."""
    for each in context.get_dimensions():
        defaults = [key for key in context.default_dimensions if key in each]
        if len(each) > limits.DIMENSIONS_PER_SET:
            bulk.tally.count(*_TOO_MANY)
            defaults_last = [*(key for key in each if key not in defaults), *defaults]
            yield {key: each[key] for key in defaults_last[: limits.DIMENSIONS_PER_SET]}
        else:
            yield each


def _clean_set(bulk: Bulk, dimension_set: Mapping[str, Any], defaults: Mapping[str, str]) -> dict[str, str]:
    clean: dict[str, str] = {}
    brought: dict[str, str] = {}
    for key, value in dimension_set.items():
        written_key, changes = dimension_key(key if isinstance(key, str) else str(key))
        bulk.count([(change, CHANGES[change]) for change in changes])
        if written_key != names.AWS:
            # The defaults were chosen by whoever runs the program: a function may be called like an identifier.
            chosen = key in defaults and value is defaults[key]
            clean[written_key] = _chosen(bulk, value) if chosen else bulk.dimension(written_key, value)
            if not chosen:
                brought[written_key] = clean[written_key]
    return {**clean, **bulk.series(brought)}


def _chosen(bulk: Bulk, value: object) -> str:
    text, changes = bulk.redactor.chosen(value)
    if REDACTED_DIMENSION[0] in changes:
        bulk.count([REDACTED_DIMENSION])
    return text


def _measures(bulk: Bulk, context: MetricsContext) -> Iterator[Measure | None]:
    others: Mapping[object, tuple[str, Metric]] = context.__dict__.get(OTHERS, {})
    for name, metric in [*context.metrics.items(), *others.values()]:
        values = [_as_float(value) for value in metric.values]
        yield bulk.measure(name, values, _plain_of(metric.unit), _plain_of(metric.storage_resolution), (names.AWS,))


def _plain_of(value: Any) -> Any:
    """Give the value of a member of the library's enumerations."""
    return getattr(value, "value", value)


def _as_float(value: Any) -> Any:
    """Give the nearest float of an exact number: the library's users pass what DynamoDB gave them."""
    if not isinstance(value, (Decimal, Fraction)):
        return value
    try:
        return float(value)
    except (OverflowError, ValueError):
        return value
