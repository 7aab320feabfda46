"""Values as they stand in a line: numbers that CloudWatch takes, and properties, which are never dimensions.

Any value goes in; an exact number with the same value comes out, or a JSON member whose texts are redacted; or the
reason why there is none.
"""

from __future__ import annotations

from flowemf._encoding.text import json_string, member
from flowemf._redaction.redactor import clean_text
from flowemf_schemas import limits, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Clean = Callable[[str, int], str]

MOST = limits.VALUE_MAGNITUDE
# Below the smallest magnitude that CloudWatch documented for years (8.515920e-109), PutMetricData refused values.
LEAST = 2.0**-360

# Reason -> what to tell the user.
REFUSALS = {
    "value_not_a_number": "a value is not a number; the metric was left out",
    "value_not_finite": "a value is NaN or infinite; the metric was left out",
    "value_out_of_range": "a value is outside -2^360 to 2^360, or too near to zero; the metric was left out",
    "value_negative": "a duration or a number of tokens is negative; the metric was left out",
}

TEXT_CHARACTERS = 8192
_NAME_CHARACTERS = 255
_MOST_ITEMS = 100
_MOST_LEVELS = 6
_INFINITY = float("inf")

RESERVED = frozenset(
    (
        names.AWS,
        *names.FLOW_METRICS,
        *names.GENERATION_METRICS,
        *names.DELIVERY_METRICS,
        *names.BUILT_IN_DIMENSIONS,
        *names.PROPERTIES,
    )
)
"""What no property, custom dimension or custom metric may be called: readers know what these mean."""


def number(value: object) -> tuple[int | float | None, str]:
    """Give the plain number that a value stands for.

    Integers and floats, their subclasses, and anything that converts to one of them (numpy's scalars,
    `Decimal("0.1")`, `Fraction(1, 3)`): to the nearest float, which is what CloudWatch keeps. A boolean is no number.

    >>> number(12)
    (12, '')
    >>> number(float("nan"))
    (None, 'value_not_finite')
    >>> number("12")
    (None, 'value_not_a_number')

    Returns:
        The number and "", or None and a key of `REFUSALS`.
    """
    kind = type(value)
    if kind is int or kind is float:
        plain: int | float = value  # type: ignore[assignment]
    else:
        converted = _converted(value)
        if not isinstance(converted, (int, float)):
            return None, converted
        plain = converted
    if LEAST <= plain <= MOST or plain == 0 or -MOST <= plain <= -LEAST:
        return plain, ""
    return None, "value_out_of_range" if -_INFINITY < plain < _INFINITY else "value_not_finite"


def amount(value: object) -> tuple[int | float | None, str]:
    """Give the plain number of a value that cannot be negative: a duration, a number of tokens.

    >>> amount(-1)
    (None, 'value_negative')
    """
    plain, reason = number(value)
    if plain is not None and plain < 0:
        return None, "value_negative"
    return plain, reason


def _converted(value: Any) -> int | float | str:
    """Convert an instance of another class; a string names the reason why that cannot be done."""
    if isinstance(value, (bool, str, bytes, bytearray)) or type(value).__name__ == "bool_" or hasattr(value, "__len__"):
        return "value_not_a_number"
    try:
        if isinstance(value, int):
            return int.__index__(value)
        if isinstance(value, float):
            return float.__float__(value)
        if hasattr(value, "__index__"):
            return int(value.__index__())
        return float(value)
    except Exception as problem:
        return "value_out_of_range" if isinstance(problem, OverflowError) else "value_not_a_number"


# --- Properties


def encoded_property(name: object, value: object, clean: Clean = clean_text) -> tuple[str, bytes] | None:
    """Encode one property.

    >>> encoded_property("user", "ada")
    ('user', b',"user":"ada"')
    >>> encoded_property("ratio", float("nan")) is None
    True

    Args:
        name: the name; only a string of 1 to 255 characters can be one.
        value: None, booleans, numbers and strings as they are, lists and dictionaries to six levels with at most
            100 items each, anything else as its text.
        clean: makes a text fit to leave, within a number of characters; it takes out what the monitor's setting
            `redact` says.

    Returns:
        The name as it is written, and the member with a comma before it; None where it cannot be written.
    """
    if not isinstance(name, str) or not 0 < len(name) <= _NAME_CHARACTERS:
        return None
    try:
        written_name = clean(str.__str__(name), _NAME_CHARACTERS)
        text = _json(value, _MOST_LEVELS, clean)
    except Exception:
        return None
    return (written_name, member(written_name, text)) if text else None


def _json(value: object, levels: int, clean: Clean) -> str:
    """Encode a value; an empty text means that it has no JSON."""
    if isinstance(value, str):
        return json_string(clean(str.__str__(value), TEXT_CHARACTERS))
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return _number_text(value, clean)
    if isinstance(value, (dict, list, tuple)):
        return _container(value, levels - 1, clean)
    return json_string(clean(str(value), TEXT_CHARACTERS))


def _number_text(value: float, clean: Clean) -> str:
    if isinstance(value, int):
        digits = int.__repr__(value) if value.bit_length() <= 64 else ""
        # A number of 13 digits or more can be that of a card.
        return digits if len(digits) < 13 or clean(digits, TEXT_CHARACTERS) == digits else '"[redacted:card]"'
    return float.__repr__(value) if -_INFINITY < value < _INFINITY else ""


def _container(value: dict[object, object] | list[object] | tuple[object, ...], levels: int, clean: Clean) -> str:
    if levels == 0 or len(value) > _MOST_ITEMS:
        return ""
    if isinstance(value, dict):
        members = {clean(str(key), _NAME_CHARACTERS): _json(item, levels, clean) for key, item in value.items()}
        return (
            f"{{{','.join(f'{json_string(key)}:{item}' for key, item in members.items())}}}"
            if all(members.values())
            else ""
        )
    items = [_json(item, levels, clean) for item in value]
    return f"[{','.join(items)}]" if all(items) else ""
