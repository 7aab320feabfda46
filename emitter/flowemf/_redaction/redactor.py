"""Makes texts fit to leave: without secrets, personal data and identifiers, on one line, of bounded length.

Any text and the setting `redact` go in; a text for a property or a dimension comes out, and what was done is counted.
"""

from __future__ import annotations

from flowemf._encoding.text import dimension_value, plain_text
from flowemf._errors import ConfigurationError
from flowemf._redaction.secret_shapes import redact, secret_in, without_secrets
from flowemf_schemas import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable
    from typing import Any

    from flowemf._tally import Tally

    # What the setting `redact` is kept as.
    Redaction = bool | tuple[re.Pattern[str], ...] | Callable[[str], object]

__all__ = [
    "MESSAGE_CHARACTERS",
    "OURS",
    "REDACTED_DIMENSION",
    "Redactor",
    "checked_redact",
    "clean_text",
    "redact",
    "secret_in",
    "without_identifiers",
]

MESSAGE_CHARACTERS = limits.ERROR_MESSAGE_LENGTH
_DIMENSION_CHARACTERS = 8192  # eight times what is written: the rest goes into the hash at the end
_CUT = "..."
_MARK = "[redacted]"
_OWN_MARK = "[redacted:custom]"
# A longer text is cut before it is searched, so that a huge one costs no more than a long one. So much beyond the
# bound is searched as well, and so much may go with the word at the cut: half a secret would match no pattern.
_MARGIN = 256
_LONGEST_WORD = 128
# Names of properties, tenants, routes: short texts come again and again, and nearly all of them leave as they came.
# Looking them up takes 0.1 us, cleaning them again 0.3. The set is emptied when it is full.
_SHORT_CHARACTERS = 64
_MOST_KNOWN = 1024

_REDACTED = (
    "text_redacted",
    "a property or a message held a secret or personal data; a mark was written instead",
)
REDACTED_DIMENSION = (
    "dimension_redacted",
    "a dimension held a secret or personal data; a mark was written instead",
)
_FAILED = (
    "redact_failed",
    "the function given as redact raised an exception or returned no text; the whole text was replaced by a mark",
)
_REMEDY = "pass True, False, a list of regular expressions, or a function from a text to a text"

# What would begin a new line, colour a terminal or turn the direction of writing, for whoever reads the decoded text.
_CONTROL_CODES = (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROL = dict.fromkeys(_CONTROL_CODES, " ")
# Line breaks stay until the private keys, which hold some, have been found.
_CONTROL_BUT_LINES = {code: space for code, space in _CONTROL.items() if code not in (10, 13)}
# What a dimension loses; what else is not ASCII is percent-encoded there.
_NO_CONTROL = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029))


