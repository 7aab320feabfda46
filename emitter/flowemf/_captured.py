"""What a test has captured, and the questions it asks about it.

Lines go in; numbers, dimensions and documents come out, and an error for each line that the schemas do not allow.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from math import fsum
from typing import TYPE_CHECKING, Any, NamedTuple

from flowemf._output import endings as _endings
from flowemf_schemas import names, rules, validator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jsonschema.protocols import Validator

    Document = dict[str, Any]

_WRITTEN = "emf-written"
_EVENT_SCHEMAS = {
    names.EVENT_FLOW_START: "flow-event",
    names.EVENT_FLOW_END: "flow-event",
    names.EVENT_GENERATION: "generation-event",
}
_MOST_LISTED = 30
_MOST_CHARACTERS = 400


class InvalidLineError(AssertionError):
    """A captured line is not what the schemas of flowemf demand; the message lists each with its defects."""


class Number(int):
    """A number of values, which can explain itself when it is not the expected one."""

    explain: Callable[[], str]


class Sum(float):
    """A sum of values, which can explain itself when it is not the expected one."""

    explain: Callable[[], str]


class _Metric(NamedTuple):
    """The values of one metric in one line; a weight says for how many values one stands."""

    name: str
    weighted: list[tuple[float, float]]
    dimensions: dict[str, str]

    @property
    def times(self) -> float:
        """How many values there are."""
        return fsum(weight for _, weight in self.weighted)


class Captured:
    """The metric lines that were written while a block of `capture_metrics` was open.

    A metric counts once for each line that holds it, whatever the number of dimension sets it is published under.
    Dimensions are those of the largest set; a metric matches where it has all that are asked for.
    """

    def __init__(self) -> None:
        self._raw: list[bytes] = []
        self._judged = 0

    # --- Questions

    @property
    def lines(self) -> list[Document]:
        """Every line as the document it holds, in the order in which they were written."""
        self.settle()
        return [json.loads(line) for line in self._raw]

    def events(self, name: str) -> list[Document]:
        """List the lines of one event.

        Args:
            name: the property `event`: "flow.start", "flow.end", "generation" or "metric".
        """
        return [line for line in self.lines if line.get(names.EVENT) == name]

    def count(self, metric: str, dimensions: Mapping[str, str] | None = None, /, **more: str) -> int:
        """Count the values of a metric.

        Args:
            metric: its name.
            dimensions: key -> value, for keys that are no Python names.
            **more: key -> value.

        Returns:
            The number of values; a sampled one counts as often as it stands for.
        """
        asked = {**(dimensions or {}), **more}
        number = Number(round(fsum(each.times for each in self._matching(metric, asked))))
        number.explain = lambda: self._explained(metric, asked)
        return number

    def sum(self, metric: str, dimensions: Mapping[str, str] | None = None, /, **more: str) -> float:
        """Add up the values of a metric; see `count` for the arguments."""
        asked = {**(dimensions or {}), **more}
        weighted = [pair for each in self._matching(metric, asked) for pair in each.weighted]
        total = Sum(fsum(value * weight for value, weight in weighted))
        total.explain = lambda: self._explained(metric, asked)
        return total

    def values(self, metric: str, dimensions: Mapping[str, str] | None = None, /, **more: str) -> list[float]:
        """List the values of a metric in the order in which they were written; see `count` for the arguments."""
        asked = {**(dimensions or {}), **more}
        weighted = [pair for each in self._matching(metric, asked) for pair in each.weighted]
        return [value for value, weight in weighted for _ in range(round(weight))]

    def dimensions(self, metric: str) -> list[dict[str, str]]:
        """List the dimensions that a metric has in each line that holds it."""
        return [each.dimensions for each in self._metrics() if each.name == metric]

    def clear(self) -> None:
        """Forget what was captured so far, once it is judged."""
        self.settle()
        self.check()
        self._raw.clear()
        self._judged = 0

    def __str__(self) -> str:
        """List what was captured: each metric with its dimensions, how often, and its sum."""
        counted: dict[tuple[str, str], list[_Metric]] = {}
        for each in self._metrics():
            counted.setdefault((each.name, _shown(each.dimensions)), []).append(each)
        lines = [_series(name, dimensions, found) for (name, dimensions), found in counted.items()]
        more = [f"... and {len(lines) - _MOST_LISTED} more"] if len(lines) > _MOST_LISTED else []
        return "\n".join([f"{len(self._raw)} lines were captured", *lines[:_MOST_LISTED], *more])

    def __repr__(self) -> str:
        """Say how much was captured, and the names of its metrics."""
        found = ", ".join(dict.fromkeys(each.name for each in self._metrics()))
        return f"<Captured {len(self._raw)} lines: {found or 'no metric'}>"

    # --- For capture_metrics and the fixture

    def take(self, line: bytes) -> None:
        """Keep one line; called from any thread."""
        self._raw.append(line)

    def settle(self) -> None:
        """Wait for what is still being merged or handed on."""
        _endings.flush()

    def check(self) -> None:
        """Hold the lines against the schemas that were not held against them before.

        Raises:
            InvalidLineError: one of them is not valid.
        """
        __tracebackhide__ = True
        new, start = self._raw[self._judged :], self._judged
        self._judged = len(self._raw)
        faults = [(start + index, line, _faults(line)) for index, line in enumerate(new, start=1)]
        invalid = [_said(number, line, found) for number, line, found in faults if found]
        if invalid:
            raise InvalidLineError("\n".join([f"{len(invalid)} of {len(new)} captured lines are not valid", *invalid]))

    # --- How

    def _metrics(self) -> Iterator[_Metric]:
        for line in self.lines:
            yield from _metrics_of(line)

    def _matching(self, metric: str, asked: Mapping[str, str]) -> list[_Metric]:
        return [each for each in self._metrics() if each.name == metric and asked.items() <= each.dimensions.items()]

    def _explained(self, metric: str, asked: Mapping[str, str]) -> str:
        found = [each for each in self._metrics() if each.name == metric]
        if not found:
            return f"no {metric} was captured{_meant(metric, (each.name for each in self._metrics()))}\n{self}"
        misses = [miss for key, value in asked.items() if (miss := _missed(key, value, found))]
        return "\n".join([*misses, str(self)])


def _metrics_of(line: Document) -> Iterator[_Metric]:
    for directive in line.get(names.AWS, {}).get(names.CLOUDWATCH_METRICS, ()):
        largest = max(directive.get(names.DIMENSIONS) or [[]], key=len)
        dimensions = {key: str(line.get(key)) for key in largest}
        for definition in directive.get(names.METRICS, ()):
            name = definition.get(names.NAME)
            if name in line:
                yield _Metric(name, _weighted(line[name]), dimensions)


def _weighted(target: Any) -> list[tuple[float, float]]:
    if isinstance(target, dict):
        return list(zip(target.get(names.VALUES, ()), target.get(names.COUNTS, ()), strict=False))
    return [(value, 1) for value in (target if isinstance(target, list) else [target])]


# --- Explanations


def _series(name: str, dimensions: str, found: list[_Metric]) -> str:
    count = fsum(each.times for each in found)
    total = fsum(value * weight for each in found for value, weight in each.weighted)
    return f"  {name} {dimensions}: {count:g} value{'' if count == 1 else 's'}, sum {total:g}"


def _shown(dimensions: Mapping[str, str]) -> str:
    return " ".join(f"{key}={value!r}" for key, value in dimensions.items()) or "without dimensions"


def _missed(key: str, value: str, found: list[_Metric]) -> str:
    """Say why no captured metric of that name has that dimension; nothing where one has."""
    values = [each.dimensions[key] for each in found if key in each.dimensions]
    if value in values:
        return ""
    if values:
        return f"no {found[0].name} has {key}={value!r}{_meant(str(value), values)}"
    keys = (each_key for each in found for each_key in each.dimensions)
    return f"{found[0].name} has no dimension {key}{_meant(key, keys)}"


def _meant(text: str, candidates: Iterable[str]) -> str:
    near = get_close_matches(text, dict.fromkeys(candidates), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


# --- Judgement


def _faults(line: bytes) -> list[str]:
    """List what is wrong with a line."""
    try:
        text = line.decode("ascii")
        document = json.loads(text, object_pairs_hook=_without_repetition, parse_constant=_refused)
    except ValueError as problem:
        return [str(problem)]
    if not text.endswith("\n") or "\n" in text[:-1]:
        return ["it is not one line"]
    found = [f"{each.message}; {each.hint}" for each in rules.examine(document, size_bytes=len(line))]
    known = document.get(names.SCHEMA_VERSION) == names.LINE_SCHEMA_VERSION  # a log event may call itself anything
    schema = _EVENT_SCHEMAS.get(document.get(names.EVENT), _WRITTEN) if known else _WRITTEN
    # An event's schema contains that of every line.
    violations = _validator(schema).iter_errors(document)
    return found or [f"{each.json_path}: {each.message:.{_MOST_CHARACTERS}} (schema {schema})" for each in violations]


def _validator(schema: str) -> Validator:
    try:
        return validator(schema)
    except ImportError as missing:
        raise ImportError("flowemf.testing needs jsonschema: pip install 'flowemf[testing]'") from missing


def _without_repetition(members: list[tuple[str, Any]]) -> Document:
    document = dict(members)
    if len(document) < len(members):
        raise ValueError(f"a member stands twice in one object: {[name for name, _ in members]}")
    return document


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _said(number: int, line: bytes, faults: list[str]) -> str:
    shown = line[:_MOST_CHARACTERS].decode("ascii", "backslashreplace").rstrip()
    return "\n    ".join([f"line {number}: {shown}", *faults])
