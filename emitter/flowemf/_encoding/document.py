"""Lays out what is no line of the usual kind: many metrics at once, and events that are too large for one line.

Metrics with all their values and the dimension sets they are published under go in, or a shape with its numbers; lines
come out, none longer than it may be. No number is lost and none changes its series: what cannot stand in one document
stands in several.
"""

from __future__ import annotations

from flowemf._encoding.shapes import Directive, Numbers, Row, directive_text, numbers_text
from flowemf._encoding.text import json_string, member
from flowemf_schemas import limits, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeVar

    from flowemf._encoding.shapes import Prepared, Shape

    T = TypeVar("T")
    Number = int | float


class Measure:
    """One metric: its name, unit, resolution in seconds (1 or 60), and its values, exact and finite.

    A weight says how many values each of them stands for.
    """

    __slots__ = ("name", "resolution", "unit", "values", "weight")

    def __init__(self, name: str, unit: str, resolution: int, values: Sequence[Number], weight: int = 1) -> None:
        self.name = name
        self.unit = unit
        self.resolution = resolution
        self.values = values
        self.weight = weight


class Part:
    """What one line holds: at most 100 metrics of at most 100 values, each member of the root with one meaning.

    Attributes:
        namespace: the CloudWatch namespace.
        dimension_sets: the sets that all its metrics are published under; no key has two values.
        measures: the metrics; no name comes twice.
    """

    __slots__ = ("dimension_sets", "measures", "namespace")

    def __init__(
        self, namespace: str, dimension_sets: Sequence[Mapping[str, str]], measures: Sequence[Measure]
    ) -> None:
        self.namespace = namespace
        self.dimension_sets = dimension_sets
        self.measures = measures

    @property
    def dimensions(self) -> dict[str, str]:
        """The members of the root that the dimension sets point at."""
        return {key: value for each in self.dimension_sets for key, value in each.items()}

    @property
    def values(self) -> dict[str, Number | list[Number]]:
        """The members of the root that the metrics point at."""
        return {each.name: each.values[0] if len(each.values) == 1 else list(each.values) for each in self.measures}

    @property
    def directive(self) -> Directive:
        """The metric directive."""
        sets = tuple(tuple(each) for each in self.dimension_sets)
        return Directive(sets, tuple(Row(each.name, each.unit, each.resolution, ()) for each in self.measures))

    def halves(self) -> Iterator[Part]:
        """Divide what one line has no room for: the metrics, else the values, else the dimension sets."""
        if len(self.measures) > 1:
            yield from (Part(self.namespace, self.dimension_sets, each) for each in _halves(self.measures))
        elif len(self.measures[0].values) > 1:
            one = self.measures[0]
            pieces = [Measure(one.name, one.unit, one.resolution, values, one.weight) for values in _halves(one.values)]
            yield from (Part(self.namespace, self.dimension_sets, [piece]) for piece in pieces)
        elif len(self.dimension_sets) > 1:
            yield from (Part(self.namespace, each, self.measures) for each in _halves(self.dimension_sets))


def parts(namespace: str, dimension_sets: Sequence[Mapping[str, str]], measures: Sequence[Measure]) -> Iterator[Part]:
    """Divide metrics among as many lines as they need.

    Lines are divided at 100 metrics and at 100 values
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html),
    where one metric comes with two units, where two dimension sets give one key two values, and where a metric has the
    name of a dimension, which is then left out of that metric's sets alone.

    >>> [part.values for part in parts("App", [{}], [Measure("A", "None", 60, [1, 2]), Measure("A", "Count", 60, [3])])]
    [{'A': [1, 2]}, {'A': 3}]

    Args:
        namespace: the CloudWatch namespace.
        dimension_sets: key -> value for each set; none at all means one empty set.
        measures: the metrics; one without values is left out.
    """
    sets = dimension_sets or [{}]
    taken = {key for each in sets for key in each}
    yield from _parts(namespace, sets, [each for each in measures if each.name not in taken])
    for name in dict.fromkeys(each.name for each in measures if each.name in taken):
        yield from _parts(namespace, _without(sets, name), [each for each in measures if each.name == name])


def line_of(part: Part, timestamp_ms: int, properties: bytes) -> bytes:
    """Write a part as one line.

    Args:
        part: what to write.
        timestamp_ms: milliseconds since the epoch.
        properties: further members, encoded, each with a comma before it.
    """
    metadata = f'"{names.TIMESTAMP}":{timestamp_ms},"{names.CLOUDWATCH_METRICS}":'
    metadata += f"[{directive_text(part.namespace, part.directive)}]"
    head = f'{{"{names.AWS}":{{{metadata}}}'.encode("ascii")
    return b"".join([head, *targets_of(part), properties, b"}\n"])


