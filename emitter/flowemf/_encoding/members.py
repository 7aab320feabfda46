"""Encodes properties: what stands beside the metrics in a line and is never a dimension.

A name and any value go in; a JSON member comes out, or the reason why there is none. Strings are redacted.
"""

from __future__ import annotations

from flowemf._encoding.template import member
from flowemf._encoding.text import json_string
from flowemf._redaction.redactor import clean_text
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Clean = Callable[[str, int], str]

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


def encode(name: object, value: object, clean: Clean = clean_text) -> tuple[str, bytes] | None:
    """Encode one property.

    >>> encode("user", "ada")
    ('user', b',"user":"ada"')
    >>> encode("ratio", float("nan")) is None
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
        return _number(value, clean)
    if isinstance(value, (dict, list, tuple)):
        return _container(value, levels - 1, clean)
    return json_string(clean(str(value), TEXT_CHARACTERS))


def _number(value: float, clean: Clean) -> str:
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
