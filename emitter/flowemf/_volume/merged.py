"""Merges events: those of one shape, one set of dimension values and one period share their lines.

Events go in; what their lines are to say comes out, with up to 100 values for each metric
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
"""

from __future__ import annotations

from flowemf._encoding.document import Content
from flowemf_schemas import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowemf._encoding.document import Number
    from flowemf._encoding.shapes import Prepared, Shape

    # Its shape, what is prepared for its dimension values, milliseconds since the epoch, its values, its weight.
    Event = tuple[Shape, Prepared, int, Sequence[Number], int]


def merged(events: Iterable[Event], mark: str) -> Iterator[Content]:
    """Merge events.

    A line has one timestamp, and both roads put all of its values into that period: a minute, or a second for metrics
    of high resolution (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html, members
    Timestamp and StorageResolution). Events of different periods stay apart, so that no value changes its minute.

    Args:
        events: in any order.
        mark: encoded properties of lines whose values are weighted.

    Yields:
        What each line is to say; groups come in the order of their first event.
    """
    for (shape, _, _, weight), group in _groups(events).items():
        for start in range(0, len(group), limits.VALUES_PER_TARGET):
            chunk = group[start : start + limits.VALUES_PER_TARGET]
            columns = list(zip(*[values for _, _, _, values, _ in chunk], strict=True))
            yield Content(shape, chunk[0][1], chunk[0][2], columns, weight, mark if weight > 1 else "")


def _groups(events: Iterable[Event]) -> dict[tuple[Shape, object, int, int], list[Event]]:
    # Most events come with the same object for the same dimension values, and to look at the values of each would
    # double the time. Where names are cleaned, as those that hold identifiers are, different objects are alike.
    alike: dict[tuple[Shape, Prepared, int, int], list[Event]] = {}
    for event in events:
        shape, prepared, timestamp_ms, _, weight = event
        alike.setdefault((shape, prepared, timestamp_ms // shape.period_ms, weight), []).append(event)
    groups: dict[tuple[Shape, object, int, int], list[Event]] = {}
    for (shape, prepared, period, weight), group in alike.items():
        groups.setdefault((shape, prepared.dimensions, period, weight), []).extend(group)
    return groups
