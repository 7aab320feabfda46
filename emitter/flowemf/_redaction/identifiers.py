"""Takes identifiers out of dimension values: each new one would be a new metric to pay for.

A text goes in; the same text comes out with every identifier replaced by `_identifier`, so that what it belongs to can
still be told: `order-3fa85f64-5717-4562-b3fc-2c963f66afa6` becomes `order-_identifier`.

CloudWatch bills each combination of a metric's name and dimension values as a metric of its own
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

MARK = "_identifier"

# What must pass: model identifiers with dates (8 digits), the account (12 digits) and the resource (12 characters) of
# an ARN, short git hashes (7 to 12), seconds since the epoch (10).
_PATTERN = (
    r"[0-9a-fA-F]{8}[-_](?:[0-9a-fA-F]{4}[-_]){3}[0-9a-fA-F]{12}"  # UUID
    # span, trace, object, commit; but not the hash that ends a value which was too long
    r"|(?<![0-9a-fA-F])(?!(?<=~)[0-9a-fA-F]{16}\Z)(?:0[xX])?(?=[a-fA-F]*[0-9])[0-9a-fA-F]{16,}"
    r"|[0-9]{13,}"  # milliseconds since the epoch, order numbers
    # ULID and TypeID: 26 characters in Crockford's base 32
    r"|(?<![0-9A-Za-z])[0-7](?:[0-9A-HJKMNP-TV-Z]{25}|[0-9a-hjkmnp-tv-z]{25})(?![0-9A-Za-z])"
)
# A glance that is cheaper than a search, and keeps `re` from being imported for ordinary values: what no identifier
# can do without is a run of hexadecimal digits and dashes, or one of letters and digits.
_HEX = bytes(120 if code in b"0123456789abcdefABCDEF-_" else 32 for code in range(256))
_WORD = bytes(120 if code < 128 and chr(code).isalnum() else 32 for code in range(256))
_RUN_OF_HEX = b"x" * 13
_RUN_OF_WORD = b"x" * 26


class _Compiled:
    """The pattern; made on first use, since `re` costs milliseconds to import."""

    pattern: re.Pattern[str] | None = None


def without_identifiers(text: str) -> str:
    """Replace every UUID, hexadecimal number of 16 digits or more, decimal number of 13 digits or more, and ULID.

    >>> without_identifiers("chat-3fa85f64-5717-4562-b3fc-2c963f66afa6")
    'chat-_identifier'
    >>> without_identifiers("anthropic.claude-3-5-sonnet-20241022-v2:0")
    'anthropic.claude-3-5-sonnet-20241022-v2:0'
    """
    characters = text.encode("ascii", "replace")
    if _RUN_OF_HEX not in characters.translate(_HEX) and _RUN_OF_WORD not in characters.translate(_WORD):
        return text
    if _Compiled.pattern is None:
        import re

        _Compiled.pattern = re.compile(_PATTERN)
    return _Compiled.pattern.sub(MARK, text)
