"""Reads lines of one directive together.

Lines that have the same member `_aws`, but for the timestamp, go in; rows come out, and the indexes of those lines
that could not be proved flawless.
"""

from __future__ import annotations

import re
import sys
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from flowemf_processor.core.batches.members import Kind
from flowemf_processor.core.batches.metadata_text import MEMBER
from flowemf_processor.core.batches.row_types import field_names, row_type
from flowemf_processor.core.batches.text_checks import quotes_counter
from flowemf_processor.core.batches.values import is_sound, value_count
from flowemf_processor.core.document import NESTING_LEVELS
from flowemf_schemas.rules import is_sound_dimension_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowemf_processor.core.batches.directives import Directives
    from flowemf_processor.core.batches.members import Members
    from flowemf_processor.core.batches.metadata_text import MetadataText

Row = Any
"""A line as the type reads it that `row_types` made for its directive."""

_LARGE_BYTES = 1 << 12
_ESCAPE = re.compile(rb"\\.")
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Plan:
    """How the lines of one directive are read.

    Two things a typed decoder lets pass, and a line must not have: a member that stands twice, and directives other
    than the expected ones. The caller has compared the bytes of `_aws`; what stands twice shows in the number of
    quotation marks, since a row says how many there are if each member stands once: two for a name, two for a text.

    Args:
        text: the member `_aws`.
        directives: what it says.
        members: what its lines hold beside it.

    Raises:
        ValueError: such lines can't be read together.
    """

    def __init__(self, text: MetadataText, directives: Directives, members: Members) -> None:
        self.directives = directives
        self.fields = field_names(members)
        self.members = members
        self._is_nested = any(kinds & Kind.NESTED for kinds in members.kinds.values())
        self._decode = msgspec.json.Decoder(row_type(members)).decode
        self._quotes = quotes_counter(text, members, self.fields)
        self._objects = [attrgetter(self.fields[name]) for name in _of_kind(members, Kind.WEIGHTED | Kind.STATISTICS)]
        self._several = {name: attrgetter(self.fields[name]) for name in _of_kind(members, ~Kind.PLAIN)}
        values_of = {(outlet.namespace, outlet.name): outlet.name for outlet in directives.outlets}
        self._several_of = [name for name in values_of.values() if name in self._several]
        self._singles = len(values_of) - len(self._several_of)
        self.dimensions: Callable[[Row], tuple[str, ...]] = _tuple_getter([self.fields[key] for key in directives.keys])

    def is_single(self, name: str) -> bool:
        """Tell whether the target of a metric is one number in every row."""
        return name not in self._several

    def is_plain(self, name: str) -> bool:
        """Tell whether the target of a metric is nothing but numbers in every row, alone or in arrays."""
        return not self.members.kinds[name] & (Kind.WEIGHTED | Kind.STATISTICS)

    def read(self, lines: Sequence[bytes]) -> tuple[list[Row], list[int]]:
        """Read lines.

        Args:
            lines: as `metadata_text` has found them to be alike.

        Returns:
            The rows of those that are flawless but perhaps for their dimensions, and the indexes of the others.
        """
        if self._is_nested and not all(map(_is_plain_up_to_metadata, lines)):
            return self._read_each(lines)
        try:
            rows = list(map(self._decode, lines))
        except _UNREADABLE:
            return self._read_each(lines)
        if self._quotes(rows) != _count_quotes(b"".join(lines)):
            return self._read_each(lines)
        if self._objects and not all(map(self._is_sound, rows)):
            return self._read_each(lines)
        return rows, []

    def count_values(self, rows: Sequence[Row]) -> int:
        """Count the numbers that rows hold: those of a metric once, however many directives of a namespace name it."""
        return self._singles * len(rows) + sum(self.count_of(name, rows) for name in self._several_of)

    def count_datapoints(self, rows: Sequence[Row]) -> int:
        """Count the datapoints that rows stand for."""
        return sum(len(outlet.sets) * self.count_of(outlet.name, rows) for outlet in self.directives.outlets)

    def count_of(self, name: str, rows: Sequence[Row]) -> int:
        """Count the numbers that one member of rows holds."""
        several = self._several.get(name)
        if several is None:
            return len(rows)
        return sum(map(len if self.members.kinds[name] == Kind.ARRAY else value_count, map(several, rows)))

    def has_sound_dimensions(self, values: tuple[str, ...]) -> bool:
        """Tell whether nothing is to be said of the values of the dimensions."""
        return all(map(is_sound_dimension_value, values))

    def _is_sound(self, row: Row) -> bool:
        return all(is_sound(target(row)) for target in self._objects)

    def _read_each(self, lines: Sequence[bytes]) -> tuple[list[Row], list[int]]:
        rows, failed = [], []
        for index, line in enumerate(lines):
            try:
                row = self._decode(line)
            except _UNREADABLE:
                failed.append(index)
                continue
            is_plain = not self._is_nested or _is_plain_up_to_metadata(line)
            if is_plain and self._quotes([row]) == _count_quotes(line) and self._is_sound(row):
                rows.append(row)
            else:
                failed.append(index)
        return rows, failed


def _tuple_getter(fields: Sequence[str]) -> Callable[[Row], tuple[str, ...]]:
    """Make a function from a row to some of its fields; with less than two of them `attrgetter` gives no tuple."""
    if len(fields) > 1:
        return attrgetter(*fields)
    getters = [attrgetter(field) for field in fields]
    return lambda row: tuple([getter(row) for getter in getters])


def _is_plain_up_to_metadata(line: bytes) -> bool:
    """Tell whether the first object in the root is `_aws`, so that it is the root's, and nothing is nested too deep."""
    root = line.find(b"{")
    is_plain = line.find(b"{", root + 1) == line.find(b"{", line.find(MEMBER))
    return is_plain and line.count(b"{") + line.count(b"[") <= NESTING_LEVELS


def _of_kind(members: Members, kinds: Kind) -> list[str]:
    return [name for name in members.targets if members.kinds[name] & kinds]


def _count_quotes(text: bytes) -> int:
    plain = _ESCAPE.sub(b"", text) if b"\\" in text else text
    numpy = sys.modules.get("numpy")  # counts four times as fast, but to import it for this alone would not pay
    if numpy is None or len(plain) < _LARGE_BYTES:
        return plain.count(b'"')
    return int(numpy.count_nonzero(numpy.frombuffer(plain, numpy.uint8) == ord('"')))
