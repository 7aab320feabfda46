"""Shows a value to people.

Any JSON value goes in; its beginning comes out, as JSON on one line of printable ASCII.
"""

from __future__ import annotations

import json
from typing import Any

_CHARACTERS = 80
_BITS = 4096  # Python refuses to print integers of more than 4,300 digits
_ENCODER = json.JSONEncoder(default=str)


def shown(value: Any) -> str:
    r"""Show a value as JSON on one line of printable characters, cut where it is long.

    >>> shown("a\nb")
    '"a\\nb"'
    >>> shown(["x"] * 1000)[-27:]
    '… (an array of 1,000 items)'

    Args:
        value: any JSON value, however large: no more of it is encoded than is shown.

    Returns:
        At most 80 characters of it, and what was cut.
    """
    if isinstance(value, str):
        text = json.dumps(value[:_CHARACTERS])
        return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}… ({len(value):,} characters)"
    if isinstance(value, int) and value.bit_length() > _BITS:
        return f"an integer of {value.bit_length():,} bits"
    text = _beginning(value)
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…{_size(value)}"


def kind_of(value: dict[str, Any] | list[Any]) -> str:
    """Name what cannot be shown whole.

    >>> kind_of([1])
    'an array of 1 item'
    """
    kind, item = ("an object", "member") if isinstance(value, dict) else ("an array", "item")
    return f"{kind} of {len(value):,} {item}{'' if len(value) == 1 else 's'}"


def _beginning(value: Any) -> str:
    """Encode until more than enough is there."""
    text = ""
    try:
        for piece in _ENCODER.iterencode(value):
            text += piece
            if len(text) > _CHARACTERS:
                break
    except ValueError:  # an integer of too many digits inside
        text = text.ljust(_CHARACTERS + 1)
    return text


def _size(value: Any) -> str:
    return f" ({kind_of(value)})" if isinstance(value, (dict, list)) else ""
