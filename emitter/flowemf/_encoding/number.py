"""Tells which values are numbers that CloudWatch takes.

Any value goes in; an exact int or float with the same value comes out, or the reason why there is none.
"""

from __future__ import annotations

from flowemf_schemas import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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


_INFINITY = float("inf")


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
