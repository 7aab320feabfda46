"""Writes many metrics at once through a monitor, and an application's own log lines through the same sink.

Metrics, dimension sets and properties that were put together elsewhere go in; whole lines leave through the sink of the
monitor. What cannot be written is counted.
"""

from __future__ import annotations

from flowemf._context import COLLIDING, UNUSABLE
from flowemf._encoding.document import Measure, lines_of
from flowemf._encoding.values import REFUSALS, encoded_property, number
from flowemf._events.custom import checked_name, checked_resolution, checked_unit
from flowemf._events.writer import CUT, NO_ROOM, PROBLEMS
from flowemf._output.outlet import most_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping
    from typing import Any

    from flowemf._encoding.document import Number, Part
    from flowemf._events.custom import Problems
    from flowemf._output.outlet import Outlet
    from flowemf._redaction.redactor import Redactor
    from flowemf._settings import Settings
    from flowemf._tally import Tally


class Bulk:
    """Checks and writes what somebody else has put together, with the settings and the counts of a monitor.

    Attributes:
        dimension: makes a dimension value that may leave, of a key and any value.
        most_bytes: how long a line may be.
        redactor: cleans the texts of properties.
        series: gives the clean dimensions of one call, as far as there may be more series.
        settings: the monitor's settings.
        sink: where its lines go; None where nothing is written.
        tally: the monitor's counts.
    """

    __slots__ = ("dimension", "most_bytes", "redactor", "series", "settings", "sink", "tally")

    def __init__(
        self,
        settings: Settings,
        tally: Tally,
        sink: Outlet | None,
        dimension: Callable[[str, object], str],
        series: Callable[[dict[str, str]], dict[str, str]],
        redactor: Redactor,
    ) -> None:
        self.dimension = dimension
        self.most_bytes = most_bytes(settings)
        self.series = series
        self.settings = settings
        self.redactor = redactor
        self.sink = sink
        self.tally = tally

    def count(self, problems: Problems) -> None:
        """Count problems, each a reason and an explanation."""
        for problem in problems:
            self.tally.count(*problem)

    def measure(
        self, name: object, values: Iterable[object], unit: object, resolution: object, taken: Container[str]
    ) -> Measure | None:
        """Check one metric.

        Args:
            name: the metric's name.
            values: its values; what is no finite number is left out.
            unit: one of CloudWatch's units.
            resolution: 1 or 60, in seconds.
            taken: names that it may not have.

        Returns:
            The metric; None where nothing of it can be written.
        """
        problems: Problems = []
        known_name = checked_name(name, taken, problems)
        known_unit, known_resolution = checked_unit(unit, problems), checked_resolution(resolution, problems)
        self.count(problems)
        numbers = self._numbers(values) if known_name is not None else []
        return Measure(known_name, known_unit, known_resolution, numbers) if known_name and numbers else None

    def properties(self, values: Mapping[Any, object], taken: Container[str]) -> dict[str, bytes]:
        """Encode properties; count those that have no JSON form or whose name is taken.

        Args:
            values: name -> value.
            taken: the names that a property must not overwrite.
        """
        members = {}
        for name, value in values.items():
            encoded = encoded_property(name, value, self.redactor.clean)
            if encoded is None:
                self.tally.count(*UNUSABLE)
            elif encoded[0] in taken:
                self.tally.count(*COLLIDING)
            else:
                members[encoded[0]] = encoded[1]
        return members

    def encoded(self, part: Part, timestamp_ms: int, properties: Mapping[str, bytes]) -> list[bytes]:
        """Make the lines of a part: one, unless it is too large."""
        lines = []
        for line, cut in lines_of(part, timestamp_ms, properties, self.most_bytes):
            if cut:
                self.tally.count(CUT, PROBLEMS[CUT], len(cut))
            if line:
                lines.append(line)
            else:
                self.tally.count(NO_ROOM, PROBLEMS[NO_ROOM])
        return lines

    def write(self, lines: Iterable[bytes]) -> None:
        """Write whole lines."""
        if self.sink is not None:
            for line in lines:
                self.sink.write(line, self.tally)

    def _numbers(self, values: Iterable[object]) -> list[Number]:
        numbers = []
        for value in values:
            plain, reason = number(value)
            if plain is None:
                self.tally.count(reason, REFUSALS[reason])
            else:
                numbers.append(plain)
        return numbers
