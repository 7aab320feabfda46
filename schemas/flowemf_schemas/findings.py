"""What is said of one defect of a document, and how the value at fault is shown.

A reason code of the table in `verdicts`, a place and any JSON value go in; a finding comes out, in words, and of the
value its beginning as JSON on one line of printable ASCII.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flowemf_schemas.verdicts import VERDICTS, Scope

_CHARACTERS = 80
_BITS = 4096  # Python refuses to print integers of more than 4,300 digits
_ENCODER = json.JSONEncoder(default=str)


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect of one document.

    Attributes:
        reason: a key of `verdicts.VERDICTS`.
        message: where it is, the offending value, and what is meant by it; one line of text.
        hint: what to do.
        directive: the index of the metric directive concerned, where there is one.
        dimension_set: the index of the dimension set concerned, within its directive.
        metric: the index of the metric definition concerned, within its directive.
        is_strict: whether a note counts as a defect of the whole line.
    """

    reason: str
    message: str
    hint: str
    directive: int | None = None
    dimension_set: int | None = None
    metric: int | None = None
    is_strict: bool = False

    @property
    def scope(self) -> Scope:
        """How much of the line this takes with it."""
        scope = VERDICTS[self.reason].scope
        return Scope.LINE if self.is_strict and scope is Scope.NOTE else scope


def finding(
    reason: str,
    where: str,
    *,
    hint: str = "",
    directive: int | None = None,
    dimension_set: int | None = None,
    metric: int | None = None,
) -> Finding:
    """Build a finding whose words come from the table of verdicts.

    Args:
        reason: a key of `verdicts.VERDICTS`.
        where: the place and the offending value, as the beginning of a sentence.
        hint: a better remedy than the table's, if there is one.
        directive: the index of the metric directive concerned, where there is one.
        dimension_set: the index of the dimension set concerned.
        metric: the index of the metric definition concerned.

    Returns:
        The finding.
    """
    verdict = VERDICTS[reason]
    message = f"{where}: {verdict.meaning}" if where else verdict.meaning
    return Finding(reason, message, hint or verdict.remedy, directive, dimension_set, metric)


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
