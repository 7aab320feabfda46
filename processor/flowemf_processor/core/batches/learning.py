"""Learns how the lines of a directive look, from those that were read one by one.

Flawless lines go in; a plan comes out as soon as a directive has repeated often enough to be worth one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.core.batches.directives import Directives, directives_of
from flowemf_processor.core.batches.members import Kind, Members
from flowemf_processor.core.batches.metadata_text import ANY_DIGITS, MetadataText, metadata_text
from flowemf_processor.core.batches.plan import Plan
from flowemf_processor.core.document import BrokenLineError, read_document
from flowemf_processor.model import Line, Position

if TYPE_CHECKING:
    from flowemf_processor.core.conditions import Conditions

# A plan costs as much as ten lines that are read one by one (0.5 ms), and is made anew when lines turn out to have
# other members: after twice as many as before, so that a directive whose members never repeat costs little.
_FIRST_AFTER_LINES = 8
_MOST_DIRECTIVES = 1000
_MOST_MEMBERS = 200
_MOST_SERIES = 64  # of one line: each has a line in the code that is written for its directive


@dataclass(slots=True)
class _Known:
    """What is known of a directive: how many lines have yet to be seen before the next plan; None gives it up."""

    directives: Directives
    members: Members
    wanted: int | None = _FIRST_AFTER_LINES
    seen: int = 0


class Learning:
    """Learns directives, a bounded number of them.

    Args:
        conditions: what is demanded of a line beyond what CloudWatch does.
    """

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._known: dict[MetadataText, _Known | None] = {}

    def learn(self, data: bytes) -> tuple[MetadataText, Plan] | None:
        """Take up a line.

        Args:
            data: a line of which nothing is wrong, and which is not wrapped.

        Returns:
            What its directive is known by, and how its lines are read from now on, where that has changed.
        """
        text = metadata_text(data)
        if text is None or (text not in self._known and len(self._known) >= _MOST_DIRECTIVES):
            return None
        if text not in self._known:
            self._known[text] = self._examined(text)
        known = self._known[text]
        if known is None or known.wanted is None:
            return None
        known.members.learn(json.loads(data, parse_int=float))  # of any number of digits
        known.seen += 1
        if known.seen < known.wanted:
            return None
        known.seen, known.wanted = 0, known.wanted * 2
        plan = _plan(text, known)
        if plan is None:
            known.wanted = None
            return None
        return text, plan

    def _examined(self, text: MetadataText) -> _Known | None:
        """Judge the directive by itself, so that what is true of this line is true of all that have its bytes."""
        member = b"{" + text.with_digits(ANY_DIGITS) + b"}"
        try:
            document = read_document(Line(Position("", 0, 0), member, len(member), terminated=True))
        except BrokenLineError:
            return None
        if document is None or self._conditions.judge_metadata(document):
            return None
        directives = directives_of(document)
        if not 0 < directives.series <= _MOST_SERIES or directives.targets.intersection(directives.keys):
            return None
        return _Known(directives, Members(directives.targets))


def _plan(text: MetadataText, known: _Known) -> Plan | None:
    kinds = known.members.kinds
    if len(kinds) > _MOST_MEMBERS or any(kinds.get(key) != Kind.TEXT for key in known.directives.keys):
        return None
    try:
        return Plan(text, known.directives, known.members.copy())
    except ValueError:
        return None
