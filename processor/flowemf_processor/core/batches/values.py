"""The values of a metric as rows hold them: numbers, arrays, values with counts, statistic sets.

The target of a metric goes in; whether it is sound, how many numbers it is, and what a series gathers of it come out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowemf_processor.core.batches.row_types import Statistics, Weighted
from flowemf_processor.core.parse import read_target
from flowemf_schemas import names
from flowemf_schemas.targets import target_note, target_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.core.aggregate import Entry


def is_sound(target: Any) -> bool:
    """Tell whether nothing is to be said of a target whose members have the right types."""
    if type(target) is Weighted:
        return len(target.values) == len(target.counts)
    if type(target) is Statistics:
        document = _document(target)
        return target_reason(document) is None and target_note(document) is None
    return True


def value_count(target: Any) -> int:
    """Count the numbers of a target; a statistic set is one."""
    if type(target) is list:
        return len(target)
    return len(target.values) if type(target) is Weighted else 1


def entries_of(target: Any) -> Sequence[Entry]:
    """Give what a series gathers of a target."""
    if type(target) is float:
        return (target,)
    if type(target) is list:
        return target
    if type(target) is Weighted:
        pairs = zip(target.values, target.counts, strict=True)
        return [value if count == 1 else (value, count) for value, count in pairs]
    values, statistic_set = read_target(_document(target))
    return values if statistic_set is None else (statistic_set,)


def _document(target: Statistics) -> dict[str, float]:
    return {names.COUNT: target.count, names.SUM: target.total, names.MIN: target.low, names.MAX: target.high}
