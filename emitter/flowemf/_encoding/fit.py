"""Makes what is too large for one line fit: properties are cut, numbers never.

A shape with its numbers, encoded properties and a size go in; lines that are no longer come out.
"""

from __future__ import annotations

from flowemf._encoding.document import Measure, Part, lines_of, with_fitting
from flowemf._encoding.shapes import Numbers
from flowemf._encoding.text import member
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowemf._encoding.document import Number
    from flowemf._encoding.shapes import Directive, Prepared, Shape

# What remains of a flow or a generation that had to be divided is neither any more: only the whole has all the metrics
# that readers of such an event count on.
_PIECE = f',"{names.EVENT}":"{names.EVENT_METRIC}","{names.SCHEMA_VERSION}":{names.LINE_SCHEMA_VERSION}'


class Content:
    """What one line is to say: events of one shape with the same dimension values.

    Attributes:
        shape: the kind of line.
        prepared: what the encoder has made of it for these dimension values.
        timestamp_ms: milliseconds since the epoch.
        columns: the values of each metric of the shape, in its order: one for each event.
        weight: how many events each value stands for.
        said: encoded properties that are never cut.
    """

    __slots__ = ("columns", "prepared", "said", "shape", "timestamp_ms", "weight")

    def __init__(
        self,
        shape: Shape,
        prepared: Prepared,
        timestamp_ms: int,
        columns: Sequence[Sequence[Number]],
        weight: int = 1,
        said: str = "",
    ) -> None:
        self.shape = shape
        self.prepared = prepared
        self.timestamp_ms = timestamp_ms
        self.columns = columns
        self.weight = weight
        self.said = said

    def line(self, properties: str) -> bytes:
        """Write it as one line."""
        numbers = [Numbers(column, self.weight) for column in self.columns]
        return self.prepared.fill(self.timestamp_ms, numbers, self.said + properties)

    def halves(self) -> Iterator[Content]:
        """Divide the events, where there are several."""
        middle = len(self.columns[0]) // 2
        for piece in (slice(middle), slice(middle, None)) if middle else ():
            columns = [column[piece] for column in self.columns]
            yield Content(self.shape, self.prepared, self.timestamp_ms, columns, self.weight, self.said)

    def parts(self) -> Iterator[Part]:
        """Divide the metrics: one part for each directive."""
        columns = dict(zip(self.shape.metrics, self.columns, strict=True))
        return (self._part(directive, columns) for directive in self.shape.directives)

    def _part(self, directive: Directive, columns: Mapping[str, Sequence[Number]]) -> Part:
        values = dict(self.prepared.dimensions)
        sets = [{key: values[key] for key in keys} for keys in directive.dimension_sets]
        measures = [
            Measure(row.metric, row.unit, row.resolution, columns[row.metric], self.weight) for row in directive.rows
        ]
        return Part(self.shape.namespace, sets, measures)


def fitted(content: Content, properties: Mapping[str, bytes], most_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Write as one line, or what is too large for one as several.

    Properties are cut from the last-added one on. Where numbers and dimensions alone are too large, the events are
    divided first, then the metrics, then the dimension sets: every number leaves under every set.

    Args:
        content: what is to be written.
        properties: name -> encoded member, in the order in which they were added.
        most_bytes: the longest line.

    Yields:
        Each line, with the number of properties that were cut for it; an empty line stands for a number whose
        dimension set does not fit at all.
    """
    bare = content.line("")
    text, cut = with_fitting(properties, most_bytes - len(bare))
    if text is not None:
        yield (content.line(text.decode("ascii")) if text else bare), len(cut)
        return
    halves = list(content.halves())
    for half in halves:
        yield from fitted(half, properties, most_bytes)
    if not halves:
        said = (_PIECE + content.said).encode("ascii")
        for part in content.parts():
            for line, left_out in lines_of(part, content.timestamp_ms, properties, most_bytes, said):
                yield line, len(left_out)


def members_of(encoded: str) -> dict[str, bytes]:
    """Take encoded properties apart: name -> encoded member.

    >>> members_of(',"a":1,"b":"x"')
    {'a': b',"a":1', 'b': b',"b":"x"'}
    """
    from json import dumps, loads  # only what is too large comes here

    values: dict[str, object] = loads(f"{{{encoded[1:]}}}")
    return {name: member(name, dumps(value, separators=(",", ":"))) for name, value in values.items()}
