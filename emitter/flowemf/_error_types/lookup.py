"""Finds what a name, a code or a message stands for.

A text goes in; an error type comes out, or None where the text says nothing.
"""

from __future__ import annotations

from flowemf._error_types.tables import (
    BEFORE_STATUS,
    BY_HTTP_STATUS_IN_WORDS,
    BY_NAME,
    BY_PREFIX,
    BY_STATUS_NAME,
    PHRASES,
    WHOLE,
)

# Words end at everything that is neither a letter nor a digit; the "_" belongs to names.
_NO_NAME = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) == "_")}
_NO_WORD = {**_NO_NAME, ord("_"): " "}


def by_class_name(kind: type) -> str | None:
    """Look up the name of a class, by itself or within its package."""
    package = kind.__module__.partition(".")[0]
    return _by_name(kind.__name__) or BY_NAME.get(f"{package}.{kind.__name__}")


def _by_name(name: str) -> str | None:
    return BY_NAME.get(name) or next((found for prefix, found in BY_PREFIX if name.startswith(prefix)), None)


def by_code(code: str) -> str | None:
    """Look a code up in each form that services send it.

    `com.amazonaws.bedrock#ThrottlingException`, `ThrottlingException:http://...`, `botocore.errorfactory.Throttling`,
    `throttlingException` in an event stream, `429` for an answer without a body.
    """
    if code in BY_HTTP_STATUS_IN_WORDS:
        return BY_HTTP_STATUS_IN_WORDS[code]
    name = code.rpartition("#")[2].partition(":")[0].strip().rpartition(".")[2]
    return BY_STATUS_NAME.get(name) or _by_name(name) or _by_name(name[:1].upper() + name[1:])


def by_status_name(message: str) -> str | None:
    """Read the status name with which Genkit and gRPC begin a message: `RESOURCE_EXHAUSTED: quota`."""
    return BY_STATUS_NAME.get(message.partition(":")[0].strip())


def by_words(message: str) -> str | None:
    """Look for names of classes and statuses in a message, then for an HTTP status, then for whole words."""
    for word in message.translate(_NO_NAME).split():
        # A plain word such as "Timeout" or "Forbidden" is no name.
        if not (word.isalpha() and (word.islower() or word.istitle())):
            found = BY_STATUS_NAME.get(word) or _by_name(word)
            if found:
                return found
    words = message.translate(_NO_WORD).lower().split()
    for index, word in enumerate(words):
        found = BY_HTTP_STATUS_IN_WORDS.get(word)
        if found and index and words[index - 1] in BEFORE_STATUS:
            return found
    text = f" {' '.join(words)} "
    for error_type_found, phrases in PHRASES:
        if any(f" {phrase} " in text for phrase in phrases):
            return error_type_found
    return WHOLE.get(text.strip())