def checked_redact(value: Any, source: str) -> Redaction:
    """Check the setting `redact`.

    Raises:
        ConfigurationError: it is nothing that can find secrets, or a regular expression of it is wrong.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(_checked_pattern(each, source) for each in value) or True
    if isinstance(value, type) or not callable(value):
        raise ConfigurationError(source, "is no redaction", value, _REMEDY)
    return value  # type: ignore[no-any-return]


def _checked_pattern(value: object, source: str) -> re.Pattern[str]:
    import re

    if not isinstance(value, (str, re.Pattern)) or (isinstance(value, re.Pattern) and isinstance(value.pattern, bytes)):
        raise ConfigurationError(source, "holds what is no regular expression for text", value, _REMEDY)
    try:
        pattern = re.compile(value)
    except (re.error, OverflowError, RecursionError) as problem:
        remedy = f"correct it ({problem}), or escape plain text with re.escape"
        raise ConfigurationError(source, "holds a regular expression that is wrong", value, remedy) from None
    if pattern.search(""):
        remedy = "make it match one character at least"
        raise ConfigurationError(source, "holds a regular expression that matches nothing at all", value, remedy)
    return pattern


class Redactor:
    """Cleans the texts of one monitor.

    Args:
        setting: the setting `redact`, as `checked_redact` gave it.
        tally: where what was done is counted; None counts nothing.
    """

    __slots__ = ("_built_in", "_function", "_known", "_patterns", "_tally")

    def __init__(self, setting: Redaction, tally: Tally | None = None) -> None:
        self._built_in = setting is not False
        self._patterns = setting if isinstance(setting, tuple) else ()
        self._function = None if isinstance(setting, (bool, tuple)) else setting
        self._tally = tally
        self._known: set[str] = set()

    def clean(self, text: str, most_characters: int) -> str:
        r"""Make a text safe for a property: one line, no control characters, no secrets, of bounded length.

        >>> OURS.clean("two\nlines", 100)
        'two lines'

        Args:
            text: any string.
            most_characters: the length from which it is cut; the cut is marked with "...".
        """
        if type(text) is str and text in self._known and len(text) <= most_characters:
            return text
        given = text
        if len(text) > most_characters + _MARGIN:
            text = _shortened(text, most_characters + _MARGIN) + _CUT
        text = plain_text(text)
        if not text.isprintable():
            text = text.translate(_CONTROL_BUT_LINES)
        found = self._own(redact(text) if self._built_in else text)
        if found != text:
            self._count(_REDACTED)
        if not found.isprintable():
            found = found.translate(_CONTROL)
        if len(found) > most_characters:
            return found[: most_characters - len(_CUT)] + _CUT
        if found == given:
            self._remember(found)
        return found

    def dimension(self, value: str) -> tuple[str, tuple[str, ...]]:
        """Make a dimension value: no secrets, no identifiers, and what both CloudWatch roads take.

        Secrets are replaced whatever the setting is: metrics cannot be deleted, and expire after 15 months
        (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Metric).

        >>> OURS.dimension("order-3fa85f64-5717-4562-b3fc-2c963f66afa6")
        ('order-_identifier', ('dimension_identifier',))

        Returns:
            The text, and the reasons why it differs.
        """
        changes: tuple[str, ...] = ()
        # Control characters go first: without them the halves of a secret would come together.
        text = value if value.isprintable() else value.translate(_NO_CONTROL)
        if text != value:
            changes = ("dimension_control_characters",)
        if len(text) > _DIMENSION_CHARACTERS:
            text = _shortened(text, _DIMENSION_CHARACTERS)
            changes = (*changes, "dimension_shortened")
        found = self._own(redact(text))
        if found != text:
            changes = (*changes, REDACTED_DIMENSION[0])
        known = without_identifiers(found)
        if known != found:
            changes = (*changes, "dimension_identifier")
        written, more = dimension_value(known)
        return written, (*changes, *(change for change in more if change not in changes))

    def chosen(self, value: object) -> tuple[str, tuple[str, ...]]:
        """Make a dimension value that whoever runs the program has chosen: people and identifiers may be in it.

        >>> OURS.chosen("team-ai@company.com")
        ('team-ai@company.com', ())

        Returns:
            The text, and the reasons why it differs.
        """
        found = without_secrets(value) if isinstance(value, str) else value
        text, changes = dimension_value(found)
        return text, changes if found == value else (REDACTED_DIMENSION[0], *changes)

    def _remember(self, text: str) -> None:
        """Remember a text that leaves as it came; a function of the user's is asked each time."""
        if len(text) <= _SHORT_CHARACTERS and self._function is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known.add(text)

    def _own(self, text: str) -> str:
        """Do what the user's patterns or function ask for beyond ours."""
        for pattern in self._patterns:
            text = pattern.sub(_own_mark, text)
        return text if self._function is None else self._asked(text)

    def _asked(self, text: str) -> str:
        try:
            answer = self._function(text)  # type: ignore[misc] # asked only where there is one
            if isinstance(answer, str):
                return plain_text(str.__str__(answer))
        except Exception:
            self._count(_FAILED)
            return _MARK
        self._count(_FAILED)
        return _MARK

    def _count(self, reason: tuple[str, str]) -> None:
        if self._tally is not None:
            self._tally.count(*reason)


OURS = Redactor(True)
clean_text = OURS.clean


def _own_mark(match: re.Match[str]) -> str:
    return _OWN_MARK if match.group() else ""


def _shortened(text: str, most_characters: int) -> str:
    """Cut a text, and the word at the cut unless it is very long: then what is left of it is enough to know it by."""
    least, end = most_characters - _LONGEST_WORD, most_characters
    while end > least:
        end = max(text.rfind(" ", least, end), text.rfind("\n", least, end), least)
        if not (text[end - 1].isdigit() and text[end + 1].isdigit()):  # the number of a card is one word
            break
    return text[:end]


# --- Identifiers in dimension values. CloudWatch bills each combination of a metric's name and dimension values as a
# metric of its own, so each new identifier would be one to pay for. Only the identifier goes, so that what it belongs
# to can still be told: `order-_identifier`.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension

IDENTIFIER_MARK = "_identifier"

# What must pass: model identifiers with dates (8 digits), the account (12 digits) and the resource (12 characters) of
# an ARN, short git hashes (7 to 12), seconds since the epoch (10).
_IDENTIFIERS = (
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

        _Compiled.pattern = re.compile(_IDENTIFIERS)
    return _Compiled.pattern.sub(IDENTIFIER_MARK, text)
