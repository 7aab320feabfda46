"""Tells texts apart that begin alike.

The members `_aws` of several directives go in; the few bytes come out that have to be looked at to know which one a
line has, but for a comparison that proves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from flowemf_processor.core.batches.metadata_text import ANY_DIGITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowemf_processor.core.batches.metadata_text import MetadataText

T = TypeVar("T")

_MOST_BYTES = 128


@dataclass(frozen=True, slots=True)
class Fork(Generic[T]):
    """Where to look, and what is found there.

    Attributes:
        start: the first byte to look at, counted from where the member begins.
        end: the one behind the last.
        entries: these bytes -> the few things that have them.
    """

    start: int
    end: int
    entries: dict[bytes, tuple[T, ...]]


def fork_of(things: Mapping[MetadataText, T]) -> Fork[T]:
    """Find where texts differ.

    Args:
        things: the texts, and what to find by each; at least one.
    """
    texts = {text.with_digits(ANY_DIGITS): thing for text, thing in things.items()}
    start = _common_bytes(min(texts), max(texts)) if len(texts) > 1 else 0
    end = start + _MOST_BYTES if len(texts) > 1 else 0
    end = min(end, *map(len, texts), *(len(text.before) for text in things if start < len(text.before)))
    entries: dict[bytes, tuple[T, ...]] = {}
    for text, thing in texts.items():
        entries[text[start:end]] = (*entries.get(text[start:end], ()), thing)
    return Fork(start, end, entries)


def _common_bytes(least: bytes, greatest: bytes) -> int:
    """Count the bytes that two texts begin with, and so all those between them in their order."""
    return next(place for place in range(len(least) + 1) if least[place : place + 1] != greatest[place : place + 1])