def targets_of(part: Part) -> list[bytes]:
    """Encode the members of the root that dimension sets and metrics point at, each with a comma before it."""
    dimensions = [member(key, json_string(value)) for key, value in part.dimensions.items()]
    return dimensions + [member(each.name, numbers_text(each.values, each.weight)) for each in part.measures]


def lines_of(
    part: Part, timestamp_ms: int, properties: Mapping[str, bytes], most_bytes: int, said: bytes = b""
) -> Iterator[tuple[bytes, Sequence[str]]]:
    """Write a part as one line, or as several where it is too large for one.

    Args:
        part: what to write.
        timestamp_ms: milliseconds since the epoch.
        properties: name -> encoded member.
        most_bytes: the largest line.
        said: encoded members that every line carries.

    Yields:
        Each line, with the names of the properties that were cut for it, last-added first; an empty line stands for
        one value that does not fit at all.
    """
    bare = line_of(part, timestamp_ms, said)
    text, cut = with_fitting(properties, most_bytes - len(bare))
    if text is not None:
        yield line_of(part, timestamp_ms, said + text), cut
        return
    divided = list(part.halves())
    for half in divided:
        yield from lines_of(half, timestamp_ms, properties, most_bytes, said)
    if not divided:  # no room even for saying that something was cut, or for the value itself
        yield (bare, list(properties)) if len(bare) <= most_bytes else (b"", ())


def with_fitting(properties: Mapping[str, bytes], room: int) -> tuple[bytes | None, Sequence[str]]:
    """Join the properties that fit into so many bytes; where some don't, the last-added are cut, and it is said.

    >>> with_fitting({"a": b',"a":"x"', "b": b',"b":"yyyyyyyyyyyyyyyyyyyyyyyyyyyy"'}, 32)
    (b',"a":"x","properties_cut":1', ['b'])

    Args:
        properties: name -> encoded member.
        room: how many bytes there are; a negative number means that too many are taken already.

    Returns:
        The members, and the names of those that were cut; None where there is no room to say so.
    """
    joined = b"".join(properties.values())
    if len(joined) <= room:
        return joined, ()
    members = {name: each for name, each in properties.items() if name != names.PROPERTIES_CUT}
    kept = list(fitting(members, room - len(_said(len(members)))))
    cut = [name for name in members if name not in kept]
    text = b"".join([*(members[name] for name in kept), _said(len(cut))])
    return (text if len(text) <= room else None), cut


def _said(cut: int) -> bytes:
    return member(names.PROPERTIES_CUT, str(cut))


def fitting(properties: Mapping[str, bytes], room: int) -> Iterator[str]:
    """Name the properties, from the first one on, that fit into so many bytes."""
    for name, encoded in properties.items():
        room -= len(encoded)
        if room < 0:
            return
        yield name


def _parts(namespace: str, dimension_sets: Sequence[Mapping[str, str]], measures: Sequence[Measure]) -> Iterator[Part]:
    for sets in _compatible(dimension_sets):
        for group in _groups(measures):
            yield Part(namespace, sets, group)


def _compatible(dimension_sets: Iterable[Mapping[str, str]]) -> list[list[Mapping[str, str]]]:
    """Gather sets that agree on the value of every key they share; equal sets come once."""
    groups: list[tuple[dict[str, str], list[Mapping[str, str]]]] = []
    for each in dimension_sets:
        for targets, group in groups:
            if all(targets.get(key, value) == value for key, value in each.items()):
                targets.update(each)
                if each not in group:
                    group.append(each)
                break
        else:
            groups.append((dict(each), [each]))
    return [group for _, group in groups]


def _groups(measures: Iterable[Measure]) -> Iterator[list[Measure]]:
    """Put measures together that can stand in one document: the first piece of each name, then the second..."""
    rounds: list[list[Measure]] = []
    seen: dict[str, int] = {}
    for piece in _pieces(measures):
        turn = seen[piece.name] = seen.get(piece.name, -1) + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(piece)
    for group in rounds:
        for start in range(0, len(group), limits.METRICS_PER_DIRECTIVE):
            yield group[start : start + limits.METRICS_PER_DIRECTIVE]


def _pieces(measures: Iterable[Measure]) -> Iterator[Measure]:
    for each in measures:
        for start in range(0, len(each.values), limits.VALUES_PER_TARGET):
            values = each.values[start : start + limits.VALUES_PER_TARGET]
            yield Measure(each.name, each.unit, each.resolution, values)


def _without(dimension_sets: Iterable[Mapping[str, str]], taken: str) -> list[Mapping[str, str]]:
    """Leave one key out of the sets."""
    return [{key: value for key, value in each.items() if key != taken} for each in dimension_sets]


def _halves(items: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    middle = len(items) // 2
    return items[:middle], items[middle:]


# --- Events of one shape that are too large for one line: properties are cut, numbers never

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
