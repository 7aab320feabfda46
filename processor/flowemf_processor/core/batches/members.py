"""What the members of a line hold, by the kinds of values that were seen in them.

Documents of one directive go in; for each member of the root comes out which kinds it may have and whether it may be
missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Flag, auto
from typing import TYPE_CHECKING, Any

from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(Flag):
    """A kind of value, as far as it makes a difference to how it is read."""

    TEXT = auto()
    PLAIN = auto()
    """A number, true, false or null."""
    ARRAY = auto()
    WEIGHTED = auto()
    STATISTICS = auto()
    NESTED = auto()
    """An object or array that CloudWatch does not read."""


@dataclass(slots=True)
class Members:
    """The members of the root beside `_aws`, in the order in which they were first seen.

    Attributes:
        targets: those that hold the values of metrics.
        kinds: which kinds of values each has had.
        optional: which of them were missing in a line.
    """

    targets: frozenset[str]
    kinds: dict[str, Kind] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)

    def learn(self, document: Mapping[str, Any]) -> None:
        """Take up what a flawless document holds."""
        is_first = not self.kinds
        for name, value in document.items():
            if name == names.AWS:
                continue
            if name not in self.kinds and not is_first:
                self.optional.add(name)
            kind = _target_kind(value) if name in self.targets else _property_kind(value)
            self.kinds[name] = self.kinds.get(name, kind) | kind
        self.optional.update(name for name in self.kinds if name not in document)

    def copy(self) -> Members:
        """Give what is known by now, to be relied on."""
        return Members(self.targets, dict(self.kinds), set(self.optional))


def _property_kind(value: Any) -> Kind:
    if isinstance(value, str):
        return Kind.TEXT
    return Kind.NESTED if isinstance(value, (dict, list)) else Kind.PLAIN


def _target_kind(value: Any) -> Kind:
    if isinstance(value, list):
        return Kind.ARRAY
    if isinstance(value, dict):
        return Kind.WEIGHTED if names.VALUES in value else Kind.STATISTICS
    return Kind.PLAIN
