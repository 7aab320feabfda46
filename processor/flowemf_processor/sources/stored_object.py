"""What an object store says of an object before it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence


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
