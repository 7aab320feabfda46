"""Checks what an application asks of a metric of its own, and makes the shape of its line.

A name, a unit, a resolution, a namespace and dimension keys go in; a `CustomMetric` comes out: the shape, and what had
to be left out or changed.
"""

from __future__ import annotations

from flowemf._errors import ConfigurationError
from flowemf._property import RESERVED
from flowemf._record import Row, Shape
from flowemf._settings import checked_namespace
from flowemf._text import CHANGES, dimension_key
from flowemf_schemas import limits, names, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowemf._settings import Settings

_BAD_NAME = "metric_name_refused"
_BAD_NAMESPACE = "namespace_refused"
_BAD_UNIT = "unit_unknown"
_BAD_RESOLUTION = "resolution_unknown"
_BAD_KEY = "dimension_dropped"


class CustomMetric:
    """What is known about one way of calling `metric`.

    Attributes:
        shape: the shape of its lines; None where nothing can be written.
        positions: which of the given dimensions are written, by index.
        problems: what to count with each call: reason and explanation.
    """

    __slots__ = ("positions", "problems", "shape")

    def __init__(
        self,
        settings: Settings,
        name: object,
        unit: object,
        resolution: object,
        namespace: object,
        keys: tuple[object, ...],
    ) -> None:
        self.problems: list[tuple[str, str]] = []
        self.shape: Shape | None = None
        self.positions: list[int] = []
        custom = tuple(key for key, _ in settings.custom_dimensions)
        known_name = self._name(name, custom)
        known_namespace = settings.namespace if namespace is None else self._namespace(namespace)
        if known_name is None or known_namespace is None:
            return
        own = self._keys(keys, {*custom, known_name})
        row = Row(known_name, self._unit(unit), self._resolution(resolution), own)
        self.shape = Shape(names.EVENT_METRIC, known_namespace, [row], custom, settings.rollups)

    def _name(self, name: object, custom: tuple[str, ...]) -> str | None:
        if not isinstance(name, str) or not 0 < len(name) <= limits.METRIC_NAME_LENGTH or not name.strip():
            problem = "must be text of 1 to 255 characters"
        elif not name.isprintable():
            problem = "holds a character that cannot be printed"
        elif name in RESERVED or name in custom:
            problem = "is taken: flowemf writes a metric, dimension or property of that name itself"
        else:
            return str.__str__(name)
        self.problems.append((_BAD_NAME, f"the metric name {name!r:.100} {problem}; the metric was left out"))
        return None

    def _namespace(self, namespace: object) -> str | None:
        try:
            return checked_namespace(namespace, "namespace")
        except ConfigurationError as problem:
            self.problems.append((_BAD_NAMESPACE, f"{problem}; the metric was left out"))
            return None

    def _unit(self, unit: object) -> str:
        if isinstance(unit, str) and unit in units.UNITS:
            return str.__str__(unit)
        meant = units.suggest(unit) if isinstance(unit, str) else None
        hint = f"; did you mean {meant!r}?" if meant else ""
        self.problems.append((_BAD_UNIT, f"CloudWatch knows no unit {unit!r:.100}; 'None' was written{hint}"))
        return units.NONE

    def _resolution(self, resolution: object) -> int:
        if type(resolution) is int and resolution in limits.STORAGE_RESOLUTIONS:
            return resolution
        self.problems.append(
            (_BAD_RESOLUTION, f"the resolution {resolution!r:.100} is neither 1 nor 60; 60 was written")
        )
        return 60

    def _keys(self, keys: tuple[object, ...], taken: set[str]) -> tuple[str, ...]:
        kept: list[str] = []
        room = limits.DIMENSIONS_PER_SET - len(taken) + 1  # the metric's own name is among the taken ones
        for position, key in enumerate(keys):
            clean, changes = dimension_key(key) if isinstance(key, str) else ("", ("dimension_empty",))
            if "dimension_empty" in changes or clean in taken or clean in RESERVED or len(kept) >= room:
                problem = "is empty, is taken, or is one too many; it was left out"
                self.problems.append((_BAD_KEY, f"the dimension {key!r:.100} {problem}"))
                continue
            self.problems += [(change, CHANGES[change]) for change in changes]
            self.positions.append(position)
            kept.append(clean)
            taken.add(clean)
        return tuple(kept)
