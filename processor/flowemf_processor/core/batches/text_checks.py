"""How many quotation marks the lines of rows have if each member stands once in them.

Rows go in; a number comes out, which holds for lines without their escapes.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from flowemf_processor.core.batches.members import Kind
from flowemf_processor.core.batches.row_types import Statistics, Weighted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowemf_processor.core.batches.members import Members
    from flowemf_processor.core.batches.metadata_text import MetadataText

_OF_TEXT = 2
_OPTIONAL_MEMBERS = attrgetter("count", "total", "low", "high")


def quotes_counter(text: MetadataText, members: Members, fields: Mapping[str, str]) -> Callable[[Sequence[Any]], int]:
    """Make a function from rows to the quotation marks in their lines.

    Args:
        text: the member `_aws`.
        members: the other ones.
        fields: member -> field of a row.
    """
    always = (text.before + text.behind).count(b'"') + _OF_TEXT * len(members.kinds)
    varying: list[Callable[[Any], Any]] = []
    for name, kinds in members.kinds.items():
        if name in members.optional or kinds not in (Kind.TEXT, Kind.PLAIN, Kind.ARRAY, Kind.PLAIN | Kind.ARRAY):
            varying.append(attrgetter(fields[name]))
        elif kinds == Kind.TEXT:
            always += _OF_TEXT

    def count(rows: Sequence[Any]) -> int:
        return always * len(rows) + sum(_quotes_of(value(row)) for value in varying for row in rows)

    return count


def _quotes_of(value: Any) -> int:
    """Count those of a member's value; what is not there takes back those of its name."""
    if type(value) is str:
        return _OF_TEXT
    if value is UNSET:
        return -_OF_TEXT
    if type(value) is dict:
        return sum(_OF_TEXT + _quotes_of(each) for each in value.values())
    if type(value) is list:
        return sum(map(_quotes_of, value))
    if type(value) is Weighted:
        return _OF_TEXT * (2 + sum(each is not UNSET for each in _OPTIONAL_MEMBERS(value)))
    return _OF_TEXT * 4 if type(value) is Statistics else 0
