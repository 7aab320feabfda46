"""Checks what an application asks of a metric of its own, and makes the shape of its line.

A name, a unit, a resolution, a namespace and dimension keys go in; a `CustomMetric` comes out: the shape, and what had
to be left out or changed.
"""

from __future__ import annotations

from flowemf._encoding.shapes import Row, Shape
from flowemf._encoding.text import CHANGES, dimension_key
from flowemf._encoding.values import RESERVED
from flowemf._errors import ConfigurationError, shown
from flowemf._redaction.secret_shapes import redact
from flowemf._settings import checked_namespace
from flowemf_schemas import limits, names, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from flowemf._settings import Settings

    # What to count: reason and explanation.
    Problems = list[tuple[str, str]]

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
        self.problems: Problems = []
        self.shape: Shape | None = None
        self.positions: Sequence[int] = ()
        custom = tuple(key for key, _ in settings.custom_dimensions)
        known_name = checked_name(name, (*RESERVED, *custom), self.problems)
        known_namespace = namespace_of(settings, namespace, self.problems)
        if known_name is None or known_namespace is None:
            return
        own, self.positions = checked_keys(
            keys, (*custom, known_name), limits.DIMENSIONS_PER_SET - len(custom), self.problems
        )
        row = Row(known_name, checked_unit(unit, self.problems), checked_resolution(resolution, self.problems), own)
        self.shape = Shape(names.EVENT_METRIC, known_namespace, [row], custom, settings.rollups)


def checked_name(name: object, taken: Container[str], problems: Problems) -> str | None:
    """Give the name of a metric as it is written; None, and a problem more, where it cannot be one."""
    if not isinstance(name, str) or not 0 < len(name) <= limits.METRIC_NAME_LENGTH or not name.strip():
        problem = "must be text of 1 to 255 characters"
    elif not name.isprintable():
        problem = "holds a character that cannot be printed"
    elif name in taken:
        problem = "is taken: flowemf writes a metric, dimension or property of that name itself"
    elif redact(name) != name:
        problem = "holds a secret or personal data"
    else:
        return str.__str__(name)
    problems.append((_BAD_NAME, f"the metric name {shown(name)} {problem}; the metric was left out"))
    return None


def namespace_of(settings: Settings, namespace: object, problems: Problems) -> str | None:
    """Give the namespace that was asked for, else that of the settings; None, and a problem more, for a wrong one."""
    if namespace is None:
        return settings.namespace
    try:
        return checked_namespace(namespace, "namespace")
    except ConfigurationError as problem:
        problems.append((_BAD_NAMESPACE, f"{problem}; the metric was left out"))
        return None


def checked_unit(unit: object, problems: Problems) -> str:
    """Give CloudWatch's unit; "None", and a problem more, where it knows none of that name."""
    if isinstance(unit, str) and unit in units.UNITS:
        return str.__str__(unit)
    meant = units.suggest(unit) if isinstance(unit, str) else None
    hint = f"; did you mean {meant!r}?" if meant else ""
    problems.append((_BAD_UNIT, f"CloudWatch knows no unit {shown(unit)}; 'None' was written{hint}"))
    return units.NONE


def checked_resolution(resolution: object, problems: Problems) -> int:
    """Give the resolution in seconds; 60, and a problem more, where it is none."""
    if type(resolution) is int and resolution in limits.STORAGE_RESOLUTIONS:
        return resolution
    problems.append((_BAD_RESOLUTION, f"the resolution {shown(resolution)} is neither 1 nor 60; 60 was written"))
    return 60


def checked_keys(
    keys: Iterable[object], taken: Sequence[str], room: int, problems: Problems
) -> tuple[tuple[str, ...], Sequence[int]]:
    """Give dimension keys as they are written, and the positions of those that are; a problem more for each other one.

    Args:
        keys: what the application passed.
        taken: names that no key may have, beside our own.
        room: how many there may be.
        problems: where problems are added.
    """
    kept: dict[str, int] = {}
    for position, key in enumerate(keys):
        clean, changes = dimension_key(key) if isinstance(key, str) else ("", ("dimension_empty",))
        free = clean not in (*taken, *RESERVED, *kept) and len(kept) < room
        if "dimension_empty" in changes or not free or redact(clean) != clean:
            problem = "is empty, is taken, is one too many, or holds a secret; it was left out"
            problems.append((_BAD_KEY, f"the dimension {shown(key)} {problem}"))
            continue
        problems += [(change, CHANGES[change]) for change in changes]
        kept[clean] = position
    return tuple(kept), tuple(kept.values())
