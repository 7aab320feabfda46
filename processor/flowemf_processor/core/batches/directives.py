"""What the directives of a line publish.

A flawless document goes in; for each metric comes out where its values go, and which members hold the dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.parse import resolution_of, unit_of
from flowemf_schemas import names
from flowemf_schemas.rules import dimension_sets_of, metadata_of

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Outlet:
    """One metric of one directive.

    Attributes:
        namespace: the directive's namespace.
        name: the metric's name, and the member that holds its value.
        unit: one of CloudWatch's units.
        resolution_seconds: 1 or 60.
        sets: the dimension sets that it is published under, each by its keys in order.
    """

    namespace: str
    name: str
    unit: str
    resolution_seconds: int
    sets: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Directives:
    """All directives of a line.

    Attributes:
        outlets: the metrics in their order.
        targets: the members that hold values.
        keys: the members that hold dimensions, in order.
    """

    outlets: tuple[Outlet, ...]
    targets: frozenset[str]
    keys: tuple[str, ...]

    @property
    def series(self) -> int:
        """How many series one line adds to."""
        return sum(len(outlet.sets) for outlet in self.outlets)

    @property
    def period_seconds(self) -> int:
        """The shortest period of any metric."""
        return min((outlet.resolution_seconds for outlet in self.outlets), default=60)


def directives_of(document: Mapping[str, Any]) -> Directives:
    """Read the directives of a document of which nothing is wrong."""
    outlets = tuple(
        Outlet(
            directive[names.NAMESPACE],
            definition[names.NAME],
            unit_of(definition),
            resolution_of(definition),
            tuple(tuple(sorted(keys)) for keys in dimension_sets_of(directive)),
        )
        for directive in metadata_of(document)[names.CLOUDWATCH_METRICS]
        for definition in directive[names.METRICS]
    )
    keys = {key for outlet in outlets for each in outlet.sets for key in each}
    return Directives(outlets, frozenset(outlet.name for outlet in outlets), tuple(sorted(keys)))
