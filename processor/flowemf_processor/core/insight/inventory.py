"""What an application really publishes: which metrics, in which namespaces, under which dimension sets.

What was gathered from a log, or listed in an account, goes in; for any series that a dashboard or an alarm would name
comes out whether there is one, whether there will be one, or why there is none.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowemf_processor.model import Aggregate, Dimensions

Keys = tuple[str, ...]
"""The keys of a dimension set, sorted."""

# Every flow leads to these sooner or later, under the same roll-ups as those of its metrics that were seen.
_CERTAIN = {
    **dict.fromkeys(names.FLOW_METRICS, names.FLOW_METRICS),
    names.GENERATION_COUNT: names.GENERATION_METRICS,
    names.GENERATION_ERROR: names.GENERATION_METRICS,
    names.GENERATION_DURATION: names.GENERATION_METRICS,
}
_OF_AN_ERROR = (names.FLOW_ERROR, names.GENERATION_ERROR)
_BY_ERROR_TYPE = (names.ERROR_TYPE,)
# Kin share these roll-ups, and no other set: a flow's start carries no Status, its end does.
_SHARED = ((), (names.FLOW_NAME,), (names.MODEL_ID,))
_MOST_NAMED = 6


class Standing(str, Enum):
    """What is known of a series."""

    SEEN = "seen"
    FORESEEN = "foreseen"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is published.

    Attributes:
        source: what it was taken from, for messages: the paths of logs, or an account's namespace.
        datapoints: namespace and metric -> each of its dimension sets, and how many datapoints it had; 0 where only
            its existence is known.
        units: namespace and metric -> its unit, where that is known.
    """

    source: str
    datapoints: dict[tuple[str, str], Counter[Dimensions]] = field(default_factory=lambda: defaultdict(Counter))
    units: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, namespace: str, name: str, dimensions: Dimensions, *, datapoints: int = 0, unit: str = "") -> None:
        """Take note of a series.

        Args:
            namespace: its namespace.
            name: the metric's name.
            dimensions: its pairs of key and value.
            datapoints: how many it had.
            unit: its unit; empty where that is not known.
        """
        self.datapoints[namespace, name][tuple(sorted(dimensions))] += datapoints
        if unit:
            self.units.setdefault((namespace, name), unit)

    def add_all(self, aggregates: Iterable[Aggregate]) -> None:
        """Take note of what was gathered from a log."""
        for each in aggregates:
            series = each.series
            self.add(series.namespace, series.name, series.dimensions, datapoints=each.datapoints, unit=series.unit)

    @property
    def namespaces(self) -> list[str]:
        """The namespaces that hold any metric."""
        return sorted({namespace for namespace, _ in self.datapoints})

    def metrics(self, namespace: str) -> list[str]:
        """List the metrics of a namespace."""
        return sorted(name for each, name in self.datapoints if each == namespace)

    def key_sets(self, namespace: str, name: str) -> list[Keys]:
        """List the keys of the dimension sets under which a metric was seen, the smallest first."""
        seen = self.datapoints.get((namespace, name), ())
        return sorted({_keys(dimensions) for dimensions in seen}, key=lambda keys: (len(keys), keys))

    def sets(self, namespace: str, name: str, keys: Keys) -> list[Dimensions]:
        """List the dimension sets of a metric that have these keys, those with the most datapoints first."""
        seen = self.datapoints.get((namespace, name), Counter())
        return sorted(
            (each for each in seen if _keys(each) == tuple(sorted(keys))), key=lambda each: (-seen[each], each)
        )

    def standing(self, namespace: str, name: str, dimensions: Dimensions) -> Standing:
        """Tell what is known of a series.

        A flow that has never failed has no FlowError yet. It will have one, under the roll-ups under which its other
        metrics are published, so an alarm may wait for it.

        Args:
            namespace: its namespace.
            name: the metric's name.
            dimensions: its pairs of key and value.
        """
        wanted = tuple(sorted(dimensions))
        if wanted in self.datapoints.get((namespace, name), ()):
            return Standing.SEEN
        is_foreseen = self._foresees(namespace, name, _keys(wanted)) and (
            _keys(wanted) == _BY_ERROR_TYPE
            or any(wanted in self.datapoints.get((namespace, each), ()) for each in _CERTAIN[name])
        )
        return Standing.FORESEEN if is_foreseen else Standing.ABSENT

    def publishes(self, namespace: str, name: str, keys: Keys) -> bool:
        """Tell whether a metric is, or will be, published under sets of these keys."""
        return bool(self.sets(namespace, name, keys)) or self._foresees(namespace, name, keys)

    def _foresees(self, namespace: str, name: str, keys: Keys) -> bool:
        """Tell whether a metric that must come some day will have sets of these keys, as its kin have them."""
        kin = _CERTAIN.get(name, ())
        if not any(self.sets(namespace, each, ()) for each in kin):  # without the empty set there are no roll-ups
            return False
        if name in _OF_AN_ERROR and keys == _BY_ERROR_TYPE:
            return True
        return keys in _SHARED and any(self.sets(namespace, each, keys) for each in kin)

    def why_absent(self, namespace: str, name: str, keys: Keys, dimensions: Dimensions | None = None) -> str:
        """Say why there is no such series, and what to do.

        Args:
            namespace: its namespace.
            name: the metric's name.
            keys: the keys of its dimension set.
            dimensions: the set with its values, where values are what matters.
        """
        if namespace not in self.namespaces:
            has = f"it has {_listed(self.namespaces)}" if self.namespaces else "it has no metrics at all"
            return f"there is no namespace {namespace} in {self.source}; {has}"
        if not self.key_sets(namespace, name) and not self.publishes(namespace, name, keys):
            return f"{self.source} has no {name} in {namespace}{self._near(namespace, name)}"
        if not self.publishes(namespace, name, keys):
            sets = _listed([_named(each) for each in self.key_sets(namespace, name)])
            return (
                f"{name} is published by {sets}, but not {_by(tuple(keys))}; CloudWatch does not add up across "
                f"dimensions{_remedy(tuple(keys))}"
            )
        return f"{name} has no {_pairs(dimensions or ())}{self._values(namespace, name, tuple(keys))}"

    def _near(self, namespace: str, name: str) -> str:
        near = difflib.get_close_matches(name, self.metrics(namespace), n=1)
        return f"; did you mean {near[0]}?" if near else ""

    def _values(self, namespace: str, name: str, keys: Keys) -> str:
        known = [_pairs(each) for each in self.sets(namespace, name, keys)]
        return f"; there are {_listed(known)}" if known else ""


def _keys(dimensions: Dimensions) -> Keys:
    return tuple(key for key, _ in dimensions)


def _named(keys: Keys) -> str:
    return "+".join(keys) if keys else "no dimension at all"


def _by(keys: Keys) -> str:
    return f"by {_named(keys)} alone" if keys else "without dimensions"


def _remedy(keys: Keys) -> str:
    return ', so configure rollups="standard"' if keys in (*_SHARED, _BY_ERROR_TYPE) else ""


def _pairs(dimensions: Dimensions) -> str:
    return ", ".join(f"{key}={value}" for key, value in dimensions) or "series without dimensions"


def _listed(texts: list[str]) -> str:
    """List the first few.

    >>> _listed(["a"]), _listed(list("abcdefgh"))
    ('a', 'a, b, c, d, e, f and 2 more')
    """
    more = len(texts) - _MOST_NAMED
    shown = ", ".join(texts[:_MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
