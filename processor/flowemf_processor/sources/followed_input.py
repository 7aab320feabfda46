"""Standard input that is read as it comes, without waiting for it.

Nothing goes in; pieces come out, and an empty one whenever there is no more for now.
"""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING

from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.sources.compression import PIECE_BYTES
from flowemf_processor.sources.files import STANDARD_INPUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class FollowedInput:
    """Standard input, read as it comes."""

    name = STANDARD_INPUT
    rewindable = False
    size_bytes = None
    is_gone = False  # the rest may be piped in later

    def __init__(self, source_id: str | None = None) -> None:
        self.identities: Sequence[str] = (f"stdin:{source_id}",) if source_id else ()
        self._is_waiting = False

    @property
    def is_ready(self) -> bool:
        """Whether something was piped in, or the pipe was closed."""
        return not self._is_waiting or bool(select.select([sys.stdin], [], [], 0)[0])

    def pieces(self) -> Iterator[bytes]:
        """Give what is piped in; an empty piece means that there is no more for now.

        Raises:
            TryAgainLaterError: it cannot be read.
        """
        descriptor = sys.stdin.fileno()
        while True:
            self._is_waiting = not select.select([descriptor], [], [], 0)[0]
            if self._is_waiting:
                yield b""
                continue
            try:
                piece = os.read(descriptor, PIECE_BYTES)
            except OSError as error:
                raise TryAgainLaterError(error.strerror or str(error)) from error
            if not piece:
                return
            yield piece
