"""Takes secrets and personal data out of text before it leaves the process.

Any text goes in; the same text comes out with what looks like a credential, an e-mail address or a card number
replaced by a mark such as `[redacted:email]`.
"""

from __future__ import annotations

from flowemf._text import plain_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

MESSAGE_CHARACTERS = 1024
_CUT = "..."
_SHORTEST_SECRET = 12  # no pattern below matches fewer characters, except that of an e-mail address

_NAMED_CREDENTIAL = (
    r"(?i)\b[\w-]{0,40}(?:password|passwd|secret|api[_-]?key|access[_-]?key|auth[_-]?token|session[_-]?token)"
    r"[\"']?\s*[=:]\s*(?!\[redacted)[\"']?[^\s\"',;&]{6,}"
)

# In the order in which they are tried: the first ones swallow what later ones would find in pieces.
_SECRETS = (
    ("private-key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----|[\s\S]*)"),
    ("jwt", r"\beyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)?"),
    ("bearer-token", r"\b(?:[Bb]earer|BEARER|[Bb]asic)\s+(?=\S*[A-Z0-9])[\w.~+/=-]{12,}"),
    ("api-key", r"\b(?:sk|rk|pk)[-_](?=[\w-]*\d)[\w-]{16,}"),  # OpenAI, Anthropic, Stripe, ...
    ("api-key", r"\b(?:gsk_|xai-|pplx-|hf_|r8_|nvapi-|fw_|AIza|ya29\.)[\w-]{16,}"),
    ("api-key", r"\b(?:ABSK[A-Za-z0-9+/=]{20,}|bedrock-api-key-[\w+/=-]{16,})"),  # Amazon Bedrock
    ("token", r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|npm_)[\w-]{16,}"),
    ("aws-access-key", r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b"),
    ("aws-session-token", r"(?:IQoJ|FwoG|FQoG|AQoD)[A-Za-z0-9+/=]{60,}"),
    # 40 characters of base64 that are no plain hexadecimal digest (a git commit is one): an AWS secret key.
    (
        "aws-secret-key",
        r"(?<![\w/+=.-])(?=[\w/+]*[A-Z])(?=[\w/+]*[a-z])(?=[\w/+]*\d)(?![0-9a-fA-F]{40})[A-Za-z0-9/+]{40}(?![\w/+=-])",
    ),
    ("credential", _NAMED_CREDENTIAL),
    ("credential", r"(?<=://)[^\s/:@]+:[^\s/@]+(?=@)"),  # user:password in a URL
)
_EMAIL = r"[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}\b"
_CARD = r"(?<![\w.-])[3-6]\d(?:[ -]?\d){10,16}\d(?![\w-])"

_CONTROL = dict.fromkeys([*range(32), *range(127, 160), 0x2028, 0x2029], " ")
# Line breaks stay until the private keys, which hold some, have been found.
_CONTROL_BUT_LINES = {code: space for code, space in _CONTROL.items() if code not in (10, 13)}


class _Patterns:
    """The compiled patterns; made on first use, since `re` costs milliseconds to import."""

    secrets: list[tuple[str, re.Pattern[str]]] | None = None
    email: re.Pattern[str]
    card: re.Pattern[str]


def _secret_patterns() -> list[tuple[str, re.Pattern[str]]]:
    if _Patterns.secrets is None:
        import re

        _Patterns.email = re.compile(_EMAIL)
        _Patterns.card = re.compile(_CARD)
        _Patterns.secrets = [(f"[redacted:{kind}]", re.compile(pattern)) for kind, pattern in _SECRETS]
    return _Patterns.secrets


def secret_in(text: str) -> str | None:
    """Name the kind of secret that a text holds; e-mail addresses and card numbers are no secrets here.

    >>> secret_in("AKIAIOSFODNN7EXAMPLE")
    'aws-access-key'
    >>> secret_in("team-ai@company.com") is None
    True
    """
    if len(text) < _SHORTEST_SECRET:
        return None
    found = (mark for mark, pattern in _secret_patterns() if pattern.search(text))
    mark = next(found, None)
    return mark and mark[len("[redacted:") : -1]


def redact(text: str) -> str:
    """Replace every secret, e-mail address and card number in a text.

    >>> redact("write to ada@example.com")
    'write to [redacted:email]'
    """
    if len(text) < _SHORTEST_SECRET and "@" not in text:
        return text
    for mark, pattern in _secret_patterns():
        text = pattern.sub(mark, text)
    if "@" in text:
        text = _Patterns.email.sub("[redacted:email]", text)
    return _Patterns.card.sub(_card_mark, text)


def _card_mark(match: re.Match[str]) -> str:
    """Keep a number whose check digit is wrong: most long numbers are no cards (ISO/IEC 7812, Luhn)."""
    digits = [int(digit) for digit in match.group() if digit.isdigit()]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return match.group() if (sum(digits[-1::-2]) + sum(doubled)) % 10 else "[redacted:card]"


def clean_text(text: str, most_characters: int) -> str:
    r"""Make a text safe for a property: one line, no control characters, no secrets, of bounded length.

    >>> clean_text("two\nlines", 100)
    'two lines'

    Args:
        text: any string.
        most_characters: the length from which it is cut; the cut is marked with "...".
    """
    if len(text) > 4 * most_characters:
        # A longer text is cut before it is searched, so that a huge one costs no more than a long one. The last
        # word goes too: half a secret would match no pattern.
        text = text[: 4 * most_characters]
        text = (text.rpartition(" ")[0] or text) + _CUT
    text = plain_text(text)
    text = redact(text if text.isprintable() else text.translate(_CONTROL_BUT_LINES)).translate(_CONTROL)
    return text if len(text) <= most_characters else text[: most_characters - len(_CUT)] + _CUT
