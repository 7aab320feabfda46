"""Where a value breaks one of this package's schemas, found at about a microsecond a member.

A schema whose every keyword has a reason code (`x-reasons`) and a JSON value go in; violations come out, one by one.
jsonschema was measured at up to fourteen seconds for one hostile line of 1 MB, so what reads other people's lines uses
this, and the tests hold that both find the same. It knows the keywords below and refuses any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Path = tuple[str | int, ...]
Check = Callable[[Any, Path], "Iterable[Violation]"]


class Violation(NamedTuple):
    """One keyword that a value breaks.

    Attributes:
        reason: the reason code that the schema gives for the keyword.
        keyword: the keyword.
        rule: the keyword's value in the schema.
        path: the members and indexes that lead from the root to the value.
        value: the value at fault.
    """

    reason: str
    keyword: str
    rule: Any
    path: Path
    value: Any


def compile_schema(schema: Mapping[str, Any]) -> Callable[[Any], Iterator[Violation]]:
    """Make a function that lists the violations of a schema.

    >>> find = compile_schema({"type": "object", "x-reasons": {"type": "not-an-object"}})
    >>> [violation.reason for violation in find([])]
    ['not-an-object']

    Args:
        schema: a schema that refers to nothing outside its own `$defs` and not to itself.

    Returns:
        A function from a JSON value to its violations, found while they are asked for.

    Raises:
        KeyError: the schema uses a keyword that is not known here, or a reference that leads nowhere.
    """
    check = _compile(schema, schema.get("$defs", {}))
    return lambda value: iter(check(value, ()))


def _compile(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Check:
    if "$ref" in schema:
        return _compile(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    reasons = schema.get("x-reasons", {})
    plain = [
        (keyword, _PLAIN[keyword](rule), rule, reasons[keyword])
        for keyword, rule in schema.items()
        if keyword not in _NESTING and keyword not in _SILENT
    ]
    nesting = [_NESTING[keyword](schema, definitions) for keyword in schema if keyword in _NESTING]

    def broken(value: Any, path: Path) -> Iterator[Violation]:
        for keyword, breaks, rule, reason in plain:
            if breaks(value):
                yield Violation(reason, keyword, rule, path, value)
        for inner in nesting:
            yield from inner(value, path)

    tests = [breaks for _, breaks, _, _ in plain]

    def leaf(value: Any, path: Path) -> Iterable[Violation]:
        for breaks in tests:
            if breaks(value):
                return broken(value, path)
        return ()  # most values are good, and a generator for each would double the time

    return broken if nesting else leaf


# --- Keywords that look at one value ----------------------------------------------------------------------------------

_SILENT = {"$schema", "$id", "$defs", "title", "description", "x-reasons", "then", "else"}


def _is_integer(value: Any) -> bool:
    """JSON Schema counts 1.0 as an integer, and true as none."""
    return type(value) is int or (type(value) is float and value.is_integer())


_IS_OF_TYPE: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: type(value) is dict,
    "array": lambda value: type(value) is list,
    "string": lambda value: type(value) is str,
    "integer": _is_integer,
}


def _type(rule: str) -> Callable[[Any], bool]:
    is_right = _IS_OF_TYPE[rule]
    return lambda value: not is_right(value)


def _enum(rule: list[str | int]) -> Callable[[Any], bool]:
    return lambda value: type(value) not in (str, int, float) or value not in rule  # true equals 1 to Python, not here


def _required(rule: list[str]) -> Callable[[Any], bool]:
    return lambda value: type(value) is dict and not all(member in value for member in rule)


def _pattern(rule: str) -> Callable[[Any], bool]:
    search = re.compile(rule).search
    return lambda value: type(value) is str and search(value) is None


def _at_least(kinds: tuple[type, ...]) -> Callable[[int], Callable[[Any], bool]]:
    return lambda rule: lambda value: type(value) in kinds and len(value) < rule


def _at_most(kinds: tuple[type, ...]) -> Callable[[int], Callable[[Any], bool]]:
    return lambda rule: lambda value: type(value) in kinds and len(value) > rule


_PLAIN: dict[str, Callable[[Any], Callable[[Any], bool]]] = {
    "type": _type,
    "enum": _enum,
    "required": _required,
    "pattern": _pattern,
    "minLength": _at_least((str,)),
    "maxLength": _at_most((str,)),
    "minItems": _at_least((list,)),
    "maxItems": _at_most((list,)),
    "minimum": lambda rule: lambda value: type(value) in (int, float) and value < rule,
    "maximum": lambda rule: lambda value: type(value) in (int, float) and value > rule,
}


# --- Keywords that lead further ---------------------------------------------------------------------------------------


def _properties(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Check:
    checks = [(member, _compile(inner, definitions)) for member, inner in schema["properties"].items()]

    def check(value: Any, path: Path) -> Iterator[Violation]:
        if type(value) is dict:
            for member, inner in checks:
                if member in value:
                    yield from inner(value[member], (*path, member))

    return check


def _items(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Check:
    inner = _compile(schema["items"], definitions)

    def check(value: Any, path: Path) -> Iterator[Violation]:
        if type(value) is list:
            for index, item in enumerate(value):
                yield from inner(item, (*path, index))

    return check


def _condition(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Check:
    """Read `if`, whose own keywords need no reasons: to break them is no defect."""
    breaks = [_PLAIN[keyword](rule) for keyword, rule in schema["if"].items()]
    then, otherwise = _compile(schema["then"], definitions), _compile(schema["else"], definitions)

    def check(value: Any, path: Path) -> Iterable[Violation]:
        return otherwise(value, path) if any(each(value) for each in breaks) else then(value, path)

    return check


_NESTING: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Check]] = {
    "properties": _properties,
    "items": _items,
    "if": _condition,
}
