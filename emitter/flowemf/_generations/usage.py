"""Reads out of a model's response what the call used, which model answered, and whether it failed.

A response goes in: an object or a dictionary of any provider that `_usage_shapes` knows. Numbers with our meaning come
out. Only members that are named there are read, so that no prompt, no output and no stream is ever touched.
"""

from __future__ import annotations

from _collections_abc import Mapping

from flowemf._generations.usage_shapes import CONTAINERS, ERROR_CODES, ERRORS, INVOCATION_METRICS, MODELS, SHAPES
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from flowemf._generations.usage_shapes import Part, Path, Shape

_MOST_CODE_CHARACTERS = 64
_METRICS_MEMBER = f'"{INVOCATION_METRICS}":'.encode("ascii")


class Usage:
    """What a response tells.

    Attributes:
        tokens: metric -> number, with our meaning: InputTokens includes what was read from and written to the cache,
            OutputTokens includes reasoning. Empty where the response tells no numbers.
        model: the model that answered, if the response names it.
        error: a code or a class name, if the response carries an error in the place of an answer.
    """

    __slots__ = ("error", "model", "tokens")

    def __init__(self, tokens: dict[str, int], model: str | None, error: str | None) -> None:
        self.tokens = tokens
        self.model = model
        self.error = error


def read(response: object) -> Usage:
    """Read a response; one of an unknown kind tells nothing.

    >>> read({"usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 40, "cacheReadInputTokens": 22}}).tokens
    {'InputTokens': 33, 'OutputTokens': 7, 'CacheReadTokens': 22, 'TokensUsed': 40}

    Args:
        response: what a client returned, one event of a stream, or the usage alone.
    """
    model = next((found for found in (_at(response, path) for path in MODELS) if _is_text(found)), None)
    errors = (_code(_at(response, path)) for path in ERRORS)
    return Usage(_tokens(response), model, next((code for code in errors if code), None))


def _tokens(response: object) -> dict[str, int]:
    for path in CONTAINERS:
        container = _at(response, path)
        tokens = {} if container is None else _in_any_shape(container)
        if tokens:
            return tokens
    chunk = _at(response, ("chunk", "bytes"))
    return _in_any_shape(invocation_metrics(chunk)) if isinstance(chunk, bytes) else {}


def _in_any_shape(container: object) -> dict[str, int]:
    for shape in SHAPES:
        taken = _number(_member(container, shape.input))
        given = _first_number(container, shape.output)
        if taken is not None or given is not None:
            return _in_shape(container, shape, taken, _titan(container) if given is None else given)
    return {}


def _in_shape(container: object, shape: Shape, taken: int | None, given: int | None) -> dict[str, int]:
    """Bring the numbers of one shape to our meaning."""
    total = _number(_member(container, shape.total)) if shape.total else None
    read_part, cache_read = _part(container, shape.cache_read)
    write_part, cache_write = _part(container, shape.cache_write)
    reasoning_part, reasoning = _part(container, shape.reasoning)
    if taken is not None and shape.also_input:
        taken += _number(_member(container, shape.also_input)) or 0
    cached = [(read_part, cache_read or 0), (write_part, cache_write or 0)]
    taken, given = _whole(taken, given, cached, (reasoning_part, reasoning or 0), total)
    found = {
        names.INPUT_TOKENS: taken,
        names.OUTPUT_TOKENS: given,
        names.CACHE_READ_TOKENS: cache_read,
        names.CACHE_WRITE_TOKENS: cache_write,
        names.REASONING_TOKENS: reasoning,
        names.TOKENS_USED: total,
    }
    return {metric: number for metric, number in found.items() if number is not None}


def _whole(
    taken: int | None,
    given: int | None,
    cached: Iterable[tuple[Part | None, int]],
    thought: tuple[Part | None, int],
    total: int | None,
) -> tuple[int | None, int | None]:
    """Add to the input and the output what the provider leaves outside.

    What the documentation calls inside is outside with some: xAI's reasoning, the cache of Genkit's Bedrock plugin. The
    reported total tells; and a part is never larger than the whole.
    """
    outside = sum(number for part, number in cached if part is not None and part.outside)
    inside = sum(number for part, number in cached if part is not None and not part.outside)
    reasoning_part, reasoning = thought
    reasoned = reasoning if reasoning_part is not None and reasoning_part.outside else 0
    fitting = [
        (more_input, more_output)
        for more_output in (reasoned, reasoning - reasoned)
        for more_input in (outside, outside + inside)
        if (taken is None or inside <= taken + more_input - outside)
        and (given is None or reasoning <= given + more_output)
    ]
    if taken is not None and given is not None and total is not None:
        fitting.sort(key=lambda more: taken + more[0] + given + more[1] != total)  # stable: those that agree come first
    more_input, more_output = fitting[0] if fitting else (outside, reasoned)
    return None if taken is None else taken + more_input, None if given is None else given + more_output


def _part(container: object, alternatives: Iterable[Part]) -> tuple[Part | None, int | None]:
    for part in alternatives:
        number = _number(_at(container, part.path))
        if number is not None:
            return part, number
    return None, None


def _first_number(container: object, alternatives: Iterable[str]) -> int | None:
    numbers = (_number(_member(container, name)) for name in alternatives)
    return next((number for number in numbers if number is not None), None)


def _titan(container: object) -> int | None:
    """Add up `results[].tokenCount`, which only Titan has."""
    results = _member(container, "results")
    counts = [_number(_member(each, "tokenCount")) for each in results] if isinstance(results, list) else []
    known = [number for number in counts if number is not None]
    return sum(known) if known else None


def invocation_metrics(chunk: bytes) -> object:
    """Decode the metrics at the end of a stream of InvokeModel, and nothing else of the chunk.

    In a text of the model's the quotation marks would be escaped, so that it cannot be mistaken for the member.
    """
    start = chunk.rfind(_METRICS_MEMBER)
    if start < 0:
        return None
    from json import JSONDecoder

    try:
        return JSONDecoder().raw_decode(chunk[start + len(_METRICS_MEMBER) :].decode("utf-8").lstrip())[0]
    except ValueError:
        return None


def _code(error: object) -> str | None:
    """Name what went wrong; the message stays unread, since it may hold what the model has said."""
    if isinstance(error, BaseException):
        return type(error).__name__
    found = next(filter(_is_text, (_member(error, name) for name in ERROR_CODES)), None)
    if found is not None:
        return found if len(found) <= _MOST_CODE_CHARACTERS and found.isprintable() and " " not in found else "error"
    return "error" if error and isinstance(error, (str, dict)) else None


# --- Members of strangers


def _at(thing: object, path: Path) -> Any:
    for name in path:
        if thing is None:
            return None
        thing = _member(thing, name)
    return thing


def _member(thing: object, name: str) -> Any:
    """Read one member of a dictionary or an object, which may do anything then."""
    try:
        return thing.get(name) if isinstance(thing, (dict, Mapping)) else getattr(thing, name, None)
    except Exception:
        return None


def _number(value: object) -> int | None:
    """Take a whole number of tokens: Genkit gives floats, headers are text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value) if value >= 0 and value % 1 == 0 else None
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20 else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
