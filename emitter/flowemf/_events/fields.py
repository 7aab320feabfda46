"""Turns metrics into members of a log event, so that the application's own log line carries them.

Metrics with their units and dimensions go in; keywords for a log call come out. Any JSON renderer makes a valid EMF
document of them; that of `flowemf.structlog` also keeps the event's other members from spoiling it.
"""

from __future__ import annotations

from flowemf._encoding.document import line_of, parts
from flowemf._encoding.shapes import dimension_sets
from flowemf._encoding.values import RESERVED
from flowemf._events.custom import checked_keys, namespace_of
from flowemf_schemas import limits, names, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from flowemf._encoding.document import Measure, Part
    from flowemf._events.bulk import Bulk
    from flowemf._events.custom import Problems

# Parameters of log methods: a keyword of that name would raise in the application.
_PARAMETERS = ("self", "method_name")


class Metadata(dict):  # type: ignore[type-arg] # dict[str, Any] would need typing when this is imported
    """The member `_aws` of a log event, which remembers what the event carries.

    Attributes:
        bulk: the way to write the event.
        part: its metrics and dimension sets.
        timestamp_ms: when it was made, in milliseconds since the epoch.
    """

    __slots__ = ("bulk", "part", "timestamp_ms")

    def __init__(self, members: Mapping[str, object], bulk: Bulk, part: Part, timestamp_ms: int) -> None:
        self.bulk = bulk
        self.part = part
        self.timestamp_ms = timestamp_ms
        super().__init__(members)

    def __reduce__(self) -> tuple[object, ...]:
        """Leave this process as the plain dictionary that it is: the monitor stays here."""
        return dict, (dict(self),)


def fields(
    bulk: Bulk, metrics: Mapping[str, Any], dimensions: Mapping[str, object] | None, namespace: object
) -> dict[str, Any]:
    """Make the keywords; see `flowemf.fields`."""
    from json import loads  # with a log event json is there already

    problems: Problems = []
    known_namespace = namespace_of(bulk.settings, namespace, problems)
    own = _own_dimensions(bulk, dimensions or {}, metrics, problems)
    bulk.count(problems)
    measures = _measures(bulk, metrics)
    if known_namespace is None or not measures or bulk.sink is None:
        return dict(own)
    custom = dict(bulk.settings.custom_dimensions)
    values = {**custom, **own}
    listed = dimension_sets(tuple(custom), tuple(own), bulk.settings.rollups)
    first, *others = parts(known_namespace, [{key: values[key] for key in keys} for keys in listed], measures)
    timestamp_ms = bulk.settings.clock.wall_ms()
    for part in others:  # one document has no room for them, and no number is lost
        bulk.write(bulk.encoded(part, timestamp_ms, {}))
    members: dict[str, Any] = loads(line_of(first, timestamp_ms, b""))
    return {**members, names.AWS: Metadata(members[names.AWS], bulk, first, timestamp_ms)}


def _own_dimensions(
    bulk: Bulk, given: Mapping[str, object], metrics: Mapping[str, Any], problems: Problems
) -> dict[str, str]:
    custom = [key for key, _ in bulk.settings.custom_dimensions]
    values = list(given.values())
    room = limits.DIMENSIONS_PER_SET - len(custom)
    keys, positions = checked_keys(given, (*custom, *_PARAMETERS, *metrics), room, problems)
    clean = {key: bulk.dimension(key, values[position]) for key, position in zip(keys, positions, strict=True)}
    return bulk.series(clean)


def _measures(bulk: Bulk, metrics: Mapping[str, Any]) -> list[Measure]:
    taken = {*RESERVED, *_PARAMETERS, *(key for key, _ in bulk.settings.custom_dimensions)}
    checked = (bulk.measure(name, *_read(given), taken) for name, given in metrics.items())
    return [measure for measure in checked if measure is not None]


def _read(given: Any) -> tuple[Sequence[object], object, object]:
    """Read `12`, `[12, 13]`, `(12, "Milliseconds")` or `(12, "Milliseconds", 1)`."""
    defaults = (None, units.NONE, 60)
    value, unit, resolution = (
        (*given, *defaults[len(given) :])[:3] if isinstance(given, tuple) else (given, *defaults[1:])
    )
    return value if isinstance(value, list) else [value], unit, resolution
