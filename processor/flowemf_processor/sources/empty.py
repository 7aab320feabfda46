"""What was named and holds no log at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class NothingThere:
    """A directory without a file, or a prefix without an object.

    It is told like an empty file: whoever names it expects a log there.
    """

    rewindable = True
    identities: Sequence[str] = ()
    size_bytes = 0

    def __init__(self, name: str) -> None:
        self.name = name

    def pieces(self) -> Iterator[bytes]:
        """Give nothing."""
        return iter(())
