"""What comes out of a wrapper when it is opened, and how its JSON is read: text, times, names.

Bytes and JSON values go in; Python values come out, or None where they are not what a wrapper would hold. Of these the
files of the shapes build pieces, which the unwrapper takes further.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from flowemf_processor.core.document import BrokenLineError, refuse_deep_nesting
from flowemf_processor.model import UNWRAPPED, Origin
from flowemf_schemas import limits, names

ISO_SECONDS = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
"""The beginning of every timestamp that the shapes know, as a pattern."""

_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))?")


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


# --- Reading what stands in a wrapper ---------------------------------------------------------------------------------


def load(data: bytes) -> Any:
    """Parse JSON; a half character, which a split can leave in a part, stays what it is.

    Args:
        data: a text.

    Returns:
        An object or an array, or None where the text is neither.
    """
    try:
        refuse_deep_nesting(data)
        document = json.loads(data.decode(errors="surrogateescape"))
    except (ValueError, BrokenLineError):
        return None
    return document if isinstance(document, (dict, list)) else None


def is_emf(document: dict[str, Any]) -> bool:
    """Tell a metric document from a wrapper that has one beside it: CloudWatch reads the root, and so do we."""
    return names.AWS in document or names.CLOUDWATCH_METRICS in document


def text_bytes(text: str) -> bytes:
    r"""Give the bytes of a text that `load` gave, without the line ending that belongs to it.

    >>> text_bytes("{}\n")
    b'{}'
    """
    try:
        data = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half a character as an escape: what reads the line says so
        data = text.encode(errors="surrogatepass")
    return data[: -2 if data.endswith(b"\r\n") else -1] if data.endswith(b"\n") else data


def name_of(value: Any) -> str:
    """Give a name, or an empty one where there is none."""
    return value if type(value) is str else ""


def milliseconds(value: Any, *, per_unit: int = 1) -> int | None:
    """Read a time as a number.

    Args:
        value: what stands in the wrapper.
        per_unit: how many milliseconds one of it is.

    Returns:
        Milliseconds since the epoch; None for what is no time that a date can show.
    """
    if type(value) not in (int, float) or not 0 <= value * per_unit <= limits.TIMESTAMP_MS:
        return None
    return int(value * per_unit)


def iso_milliseconds(text: str) -> int | None:
    """Read a time as text, in UTC where it states no zone.

    >>> iso_milliseconds("2016-10-06T00:17:09.669794202Z"), iso_milliseconds("yesterday")
    (1475713029669, None)
    """
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    base, fraction, sign, hours, minutes = found.groups()
    try:
        seconds = int(datetime.fromisoformat(base).replace(tzinfo=timezone.utc).timestamp())
    except ValueError:  # the 31st of February
        return None
    ahead_seconds = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
    return milliseconds((seconds - ahead_seconds) * 1000 + int(f"{fraction or ''}000"[:3]))


def as_iso_milliseconds(value: Any) -> int | None:
    """Read a time that a JSON member states as text."""
    return iso_milliseconds(value) if type(value) is str else None
