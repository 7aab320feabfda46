"""Logs in object stores: what a store says of an object, and the source that an object is.

Objects that a store has found go in; sources come out, known again by their URL and version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from flowemf_processor.sources.ahead import made_ahead
from flowemf_processor.sources.compression import MAGIC_BYTES, MAX_EXPANSION, PIECE_BYTES, codec_of, decompressed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object.

    Attributes:
        url: where it is.
        version: changes whenever its content does, such as its ETag.
        size_bytes: how large it is as it is stored, where that is known.
    """

    url: str
    version: str
    size_bytes: int | None


class ObjectStore(Protocol):
    """Where objects are; it can be pickled."""

    versions_are_certain: bool
    """Whether a version never stands for other bytes."""

    def find(self, url: str) -> Sequence[StoredObject]:
        """List what a URL means: an object, those that match a pattern, or all below a prefix.

        Raises:
            ConfigurationError: it may not be read, or the store cannot be used as it is configured.
            TryAgainLaterError: the store cannot be reached.
        """
        ...

    def stored(self, found: StoredObject) -> Generator[bytes, None, None]:
        """Give the bytes of an object as they are stored.

        Raises:
            TryAgainLaterError: it cannot be read.
        """
        ...

    def stretch(self, found: StoredObject, start_bytes: int, end_bytes: int) -> Generator[bytes, None, None]:
        """Give the bytes of an object from one place up to another.

        Raises:
            TryAgainLaterError: it cannot be read.
        """
        ...


class ObjectSource:
    """An object, compressed or not.

    Args:
        store: where it is.
        found: what the store says of it.
        max_expansion: how many times its size it may have when decompressed.
    """

    rewindable = True
    size_bytes = None  # what is stored may be compressed, and asking costs a request for each object

    def __init__(self, store: ObjectStore, found: StoredObject, *, max_expansion: int = MAX_EXPANSION) -> None:
        self._store = store
        self._found = found
        self._max_expansion = max_expansion
        self.name = found.url

    @property
    def identities(self) -> Sequence[str]:
        """Its URL with its version; and without, since a log that is uploaded again may have grown."""
        return f"object:{self._found.url}#{self._found.version}", f"object:{self._found.url}"

    @property
    def stored_bytes(self) -> int | None:
        """How large it is as it is stored."""
        return self._found.size_bytes

    @property
    def is_immutable(self) -> bool:
        """Whether its version never stands for other bytes."""
        return self._store.versions_are_certain

    def pieces(self) -> Iterator[bytes]:
        """Give its bytes, decompressed, from the beginning; the next are on their way while these are used."""
        return made_ahead(decompressed(_small(self._store.stored(self._found)), max_expansion=self._max_expansion))

    def is_divisible(self) -> bool:
        """Tell whether it holds no compressed data; costs a request.

        Raises:
            TryAgainLaterError: it cannot be read.
        """
        first = self.stretch(0, min(MAGIC_BYTES, self._found.size_bytes or 0))
        return codec_of(b"".join(first)) is None

    def stretch(self, start_bytes: int, end_bytes: int) -> Iterator[bytes]:
        """Give what is stored from one place up to another; the next are on their way while these are used."""
        return made_ahead(_small(self._store.stretch(self._found, start_bytes, end_bytes)))


def _small(pieces: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    for piece in pieces:
        yield from (piece[start : start + PIECE_BYTES] for start in range(0, len(piece), PIECE_BYTES))


def is_meant(name: str, asked: str) -> bool:
    """Tell whether a name that was found is one that was asked for: hidden ones are where they are named.

    Args:
        name: what was found.
        asked: the prefix or pattern by which it was found.

    >>> is_meant("2026/.tmp/a.log", "2026/"), is_meant("2026/.tmp/a.log", "2026/.tmp"), is_meant(".a", "*")
    (False, True, False)
    """
    hidden = [part for part in name.split("/") if part.startswith(".")]
    return len(hidden) <= len([part for part in asked.split("/") if part.startswith(".")])
