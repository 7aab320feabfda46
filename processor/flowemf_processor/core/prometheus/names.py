"""Names that Prometheus takes.

Namespaces, metric names, units and dimension keys go in; names of families and labels come out.
Rules: https://prometheus.io/docs/concepts/data_model/ and https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from flowemf_schemas import units

_ACRONYM_END = re.compile(r"([A-Z]+)([A-Z][a-z])")
_WORD_END = re.compile(r"([a-z0-9])([A-Z])")
_OTHERS = re.compile(r"[^a-z0-9]+")
_RESERVED_LABELS = frozenset(("le", "quantile"))  # they belong to histograms and summaries

# What a unit counts, without its share of time: the suffix of the base unit, and how many of it one is.
_AMOUNTS = {
    units.NONE.lower(): ("", 1.0),
    units.PERCENT.lower(): ("percent", 1.0),
    "count": ("", 1.0),
    **{
        f"{scale}{base}": (base, factor)
        for scale, factor in {"": 1.0, "kilo": 1e3, "mega": 1e6, "giga": 1e9, "tera": 1e12}.items()
        for base in ("bytes", "bits")
    },
}
_DURATIONS = {units.SECONDS: 1.0, units.MILLISECONDS: 1e3, units.MICROSECONDS: 1e6}


class Kind(str, Enum):
    """The types of Prometheus that are used."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


_SAMPLES = {
    Kind.COUNTER: ("", "_total", "_created"),
    Kind.HISTOGRAM: ("", "_bucket", "_count", "_sum", "_created"),
    Kind.SUMMARY: ("", "_count", "_sum", "_created"),
}


@dataclass(frozen=True, slots=True)
class Family:
    """What Prometheus calls a metric family.

    Attributes:
        name: without the suffixes of its samples, such as `_total`.
        kind: its type.
        divisor: what values are divided by, to be in the base unit that the name ends with.
        factor: what values are multiplied with, for the same reason.
    """

    name: str
    kind: Kind
    divisor: float = 1.0
    factor: float = 1.0

    @property
    def reserved(self) -> frozenset[str]:
        """The names that no other family may use."""
        return frozenset(self.name + suffix for suffix in _SAMPLES[self.kind])

    def in_base_unit(self, value: float) -> float:
        """Convert a value of the log."""
        return value / self.divisor * self.factor


def family_of(namespace: str, name: str, unit: str) -> Family:
    """Name the family of a metric.

    Args:
        namespace: CloudWatch's namespace.
        name: the metric's name.
        unit: its unit.

    >>> family_of("MyApp/GenKit", "FlowDuration", "Milliseconds").name
    'my_app_gen_kit_flow_duration_seconds'
    """
    base = _joined(_snake(namespace), _snake(name))
    if unit in _DURATIONS:
        return Family(_suffixed(base, "seconds"), Kind.HISTOGRAM, divisor=_DURATIONS[unit])
    if unit == units.COUNT:
        return Family(base.removesuffix("_total"), Kind.COUNTER)
    suffix, factor = _base_unit(unit)
    return Family(_suffixed(base, suffix), Kind.SUMMARY, factor=factor)


def label_of(key: str) -> str:
    """Name the label of a dimension.

    >>> label_of("ModelID"), label_of("1st choice"), label_of("le")
    ('model_id', '_1st_choice', 'dimension_le')
    """
    name = _joined(_snake(key))
    return f"dimension_{name}" if name in _RESERVED_LABELS else name


def _base_unit(unit: str) -> tuple[str, float]:
    """Give the suffix and the factor of a unit that is neither a duration nor a count."""
    amount, _, per_second = unit.partition("/")
    suffix, factor = _AMOUNTS[amount.lower()]
    return "_".join(filter(None, (suffix, "per_second" if per_second else ""))), factor


def _suffixed(base: str, suffix: str) -> str:
    return base if not suffix or base.endswith(f"_{suffix}") else f"{base}_{suffix}"


def _joined(*parts: str) -> str:
    name = "_".join(filter(None, parts)) or "_"
    return f"_{name}" if name[0].isdigit() else name


def _snake(text: str) -> str:
    """Write in snake case, as Prometheus's own cloudwatch_exporter does."""
    apart = _WORD_END.sub(r"\1_\2", _ACRONYM_END.sub(r"\1_\2", text))
    return _OTHERS.sub("_", apart.lower()).strip("_")
