"""Reads the JSON of wrappers, and what stands in it: text, times, names.

Bytes and JSON values go in; Python values come out, or None where they are not what a wrapper would hold.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import Any

from flowemf_processor.core.document import BrokenLineError, refuse_deep_nesting
from flowemf_schemas import limits, names

ISO_SECONDS = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
"""The beginning of every timestamp that the shapes know, as a pattern."""

_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))?")


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
