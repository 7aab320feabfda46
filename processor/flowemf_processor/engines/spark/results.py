"""Puts together what several tasks have found: in one source, and of log events over all of them.

What was found goes in; how far a source is read comes out, and the account of its records, or that it has to be read
whole. Digests of the ids that tasks met go in, source by source; whether others are among them comes out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flowemf_processor.core.unwrap import EVENT_ID_BYTES, EVENT_IDS
from flowemf_processor.engines.spark.works import StretchFound, WholeFound
from flowemf_processor.model import Mark
from flowemf_processor.pipeline.chunks import moved
from flowemf_processor.ports import DivisibleSource
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.engines.spark.works import Found, Listed
    from flowemf_processor.model import Rejection
    from flowemf_processor.ports import Source

_WHOLE = "whole:"
_WINDOW_BYTES = limits.EVENT_IDS_REMEMBERED * EVENT_ID_BYTES


@dataclass(slots=True)
class SourceResult:
    """What is known of a source that was read.

    Attributes:
        source: which one.
        ledgers: its records, each with the number of lines before the first of them.
        lines: how many were read now.
        read_bytes: how many bytes these are.
        already_accepted_bytes: how many were passed over.
        marks: how far it is read, by identity.
        rejections: what records lost.
        first_ids: digests of the first log events in it.
        window: digests of the last ones.
        error: why the run has to end; empty where it has not.
    """

    source: Listed
    ledgers: list[tuple[Ledger, int]]
    lines: int
    read_bytes: int
    already_accepted_bytes: int = 0
    marks: dict[str, Mark] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    first_ids: bytes = b""
    window: bytes = b""
    error: str = ""


def result_of(source: Listed, found: Iterable[Found], *, is_marked: bool) -> SourceResult | None:
    """Put together what was found in a source.

    Args:
        source: which one.
        found: all that was found in it.
        is_marked: whether it has to be said how far it was read.

    Returns:
        What is known of it; None where it has to be read whole.
    """
    stretches: list[StretchFound] = []
    marks: list[Mark] = []
    for each in found:
        if isinstance(each, WholeFound):
            return _of_whole(source, each)
        if isinstance(each, StretchFound):
            stretches.append(each)
        else:
            marks = each.marks
    return _of_stretches(source, sorted(stretches, key=lambda each: each.start_bytes), marks, is_marked=is_marked)


def _of_whole(source: Listed, found: WholeFound) -> SourceResult:
    [account] = found.ledger.sources
    return SourceResult(
        source,
        [(found.ledger, 0)],
        account.lines,
        account.read_bytes,
        account.already_accepted_bytes,
        _with_whole(source, found.marks) if found.is_complete else found.marks,
        found.rejections,
        found.first_ids,
        found.window,
        found.error,
    )


def _of_stretches(
    source: Listed, stretches: Sequence[StretchFound], possible: Iterable[Mark], *, is_marked: bool
) -> SourceResult | None:
    result = SourceResult(source, [], 0, 0)
    for each in stretches:
        if each.ledger is None:
            return None
        result.ledgers.append((each.ledger, result.lines))
        result.rejections += [moved(rejection, result.lines) for rejection in each.rejections]
        [account] = each.ledger.sources
        result.lines += account.lines
        result.read_bytes += account.read_bytes
    if not is_marked:
        return result
    reached = next((mark for mark in possible if mark.offset_bytes == result.read_bytes), None)
    if reached is None or reached.lines != result.lines:
        return None
    result.marks = {identity: replace(reached, source=identity) for identity in source.identities}
    if result.read_bytes == source.plain_bytes:
        result.marks = _with_whole(source, result.marks)
    return result


# --- Sources that need never be read again ----------------------------------------------------------------------------


def whole_identity(source: Source) -> str | None:
    """Under which identity a source is remembered that was read to its end; None where it may change unnoticed."""
    is_immutable = isinstance(source, DivisibleSource) and source.is_immutable
    return f"{_WHOLE}{source.identities[0]}" if is_immutable else None


def _with_whole(source: Listed, marks: dict[str, Mark]) -> dict[str, Mark]:
    """Remember that no byte of a source is left: a mark alone does not say so of what is compressed."""
    whole = whole_identity(source.source)
    reached = marks.get(source.identities[0]) if whole else None
    return marks if whole is None or reached is None else {**marks, whole: replace(reached, source=whole, state=b"")}


# --- Log events that were read before, over all tasks -----------------------------------------------------------------


class Window:
    """The last log events that had ids.

    Args:
        mark: what an earlier run remembered.
    """

    def __init__(self, mark: Mark | None) -> None:
        self.state = mark.state if mark else b""
        """Their digests, oldest first."""
        self._is_changed = False

    def has_none_of(self, digests: bytes) -> bool:
        """Tell whether all of these are new."""
        return not self.state or _each(self.state).isdisjoint(_each(digests))

    def extend(self, digests: bytes) -> None:
        """Remember what was read."""
        if digests:
            self.replace((self.state + digests)[-_WINDOW_BYTES:])

    def replace(self, digests: bytes) -> None:
        """Remember what somebody knows who knew all that is known here."""
        self._is_changed = self._is_changed or digests != self.state
        self.state = digests

    def mark(self) -> Mark | None:
        """Give what is remembered as a mark, if it has changed since the last one."""
        if not self._is_changed:
            return None
        self._is_changed = False
        return Mark(EVENT_IDS, 0, 0, "", self.state)


def _each(digests: bytes) -> set[bytes]:
    return {digests[start : start + EVENT_ID_BYTES] for start in range(0, len(digests), EVENT_ID_BYTES)}
