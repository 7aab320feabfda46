"""Text as it may stand in a line: JSON strings and members in ASCII, dimension keys and values as both roads take them.

Any string goes in; a string that is safe in its place comes out, with the names of what had to be changed.
"""

from __future__ import annotations

from flowemf_schemas import limits

try:  # json itself takes 8 ms to import; this is the one function of it that is needed
    from _json import encode_basestring_ascii as json_string
except ImportError:  # an interpreter without the accelerator
    from json.encoder import encode_basestring_ascii as json_string

__all__ = [
    "CHANGES",
    "PLACEHOLDER",
    "dimension_key",
    "dimension_value",
    "json_string",
    "member",
    "member_text",
    "plain_text",
]

PLACEHOLDER = "unknown"
"""What stands for an empty dimension value: CloudWatch drops every dimension of a line that has an empty one."""

# What `dimension_key` and `dimension_value` may have to change: reason -> what to tell the user.
CHANGES = {
    "dimension_not_text": "a dimension value is not text; it was written as 'unknown'",
    "dimension_empty": "a dimension value is empty; it was written as 'unknown'",
    "dimension_control_characters": "a dimension holds control characters or outer white space; they were removed",
    "dimension_percent_encoded": "a dimension holds characters that CloudWatch refuses; they were percent-encoded",
    "dimension_shortened": "a dimension is too long; its end was replaced by a hash",
}

_CONTROL = dict.fromkeys([*range(32), *range(127, 160), 0x2028, 0x2029])
_HEX = frozenset("0123456789abcdefABCDEF")
_HASH_CHARACTERS = 16


def member(name: str, encoded_value: str) -> bytes:
    """Encode one member of a line: a comma, the name and a value that is JSON already."""
    return member_text(name, encoded_value).encode("ascii")


def member_text(name: str, encoded_value: str) -> str:
    """Encode one member as text, as what fills in a line takes it."""
    return f",{json_string(name)}:{encoded_value}"


def plain_text(text: str) -> str:
    r"""Make any string encodable: a lone surrogate, which no strict JSON reader takes, becomes U+FFFD.

    >>> plain_text("caf\u00e9")
    'café'
    """
    if text.isascii():
        return str.__str__(text)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def dimension_value(value: object) -> tuple[str, tuple[str, ...]]:
    r"""Make a dimension value that both CloudWatch roads take.

    PutMetricData takes printable ASCII, 1 to 1024 characters, not only white space
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html). Other characters are
    percent-encoded as UTF-8, and so is a "%" that two hexadecimal digits follow: `urllib.parse.unquote` gives the
    text back.

    >>> dimension_value("caf\u00e9")
    ('caf%C3%A9', ('dimension_percent_encoded',))
    >>> dimension_value("50%")
    ('50%', ())
    >>> dimension_value("")
    ('unknown', ('dimension_empty',))

    Args:
        value: a string; integers of 64 bits and booleans are taken too.

    Returns:
        The text, and the reasons (keys of `CHANGES`) why it differs.
    """
    text = _as_text(value)
    if text is None:
        return PLACEHOLDER, ("dimension_not_text",)
    if len(text) <= 1024 and text.isascii() and text.isprintable() and "%" not in text and text.strip():
        return text, ()
    return _mended(text, limits.DIMENSION_VALUE_LENGTH)


def dimension_key(key: str) -> tuple[str, tuple[str, ...]]:
    """Make a dimension key that both CloudWatch roads take, by the rules of `dimension_value`.

    A key has 1 to 250 characters, begins with no white space and with no colon.

    >>> dimension_key("Tenant")
    ('Tenant', ())
    """
    if len(key) <= 250 and key.isascii() and key.isidentifier():
        return str.__str__(key), ()
    text = key.translate(_CONTROL).strip()
    changes = () if text == key else ("dimension_control_characters",)
    fixed, more = _mended(text, limits.DIMENSION_KEY_LENGTH - 2)
    if fixed.startswith(":"):
        fixed, more = f"%3A{fixed[1:]}", (*more, "dimension_percent_encoded")
    return fixed, (*changes, *more)


def _as_text(value: object) -> str | None:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() <= 64:
        return int.__repr__(value)
    return None


def _mended(original: str, most_characters: int) -> tuple[str, tuple[str, ...]]:
    changes = []
    text = original.translate(_CONTROL)
    if text != original:
        changes.append("dimension_control_characters")
    if not text.strip():
        return PLACEHOLDER, (*changes, "dimension_empty")
    characters = _encoded_characters(plain_text(text))
    encoded = "".join(characters)
    if encoded != text:
        changes.append("dimension_percent_encoded")
    if len(encoded) > most_characters:
        encoded = _shortened(characters, most_characters)
        changes.append("dimension_shortened")
    return encoded, tuple(changes)


def _encoded_characters(text: str) -> list[str]:
    """Percent-encode each character that needs it."""
    return [_encoded_character(text, index) for index in range(len(text))]


def _encoded_character(text: str, index: int) -> str:
    character = text[index]
    if character == "%":
        return "%25" if _starts_escape(text, index) else "%"
    return character if character.isascii() else "".join(f"%{byte:02X}" for byte in character.encode())


def _starts_escape(text: str, index: int) -> bool:
    digits = text[index + 1 : index + 3]
    return len(digits) == 2 and _HEX.issuperset(digits)


def _shortened(characters: list[str], most_characters: int) -> str:
    """Keep the beginning and put a hash of the whole at the end, so that two long values stay two."""
    import hashlib  # only a value beyond the limit needs these
    from bisect import bisect_right
    from itertools import accumulate

    digest = hashlib.sha256("".join(characters).encode()).hexdigest()[:_HASH_CHARACTERS]
    ends = list(accumulate(map(len, characters)))
    kept = characters[: bisect_right(ends, most_characters - _HASH_CHARACTERS - 1)]
    return f"{''.join(kept)}~{digest}"
