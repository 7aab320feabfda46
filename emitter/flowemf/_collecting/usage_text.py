"""Finds the usage in the JSON text of a model's response, without decoding the whole of it.

The text of an object goes in; the member `usage` of that object comes out. What the model has said stands in the same
text and may imitate a usage: where a candidate lies in the structure decides, never what it looks like.
"""

from __future__ import annotations

from json import JSONDecoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KEY = '"usage"'
_MOST_CANDIDATES = 4
_decode = JSONDecoder().scan_once  # type: ignore[attr-defined] # what raw_decode calls; saves 0.1 us
_NO_JSON = (ValueError, RecursionError, StopIteration)


def usage_in(text: str, *, whole: bool = True) -> dict[str, Any] | None:
    r"""Give the member `usage` of the object that a text holds.

    The key is sought from the end: frameworks write the usage after the message, and the message is the large part. Its
    place is then proved. In JSON a quotation mark within a string follows a backslash, and outside of strings there are
    no backslashes: so a `"usage"` that follows none, with a colon after it, is a key, and everything behind it can be
    decoded. If that is the rest of one object with nothing behind it, the key is a member of the outermost object; if
    there is more, it lies deeper, and what stands before it is asked next.

    >>> usage_in('{"message":"{\\"usage\\":{\\"inputTokens\\":1}}","usage":{"inputTokens":11.0},"custom":{}}')
    {'inputTokens': 11.0}

    Args:
        text: the response as JSON, as the framework wrote it.
        whole: whether the text is known to be whole. One that may be cut is decoded from its beginning, since the
            rest of an inner object would look like the rest of the outermost.

    Returns:
        The usage; None where there is none.
    """
    end = len(text) if whole and text.startswith("{") else 0
    for _ in range(_MOST_CANDIDATES):
        end = text.rfind(_KEY, 0, end)
        if end < 0:
            break
        rest = "{" + text[end:]
        try:
            members, behind = _decode(rest, 0)
        except _NO_JSON:
            continue
        is_last = behind == len(rest) or not rest[behind:].strip()
        if is_last and text[end - 1] != "\\":
            usage = members["usage"]
            return usage if isinstance(usage, dict) else None
    return _decoded(text)


def _decoded(text: str) -> dict[str, Any] | None:
    """Decode everything: right for any text, and slower by the length of what the model has said."""
    text = text.strip()
    try:
        members, end = _decode(text, 0)
    except _NO_JSON:
        return None
    usage = members.get("usage") if isinstance(members, dict) and end == len(text) else None
    return usage if isinstance(usage, dict) else None
