"""Turns events into rows of the table `points`.

Events go in; the parameters of an INSERT statement come out, some thousands of rows at once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowemf_processor.model import Event, Measurement

_ROWS_AT_ONCE = 5000
_NUMBERS = {
    "t": "BIGINT",
    "v": "DOUBLE",
    "c": "DOUBLE",
    "s": "DOUBLE",
    "lo": "DOUBLE",
    "hi": "DOUBLE",
    "k": "BIGINT",
}
_TEXTS = {"n": "VARCHAR", "m": "VARCHAR", "u": "VARCHAR", "d": "MAP(VARCHAR, VARCHAR)"}

# Rows go in as two JSON texts: DuckDB 1 takes a millisecond for each value of a list that is given as a parameter. What
# many rows share, names and dimensions, stands in the second one, once: that takes a third of the time.
INSERT = f"""
INSERT INTO points
SELECT epoch_ms(row_.t), shared.each.n, shared.each.m, row_.v, row_.c, row_.s, row_.lo, row_.hi, shared.each.u,
       shared.each.d
FROM (
    SELECT {", ".join(f"unnest(numbers.{name}) AS {name}" for name in _NUMBERS)}
    FROM (SELECT from_json($1::JSON, '{json.dumps({name: [kind] for name, kind in _NUMBERS.items()})}') AS numbers)
) AS row_
JOIN (
    SELECT unnest(range(len(texts))) AS place, unnest(texts) AS each
    FROM (SELECT from_json($2::JSON, '{json.dumps([_TEXTS])}') AS texts)
) AS shared ON row_.k = shared.place
"""  # noqa: S608 - nothing but our own constants
"""Stores what `insertions` gives."""


def insertions(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    """Give the parameters of `INSERT`, each time for some thousands of rows.

    Args:
        events: what to store: one row for each number of each metric of a record, whatever its dimension sets.
    """
    part = _Part()
    for event in events:
        part.add(event)
        if len(part.numbers["t"]) >= _ROWS_AT_ONCE:
            yield part.parameters
            part = _Part()
    if part.numbers["t"]:
        yield part.parameters


class _Part:
    """Rows that go in together."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[float]] = {name: [] for name in _NUMBERS}
        self._texts: list[dict[str, Any]] = []
        self._places: dict[Any, int] = {}

    @property
    def parameters(self) -> tuple[str, str]:
        """The numbers, and the texts that they refer to."""
        return json.dumps(self.numbers), json.dumps(self._texts)

    def add(self, event: Event) -> None:
        """Add the rows of an event."""
        columns = self.numbers.values()
        for measurement, dimensions in _merged(event):
            place = self._place(measurement, dimensions)
            for numbers in _values(measurement):
                for column, number in zip(columns, (event.timestamp_ms, *numbers, place), strict=True):
                    column.append(number)

    def _place(self, measurement: Measurement, dimensions: dict[str, str]) -> int:
        key = (measurement.namespace, measurement.name, measurement.unit, *dimensions.items())
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self._texts)
            self._texts.append(
                {"n": measurement.namespace, "m": measurement.name, "u": measurement.unit, "d": dimensions}
            )
        return place


def _merged(event: Event) -> Iterator[tuple[Measurement, dict[str, str]]]:
    """Give each metric of a record once, with all its dimensions, however many directives and sets name it."""
    dimensions: dict[tuple[str, str], dict[str, str]] = {}
    first: dict[tuple[str, str], Measurement] = {}
    for measurement in event.measurements:
        key = (measurement.namespace, measurement.name)
        first.setdefault(key, measurement)
        gathered = dimensions.setdefault(key, {})
        for each in measurement.dimension_sets:
            gathered.update(each)
    for key, measurement in first.items():
        yield measurement, dimensions[key]


def _values(measurement: Measurement) -> Iterator[tuple[float, float, float, float, float]]:
    """Give each value with its count, what it adds to the sum, the smallest and the largest; of a set the mean."""
    for value, count in measurement.values:
        yield value, count, value * count, value, value
    one = measurement.statistic_set
    if one is not None:
        yield one.total / one.count, one.count, one.total, one.minimum, one.maximum
