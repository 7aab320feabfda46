"""What comes out of a wrapper when it is opened.

Nothing here computes: the files of the shapes build these values, and the unwrapper takes them further.
"""

from __future__ import annotations

from dataclasses import dataclass

from flowemf_processor.model import UNWRAPPED, Origin


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a log event a piece is.

    Attributes:
        stream: what the parts of one log event have in common, and those of others have not.
        is_last: whether no part comes behind it.
        ordinal: its number, from 1, where the shape states one; 0 where parts arrive in order.
    """

    stream: tuple[str, ...]
    is_last: bool
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """One log event out of a wrapper, or a part of one; it may be wrapped itself.

    Attributes:
        data: its bytes.
        origin: what the wrapper says of it.
        part: which part it is; None for a whole log event.
        ends_with_line: whether it reaches to the end of the line, so that it may be torn where the line has no end yet.
    """

    data: bytes
    origin: Origin = UNWRAPPED
    part: Part | None = None
    ends_with_line: bool = False


@dataclass(frozen=True, slots=True)
class Defect:
    """In place of a log event: what is wrong.

    Attributes:
        reason: of the table of verdicts.
        where: a place, as the beginning of a sentence.
        data: the wrapper with nothing in it but this, where others in it are sound.
    """

    reason: str
    where: str
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class NoEvent:
    """In place of a log event: something that the service says of itself, such as a control message."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a wrapper holds.

    Attributes:
        pieces: in their order.
        holds_many: whether the shape may hold more than one, so that they have to be numbered.
    """

    pieces: tuple[Piece | Defect | NoEvent, ...]
    holds_many: bool = False

    @property
    def held_bytes(self) -> int:
        """How much memory the log events take."""
        return sum(len(piece.data) for piece in self.pieces if isinstance(piece, Piece))
