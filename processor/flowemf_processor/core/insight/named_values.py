"""Which values of a dimension are told apart, and how each is coded.

The values that were found go in; the most frequent ones by number come out, with a number for all others and one for
"not set".
"""

from __future__ import annotations

from dataclasses import dataclass

NOT_SET, OTHERS = -1, 0


@dataclass(frozen=True, slots=True)
class NamedValues:
    """The values of one dimension that are told apart.

    The value at `values[0]` has the code 1, the next one 2; 0 stands for all others, -1 for records without it.

    Attributes:
        key: the dimension.
        values: the most frequent first.
        has_others: whether there are more.
        has_none: whether there are records without it.
    """

    key: str
    values: tuple[str, ...] = ()
    has_others: bool = False
    has_none: bool = False

    @property
    def kinds(self) -> int:
        """How many codes occur: a choice needs two or more."""
        return len(self.values) + self.has_others + self.has_none

    def label(self, code: int) -> str:
        """Name a code."""
        return {NOT_SET: "(not set)", OTHERS: "(all others)"}.get(code) or self.values[code - 1]


def named_values(key: str, found: list[str], most: int, *, has_none: bool) -> NamedValues:
    """Tell the most frequent values apart.

    Args:
        key: the dimension.
        found: its values, the most frequent first; what is beyond `most` is only looked at for being there.
        most: how many are told apart.
        has_none: whether there are records without it.

    Returns:
        The values.
    """
    return NamedValues(key, tuple(found[:most]), len(found) > most, has_none)
